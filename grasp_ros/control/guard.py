# SPDX-License-Identifier: Apache-2.0
"""The last look at every trajectory before it leaves: one function a promise.

joint_trajectory_controller takes NaN, jumps and broken limits without a word, so this is the last
gate. What it judges is not the message but the motion that the message causes: from whatever the
controller commands when it comes, over the way that the controller finds to the first point, to
the last. It trusts nothing that the planner computed and keeps no state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grasp_ros.control.extremes import extremes
from grasp_ros.control.reference import Reference
from grasp_ros.robot.jtc import sample
from grasp_ros.robot.limits import Limits
from grasp_ros.types import (
    FloatArray,
    JointSample,
    JointTrajectory,
    Motion,
    Refused,
    nanoseconds,
    seconds,
)

SLACK = 1e-3  # relative; rounding of times to whole nanoseconds
JUMP = 1e-6  # of a joint's range: what rounding leaves between two descriptions of one motion
MAX_AHEAD_NS = nanoseconds(2.0)  # a motion that begins later than this has a foreign clock
BLOCKED = 2.0  # tolerances beside the reference at which it may still be ended
RECEIPTS = 5  # moments of receipt that are looked at


@dataclass(frozen=True)
class Situation:
    """What a trajectory is judged against.

    reference: what the controller was told. measured: the newest joints. now_ns: the time, and
    transport_ns how much later the trajectory may come. observation_ns: the stamp of the image
    that it was planned from, None for a stop.
    """

    reference: Reference
    measured: JointSample
    now_ns: int
    transport_ns: int
    observation_ns: int | None = None


class Guard:
    """Checks trajectories for one robot.

    tolerance (J,): m or rad between commanded and measured position while the robot follows.
    max_age_ns: oldest observation; max_future_ns: how far ahead of the clock it may be stamped.
    """

    def __init__(
        self,
        joints: tuple[str, ...],
        limits: Limits,
        tolerance: FloatArray,
        max_age_ns: int,
        max_future_ns: int = 0,
    ):
        self._joints, self._limits, self._tolerance = joints, limits, tolerance
        self._ages_ns = -max_future_ns, max_age_ns

    def check(self, trajectory: JointTrajectory, situation: Situation) -> Refused | None:
        """None when every promise is kept; otherwise the first broken one, with its numbers."""
        reason = (
            self._well_formed(trajectory)
            or self._in_time(trajectory, situation)
            or self._ends_at_rest(trajectory)
            or self._starts_near(trajectory, situation)
            or self._within_limits(trajectory, situation)
            or self._joins(trajectory, situation)
        )
        return None if reason is None else Refused(f'guard: {reason}')

    def _well_formed(self, trajectory: JointTrajectory) -> str | None:
        if trajectory.joints != self._joints:
            return f'joints {list(trajectory.joints)}, expected {list(self._joints)}'
        shape = (len(trajectory.times_ns), len(self._joints))
        if shape[0] == 0:
            return 'no points'
        if trajectory.velocities is None or trajectory.accelerations is not None:
            return 'expected positions and velocities, and no accelerations'
        fields = {'positions': trajectory.positions, 'velocities': trajectory.velocities}
        for name, values in fields.items():
            if values.shape != shape:
                return f'{name} have shape {values.shape}, expected {shape}'
            if not np.isfinite(values).all():
                return f'{name} are not finite'
        if (np.diff(trajectory.times_ns) <= 0).any():
            return 'times are not strictly increasing'
        if trajectory.start_ns <= 0:
            return 'no start time'
        return None

    def _in_time(self, trajectory: JointTrajectory, situation: Situation) -> str | None:
        now_ns, first_ns = situation.now_ns, _first_ns(trajectory)
        if trajectory.end_ns <= now_ns + situation.transport_ns:
            return f'ends {seconds(trajectory.end_ns - now_ns):.3f} s from now, before it arrives'
        if first_ns > now_ns + MAX_AHEAD_NS:
            ahead, limit = seconds(first_ns - now_ns), seconds(MAX_AHEAD_NS)
            return f'starts {ahead:.3f} s ahead, {limit:.3f} s allowed'
        if situation.observation_ns is not None:
            age_ns = now_ns - situation.observation_ns
            low, high = self._ages_ns
            if not low <= age_ns <= high:
                allowed = f'{seconds(low):.3f} to {seconds(high):.3f} s allowed'
                return f'observation is {seconds(age_ns):.3f} s old, {allowed}'
        return None

    def _ends_at_rest(self, trajectory: JointTrajectory) -> str | None:
        assert trajectory.velocities is not None
        last = trajectory.velocities[-1]
        return f'last velocity {last.tolist()} is not zero' if last.any() else None

    def _starts_near(self, trajectory: JointTrajectory, situation: Situation) -> str | None:
        """The commanded position at the time of the measurement, and what was measured."""
        measured, first_ns = situation.measured, _first_ns(trajectory)
        at_ns = max(situation.now_ns, first_ns)
        travel = self._limits.velocity * seconds(abs(at_ns - measured.stamp_ns))
        # Who is blocked is beside the reference already, and must be stopped all the same.
        ends_it = situation.observation_ns is None and first_ns <= situation.now_ns
        tolerance = self._tolerance * (BLOCKED if ends_it else 1.0)
        error = np.abs(sample(trajectory, at_ns).position - measured.position)
        for name, seen, allowed in zip(self._joints, error, travel + tolerance, strict=True):
            if not seen <= allowed:
                return (
                    f'{name} starts {seen:.4f} from the measured position, {allowed:.4f} allowed'
                )
        return None

    def _within_limits(self, trajectory: JointTrajectory, situation: Situation) -> str | None:
        return self._beyond(trajectory, self._bounds(situation))

    def _joins(self, trajectory: JointTrajectory, situation: Situation) -> str | None:
        """Whenever it arrives, the controller must get from what it commands onto the trajectory.

        Before the first point it moves there by one cubic: from its reference, or from where the
        robot is measured (`interpolate_from_desired_state: false`, a controller that holds after
        it has refused or aborted). After it, it is on the trajectory at once.
        """
        first_ns, now_ns = _first_ns(trajectory), situation.now_ns
        bounds = self._bounds(situation)
        for later_ns in np.linspace(0, situation.transport_ns, RECEIPTS):
            received = now_ns + int(later_ns)
            if received < first_ns:
                for start in self._possible(situation, received):
                    bridge = _bridge(start, received, trajectory)
                    # Too fast already, be it by noise alone, it is to be slowed down all the more.
                    already = np.abs(start.velocity)
                    if (reason := self._beyond(bridge, bounds, already)) is not None:
                        return f'on the way to the first point, {reason}'
            elif (reason := self._jump(trajectory, situation.reference, received)) is not None:
                return reason
        return None

    def _jump(self, trajectory: JointTrajectory, old: Reference, at_ns: int) -> str | None:
        before, after = old.at(at_ns), sample(trajectory, at_ns)
        if before is None or at_ns < old.settled_ns:
            return 'begins in the past, and what the controller follows is not known'
        span = self._limits.position_max - self._limits.position_min
        allowed = JUMP * np.maximum(span, 1.0)
        for what, gap in (
            ('position', np.abs(after.position - before.position)),
            # A difference in speed that lasts a millisecond moves the joint by as much.
            ('velocity', np.abs(after.velocity - before.velocity) * 1e-3),
        ):
            if not (gap <= allowed).all():
                joint = int(np.argmax(gap / allowed))
                return f'{self._joints[joint]} jumps in {what} from what the controller follows'
        return None

    def _possible(self, situation: Situation, at_ns: int) -> list[Motion]:
        """Where the controller may start from: its reference, and the robot, moving or held.

        A reference that is not known may lie beside the robot by the tolerance.
        """
        measured = situation.measured
        ahead = seconds(max(0, at_ns - measured.stamp_ns))
        held = Motion(measured.position, np.zeros(len(self._joints)))
        moving = Motion(measured.position + ahead * measured.velocity, measured.velocity)
        told = situation.reference.at(at_ns)
        if told is not None:
            return [told, held, moving]
        low = self._limits.position_min - self._tolerance
        high = self._limits.position_max + self._tolerance
        beside = [held.position + side * self._tolerance for side in (-1, 1)]
        return [
            held,
            moving,
            *(Motion(np.clip(position, low, high), held.velocity) for position in beside),
        ]

    def _bounds(self, situation: Situation) -> tuple[FloatArray, FloatArray]:
        """Position limits; a joint that stands outside may be anywhere between there and inside,
        and one that leaves them may be stopped as far out as it comes.

        Never further outside than the tolerance: whatever is measured beyond is wrong.
        """
        limits, low, high = self._limits, self._limits.position_min, self._limits.position_max
        for motion in self._possible(situation, situation.now_ns):
            low = np.fmin(low, motion.position)
            high = np.fmax(high, motion.position)
        if situation.observation_ns is None:
            rest = braked(situation.measured, limits)
            low = np.where(rest < limits.position_min, -np.inf, low)
            high = np.where(rest > limits.position_max, np.inf, high)
        margin = SLACK * (limits.position_max - limits.position_min)
        low = np.maximum(low, limits.position_min - self._tolerance) - margin
        high = np.minimum(high, limits.position_max + self._tolerance) + margin
        return low, high

    def _beyond(
        self,
        trajectory: JointTrajectory,
        bounds: tuple[FloatArray, FloatArray],
        already: FloatArray | float = 0.0,
    ) -> str | None:
        """The first limit that the motion breaks, in words. already: speeds (J,) that it may have
        above the limit."""
        limits = self._limits
        position, velocity, acceleration = extremes(trajectory)
        anything, fastest = np.full_like(velocity, -np.inf), np.fmax(limits.velocity, already)
        checks: list[tuple[str, FloatArray, FloatArray, FloatArray]] = [
            ('position', position[0], *bounds),
            ('position', position[1], *bounds),
            ('speed', velocity, anything, fastest * (1 + SLACK)),
            ('acceleration', acceleration, anything, limits.acceleration * (1 + SLACK) + 1e-6),
        ]
        for what, seen, low, high in checks:
            bad = ~((seen >= low) & (seen <= high))
            if bad.any():
                joint = int(np.argmax(bad))
                return (
                    f'{self._joints[joint]} {what} {seen[joint]:.4f} is outside '
                    f'{low[joint]:.4f} to {high[joint]:.4f}'
                )
        return None


def braked(measured: JointSample, limits: Limits) -> FloatArray:
    """Where the joints (J,) are once they have stopped as fast as they may."""
    speed = measured.velocity
    return measured.position + speed * np.abs(speed) / (2 * limits.acceleration)


def _first_ns(trajectory: JointTrajectory) -> int:
    return trajectory.start_ns + int(trajectory.times_ns[0])


def _bridge(start: Motion, start_ns: int, trajectory: JointTrajectory) -> JointTrajectory:
    """The controller's cubic from a state to the first point."""
    assert trajectory.velocities is not None
    return JointTrajectory(
        trajectory.joints,
        start_ns,
        np.array([0, _first_ns(trajectory) - start_ns], dtype=np.int64),
        np.stack([start.position, trajectory.positions[0]]),
        np.stack([start.velocity, trajectory.velocities[0]]),
    )
