# SPDX-License-Identifier: Apache-2.0
"""A bag on the model's time grid: positions, commanded actions and what became of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from grasp_ros.config import RobotConfig
from grasp_ros.robot.command import Command
from grasp_ros.training.clocks import clocks_apart, refuse_other_times
from grasp_ros.training.findings import Finding
from grasp_ros.training.recording import SKEW_NS, Recording
from grasp_ros.training.replay import LAG_SPAN_NS, STILL, Replay, measure_lag, replay
from grasp_ros.training.timing import Section, check_step, period, pick_frames, sections
from grasp_ros.types import BadInput, FloatArray, TimeArray, nanoseconds, seconds

MANY = 0.05  # of the images: so many that no other camera goes with are more than a few lost
NO_COMMANDS = (
    '. Commands must be on the topic: goals of the action follow_joint_trajectory, as MoveIt '
    'sends them, are in no bag'
)
LATE = 0.25  # of a model step: the actions of a robot that comes later than this are read later


@dataclass(frozen=True)
class Timeline:
    """N frames of a bag, without their pictures; J joints, A actions.

    frames (N,): indices of the recording's images. positions (N, J), m or rad; actions (N, A) and
    follows (N,): see Dataset. asked, moved, behind (N, J): how far the command moves each joint
    until the next frame, how far it moves, and how far it is from the command, m or rad; told
    (N, J): `asked` of a robot that followed all commands to the end, whatever they are. blocked
    (N, J): whether that is further than its lag explains. refused: reason -> number of commands
    that the controller does not take. aborts: how often it gave a trajectory up. lag_ns: how much
    later than commanded the actions are read. travel (J,): how far a full action takes each joint.
    """

    recording: Recording
    frames: NDArray[np.int64]
    positions: FloatArray
    actions: FloatArray
    follows: NDArray[np.bool_]
    asked: FloatArray
    told: FloatArray
    moved: FloatArray
    behind: FloatArray
    blocked: NDArray[np.bool_]
    refused: Counter[str]
    aborts: int
    lag_ns: int
    findings: tuple[Finding, ...]
    travel: FloatArray


@dataclass(frozen=True)
class _Stretch:
    """A section, the frames picked from it, and which of them are followed by the next."""

    section: Section
    index: NDArray[np.int64]
    times: TimeArray
    follows: NDArray[np.bool_]


def timelines(
    recordings: list[Recording], robot: RobotConfig, command: Command
) -> tuple[list[Timeline], FloatArray]:
    """The recordings on the model's time grid, and each joint's lag (J,), s, NaN where unknown.

    Raises BadInput for a recording without transitions.
    """
    step_ns, tolerance = nanoseconds(command.dt), np.array(robot.tracking_tolerance)
    found, lags = [], []
    for recording in recordings:
        cut, findings = _cut(recording)
        stretches = [_stretch(section, step_ns) for section in cut]
        apart = np.concatenate([np.diff(one.times)[one.follows[:-1]] for one in stretches])
        check_step(recording.path, apart / 1e9, command.dt, period([recording]))
        prompt = [replay(one.section, one.times, robot.joints, tolerance) for one in stretches]
        lags.append(_lag(stretches, prompt, robot.joints, tolerance))
        found.append((recording, stretches, prompt, tuple(findings)))
    lag = np.array([_median(joint) for joint in np.array(lags).T])
    late = _median(lag)
    lag_ns = nanoseconds(late) if late > LATE * command.dt else 0
    return [_timeline(*one, robot, command, lag_ns) for one in found], lag


def _cut(recording: Recording) -> tuple[list[Section], list[Finding]]:
    counts = (len(recording.image_stamps), len(recording.joint_stamps), len(recording.commands))
    if counts[0] < 2 or not counts[1] or not counts[2]:
        raise BadInput(
            f'{recording.path}: {counts[0]} images, {counts[1]} joint states and {counts[2]} '
            'trajectories; at least 2, 1 and 1 expected' + ('' if counts[2] else NO_COMMANDS)
        )
    refuse_other_times(recording)
    cut, findings = sections(recording)
    findings = [*findings, *clocks_apart(recording)]
    if recording.lonely:
        text = (
            f'{recording.path}: {recording.lonely} images of {len(recording.cameras)} cameras '
            f'left out: another camera has none within {seconds(SKEW_NS)} s'
        )
        often = recording.lonely > MANY * counts[0]
        findings = [*findings, Finding('warning' if often else 'note', text)]
    if not cut:
        raise BadInput(f'{recording.path}: no stretch of images and joint states together')
    return cut, findings


def _stretch(section: Section, step_ns: int) -> _Stretch:
    index, follows = pick_frames(section.image_stamps, step_ns)
    times = section.image_stamps[index]
    known = section.joint_stamps
    right = np.searchsorted(known, times).clip(0, len(known) - 1)
    away = np.minimum(np.abs(known[right] - times), np.abs(known[(right - 1).clip(0)] - times))
    seen = away <= step_ns  # a joint state is near enough to tell the positions
    return _Stretch(section, index, times, follows & seen & np.append(seen[1:], False))


def _lag(
    stretches: list[_Stretch],
    prompt: list[Replay],
    joints: tuple[str, ...],
    tolerance: FloatArray,
) -> FloatArray:
    """Each joint's lag (J,), s, of the stretch and the part of it in which they move most."""
    most, chosen, first = -1, 0, 0
    for number, one in enumerate(stretches):
        moved = np.abs(np.diff(one.section.at(one.times), axis=0)) > STILL * tolerance
        moving = np.append(0, (moved & one.follows[:-1, None]).sum(axis=1).cumsum())
        ends = np.searchsorted(one.times, one.times + LAG_SPAN_NS, side='right') - 1
        within = moving[ends] - moving
        if within.max() > most:
            most, chosen, first = int(within.max()), number, int(within.argmax())
    one, done = stretches[chosen], prompt[chosen]
    there = replace(done, before=done.before[first:])
    frames = (one.times[first:], one.follows[first:])
    return measure_lag(one.section, *frames, there, joints, tolerance)


