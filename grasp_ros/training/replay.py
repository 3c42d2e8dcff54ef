# SPDX-License-Identifier: Apache-2.0
"""What a bag's commands asked of the robot: the controller's reference, replayed beside the data.

The bag does not hold the reference, so it is made again by the controller's model; where the data
show that the real controller gave up its trajectory, the model gives it up too.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grasp_ros.robot.jtc import JointTrajectoryController
from grasp_ros.training.timing import Section
from grasp_ros.types import FloatArray, JointTrajectory, TimeArray, nanoseconds, seconds

STILL = 0.2  # of the tracking tolerance: a joint that moves less in a step stands
HOLD_STEPS = 3  # a robot that stands for so long before the next command may have been stopped
LAG_GRID_NS = nanoseconds(0.01)
MAX_LAG_NS = nanoseconds(0.5)
LAG_SPAN_NS = nanoseconds(300)  # of data are enough to measure the lag
MIN_MOVING = 30  # steps of a joint's motion, to say anything about how it follows


@dataclass(frozen=True)
class Replay:
    """The reference at N frames, m or rad.

    before (N, J): at each frame, as the commands received until then have it. after (N, J): one
    frame later, before a command received just then changes it; the last row repeats `before`.
    Without what brought the reference back to a blocked joint in between: nobody commanded that.
    known (N,): whether any command had been taken. refused: reason -> number of commands that the
    controller does not take. stops: number of a command -> when the controller gave it up, ns.
    """

    before: FloatArray
    after: FloatArray
    known: NDArray[np.bool_]
    refused: Counter[str]
    stops: dict[int, int]


def replay(
    section: Section,
    times: TimeArray,
    joints: tuple[str, ...],
    tolerance: FloatArray,
    lag_ns: int = 0,
) -> Replay:
    """The reference that the robot felt at `times` (N,): `lag_ns` earlier than commanded."""
    commands = _taken(section, lag_ns)
    result = _run(section, times, commands, joints, tolerance, {})
    stops = _stops(section.at(times), result.before, times, commands, tolerance)
    return _run(section, times, commands, joints, tolerance, stops) if stops else result


def _taken(section: Section, lag_ns: int) -> list[tuple[int, JointTrajectory]]:
    """(when its effect is felt, command), in this order; starts of trajectories moved as well."""
    moved = [
        (arrival + lag_ns, replace(one, start_ns=one.start_ns + lag_ns if one.start_ns else 0))
        for arrival, one in section.commands
    ]
    return sorted(moved, key=lambda one: one[0])


def _run(
    section: Section,
    times: TimeArray,
    commands: list[tuple[int, JointTrajectory]],
    joints: tuple[str, ...],
    tolerance: FloatArray,
    stops: dict[int, int],
) -> Replay:
    """One pass of the controller's model, which gives commands up as `stops` of Replay says."""
    positions = section.at(times)
    arrivals = np.array([arrival for arrival, _ in commands], dtype=np.int64)
    where = section.at(arrivals)  # the robot was when each command came
    controller = JointTrajectoryController(joints, positions[0])
    before, after = np.empty_like(positions), np.empty_like(positions)
    known = np.zeros(len(times), dtype=bool)
    refused: Counter[str] = Counter()
    done, taken, active, due = 0, False, -1, dict(stops)
    moved = np.zeros(len(joints))  # the reference since the last frame, without being commanded

    def take() -> None:
        nonlocal done, taken, active, moved
        arrival, command = commands[done]
        # Behind by more than it ever is when it follows: the joint was blocked or stopped, and the
        # new trajectory starts where it stands. That is no motion that the command asks for.
        reference = controller.reference(arrival)
        gap = where[done] - reference.position
        behind = np.abs(gap) > tolerance
        if behind.any():
            moved = moved + np.where(behind, gap, 0.0)
            controller.activate(
                np.where(behind, where[done], reference.position),
                np.where(behind, 0.0, reference.velocity),
            )
        reason = _unreadable(command) or controller.accept(command, arrival)
        if reason is None:
            taken, active = True, done
        else:
            refused[reason] += 1
        done += 1

    for i, now in enumerate(times.tolist()):
        while done < len(commands) and commands[done][0] <= now:
            take()
        if due.get(active, now + 1) <= now:
            del due[active]
            controller.activate(positions[i])
        before[i], known[i] = controller.reference(now).position, taken
        moved = np.zeros(len(joints))
        if i + 1 == len(times):
            break
        following = int(times[i + 1])
        while done < len(commands) and commands[done][0] < following:
            take()
        # A joint that is blocked at the frame itself is taken to start where it is, anyway.
        moved = np.where(np.abs(before[i] - positions[i]) > tolerance, 0.0, moved)
        after[i] = controller.reference(following).position - moved
    after[-1] = before[-1]
    return Replay(before, after, known, refused, stops)


