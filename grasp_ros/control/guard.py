# SPDX-License-Identifier: Apache-2.0
"""The last look at every trajectory before it leaves: one function a promise.

joint_trajectory_controller takes NaN, jumps and broken limits without a word, so this is the last
gate. It trusts nothing that the planner computed and keeps no state.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grasp_ros.robot.limits import Limits
from grasp_ros.types import FloatArray, JointTrajectory, Motion, Refused, nanoseconds, seconds

SLACK = 1e-3  # relative; rounding of times to whole nanoseconds
MAX_AHEAD_NS = nanoseconds(2.0)  # a trajectory that starts later than this has a foreign clock


@dataclass(frozen=True)
class Measured:
    """The state and the observation that a trajectory was computed from."""

    motion: Motion
    stamp_ns: int


class Guard:
    """Checks trajectories for one robot.

    max_start_error: m or rad between the measured and the first position, beside what the robot
    can travel in between. max_age_ns: oldest observation.
    """

    def __init__(
        self, joints: tuple[str, ...], limits: Limits, max_start_error: float, max_age_ns: int
    ):
        self._joints, self._limits = joints, limits
        self._max_start_error, self._max_age_ns = max_start_error, max_age_ns

    def check(
        self, trajectory: JointTrajectory, measured: Measured, now_ns: int
    ) -> Refused | None:
        """None when every promise is kept; otherwise the first broken one, with its numbers."""
        reason = (
            self._well_formed(trajectory)
            or self._in_time(trajectory, measured, now_ns)
            or self._starts_near(trajectory, measured)
            or self._within_limits(trajectory, measured)
            or self._ends_at_rest(trajectory)
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
        return None

    def _in_time(self, trajectory: JointTrajectory, measured: Measured, now_ns: int) -> str | None:
        first_ns = trajectory.start_ns + int(trajectory.times_ns[0])
        if first_ns <= now_ns:
            return f'starts {seconds(now_ns - first_ns):.3f} s in the past'
        if first_ns > now_ns + MAX_AHEAD_NS:
            ahead, limit = seconds(first_ns - now_ns), seconds(MAX_AHEAD_NS)
            return f'starts {ahead:.3f} s ahead, {limit:.3f} s allowed'
        age_ns = now_ns - measured.stamp_ns
        if not 0 <= age_ns <= self._max_age_ns:
            limit = seconds(self._max_age_ns)
            return f'observation is {seconds(age_ns):.3f} s old, 0 to {limit:.3f} s allowed'
        return None

    def _starts_near(self, trajectory: JointTrajectory, measured: Measured) -> str | None:
        first_ns = trajectory.start_ns + int(trajectory.times_ns[0])
        travel = self._limits.velocity * seconds(first_ns - measured.stamp_ns)
        error = np.abs(trajectory.positions[0] - measured.motion.position)
        for name, seen, allowed in zip(
            self._joints, error, travel + self._max_start_error, strict=True
        ):
            if not seen <= allowed:
                return (
                    f'{name} starts {seen:.4f} from the measured position, {allowed:.4f} allowed'
                )
        return None

    def _within_limits(self, trajectory: JointTrajectory, measured: Measured) -> str | None:
        limits, start = self._limits, measured.motion.position
        position, velocity, acceleration = extremes(trajectory)
        margin = SLACK * (limits.position_max - limits.position_min)
        # A joint that is measured outside may be anywhere between there and the inside.
        lowest = np.minimum(limits.position_min, start) - margin
        highest = np.maximum(limits.position_max, start) + margin
        anything = np.full_like(lowest, -np.inf)
        checks: list[tuple[str, FloatArray, FloatArray, FloatArray]] = [
            ('position', position[0], lowest, highest),
            ('position', position[1], lowest, highest),
            ('speed', velocity, anything, limits.velocity * (1 + SLACK)),
            ('acceleration', acceleration, anything, limits.acceleration * (1 + SLACK) + 1e-6),
        ]
        for what, seen, low, high in checks:
            bad = ~((seen >= low) & (seen <= high))
            if bad.any():
                joint = int(np.argmax(bad))
                bounds = [
                    float(np.broadcast_to(bound, seen.shape)[joint]) for bound in (low, high)
                ]
                return (
                    f'{self._joints[joint]} {what} {seen[joint]:.4f} is outside '
                    f'{bounds[0]:.4f} to {bounds[1]:.4f}'
                )
        return None

    def _ends_at_rest(self, trajectory: JointTrajectory) -> str | None:
        assert trajectory.velocities is not None
        last = trajectory.velocities[-1]
        return f'last velocity {last.tolist()} is not zero' if last.any() else None


def extremes(
    trajectory: JointTrajectory,
) -> tuple[tuple[FloatArray, FloatArray], FloatArray, FloatArray]:
    """(lowest, highest) position, highest speed and acceleration (J,) along the cubic segments.

    Not only at the points: a cubic overshoots between points that keep every limit.
    """
    assert trajectory.velocities is not None
    p, v = trajectory.positions, trajectory.velocities
    speed = np.abs(v).max(axis=0)
    if len(p) == 1:
        return (p[0], p[0]), speed, np.zeros_like(speed)
    span = (np.diff(trajectory.times_ns) / 1e9)[:, None]
    gap, v0, v1 = np.diff(p, axis=0), v[:-1], v[1:]
    # p(t) = p0 + v0 t + c2 t² + c3 t³
    c2 = 3 * gap / span**2 - (2 * v0 + v1) / span
    c3 = -2 * gap / span**3 + (v0 + v1) / span**2
    acceleration = np.maximum(np.abs(2 * c2), np.abs(2 * c2 + 6 * c3 * span)).max(axis=0)

    def at(t: FloatArray) -> FloatArray:
        return p[:-1] + t * (v0 + t * (c2 + t * c3))

    with np.errstate(divide='ignore', invalid='ignore'):
        vertex = -c2 / (3 * c3)
        vertex = np.clip(np.where(np.isfinite(vertex), vertex, 0.0), 0.0, span)
        # Where the velocity v0 + 2 c2 t + 3 c3 t² is zero; numerically stable form of the roots.
        q = -(c2 + np.copysign(np.sqrt(np.maximum(c2**2 - 3 * c3 * v0, 0.0)), c2))
        roots = [q / (3 * c3), v0 / q]
    speed = np.maximum(speed, np.abs(v0 + vertex * (2 * c2 + 3 * c3 * vertex)).max(axis=0))
    turns = [at(np.clip(np.where(np.isfinite(t), t, 0.0), 0.0, span)) for t in roots]
    reached = np.concatenate([p, *turns])
    return (reached.min(axis=0), reached.max(axis=0)), speed, acceleration