def _timeline(
    recording: Recording,
    stretches: list[_Stretch],
    prompt: list[Replay],
    findings: tuple[Finding, ...],
    robot: RobotConfig,
    command: Command,
    lag_ns: int,
) -> Timeline:
    tolerance = np.array(robot.tracking_tolerance)
    joints = robot.joints
    replays = prompt
    if lag_ns:
        replays = [replay(one.section, one.times, joints, tolerance, lag_ns) for one in stretches]
    obeyed = [
        replay(one.section, one.times, joints, np.full(len(joints), np.inf), lag_ns)
        for one in stretches
    ]
    positions = np.concatenate([one.section.at(one.times) for one in stretches])
    before, after = (
        np.concatenate([getattr(one, name) for one in replays]) for name in ('before', 'after')
    )
    blocked = np.abs(before - positions) > tolerance
    # A blocked joint is told to go on from where it stands, as the planner will tell it.
    start = np.where(blocked, positions, before)
    actions = command.actions(np.stack([start, after], axis=-2))[..., 0, :]
    follows = np.concatenate(
        [one.follows & done.known for one, done in zip(stretches, replays, strict=True)]
    )
    refused: Counter[str] = Counter()
    for one in replays:
        refused.update(one.refused)
    return Timeline(
        recording,
        np.concatenate([one.section.images[one.index] for one in stretches]),
        positions,
        actions,
        follows & np.isfinite(actions).all(axis=1),
        after - before,
        np.concatenate([one.after - one.before for one in obeyed]),
        np.append(np.diff(positions, axis=0), np.zeros((1, positions.shape[1])), axis=0),
        np.concatenate([one.before for one in prompt]) - positions,
        blocked,
        refused,
        sum(len(one.stops) for one in replays),
        lag_ns,
        findings,
        command.dt * np.array(robot.max_velocity),
    )


def _median(values: FloatArray) -> float:
    """The median of those known, NaN where none is."""
    known = values[np.isfinite(values)]
    return float(np.median(known)) if len(known) else float('nan')