def _unreadable(command: JointTrajectory) -> str | None:
    """Why nobody can say where a command leads; the real controller does not look for it."""
    values = (command.positions, command.velocities, command.accelerations)
    finite = all(one is None or np.isfinite(one).all() for one in values)
    return None if finite else 'its numbers are not finite'


def _stops(
    positions: FloatArray,
    reference: FloatArray,
    times: TimeArray,
    commands: list[tuple[int, JointTrajectory]],
    tolerance: FloatArray,
) -> dict[int, int]:
    """Number of a command -> when the controller gave it up and held the robot, ns.

    As joint_trajectory_controller does when its tolerances are violated. Seen where the robot
    stands until the next command while its reference moves on in two joints or more: an obstacle
    that stops all of them at once is rare, and pushing it then teaches little.
    """
    moves = (np.abs(np.diff(positions, axis=0)) / tolerance).max(axis=1) > STILL
    arrivals = np.array([arrival for arrival, _ in commands], dtype=np.int64)
    latest = np.searchsorted(arrivals, times, side='right') - 1  # the command of each frame
    found = {}
    for command, first, count in zip(
        *np.unique(latest, return_index=True, return_counts=True), strict=True
    ):
        last = first + count - 1
        moving = np.flatnonzero(moves[first:last])
        first += moving[-1] + 1 if len(moving) else 0
        if command < 0 or last - first < HOLD_STEPS:
            continue
        travel = np.abs(reference[first : last + 1] - reference[first]).max(axis=0)
        behind = np.abs(reference[last] - positions[last])
        if ((travel > tolerance) & (behind > tolerance)).sum() > 1:
            found[int(command)] = int(times[first])
    return found


def measure_lag(
    section: Section,
    times: TimeArray,
    follows: NDArray[np.bool_],
    prompt: Replay,
    joints: tuple[str, ...],
    tolerance: FloatArray,
) -> FloatArray:
    """How long (J,) each joint comes after its reference, s; NaN where it hardly moves.

    The shift of the reference, in time, whose steps between frames at `times` (N,) resemble the
    measured ones most, where it follows. follows (N,): whether the next frame is one step later.
    prompt: the replay at these frames without a lag.
    """
    near: NDArray[np.bool_] = np.less_equal(np.abs(prompt.before - section.at(times)), tolerance)
    near[:-1] &= near[1:]
    begin = int(times[0])
    grid = np.arange(begin, min(int(times[-1]), begin + LAG_SPAN_NS) + 1, LAG_GRID_NS)
    used = follows & (times - begin >= MAX_LAG_NS)
    used &= np.append(times[1:] <= grid[-1], False)
    index = np.flatnonzero(used)
    if len(index) < MIN_MOVING:
        return np.full(len(joints), np.nan)
    commands = _taken(section, 0)
    reference = _run(section, grid, commands, joints, tolerance, prompt.stops).before
    measured = section.at(times[index + 1]) - section.at(times[index])
    shifts = np.arange(0, MAX_LAG_NS + 1, LAG_GRID_NS)
    likeness = np.empty((len(shifts), len(joints)))
    since = (grid - begin).astype(float)
    for row, shift in enumerate(shifts):
        for j, joint in enumerate(reference.T):
            start, end = (
                np.interp((at - shift - begin).astype(float), since, joint)
                for at in (times[index], times[index + 1])
            )
            free = near[index, j] if near[index, j].sum() >= len(index) / 5 else slice(None)
            likeness[row, j] = correlation((end - start)[free], measured[free, j])
    lags = np.array([_peak(column) for column in likeness.T]) * seconds(LAG_GRID_NS)
    moving = (np.abs(measured) > STILL * tolerance).sum(axis=0)
    return np.where(moving >= MIN_MOVING, lags, np.nan)


def _peak(values: FloatArray) -> float:
    """Where a curve is highest, between its samples too; NaN where it is nowhere above 0.5."""
    top = int(np.argmax(values))
    if not values[top] > 0.5:
        return float('nan')
    if not 0 < top < len(values) - 1:
        return float(top)
    left, middle, right = values[top - 1 : top + 2]
    return top + 0.5 * float((left - right) / min(left - 2 * middle + right, -1e-12))


def correlation(first: FloatArray, second: FloatArray) -> float:
    """Pearson's, 0 where one of both is constant."""
    if len(first) < 2 or min(np.std(first), np.std(second)) < 1e-12:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])
