# SPDX-License-Identifier: Apache-2.0
"""Joint trajectories: made from actions within limits, sampled, cut, and ended at rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grasp_ros.config import RobotConfig
from grasp_ros.types import FloatArray, JointTrajectory, TimeArray, nanoseconds, seconds
from grasp_ros.world_model.actions import ActionSpace

MIN_RAMP_NS = 1_000_000  # a velocity change takes at least this long, so points stay apart
MIN_GAP_NS = 1_000  # nearer points are one: a cubic over less time is lost in rounding
BISECTIONS = 30


@dataclass(frozen=True)
class Limits:
    """Joint limits (J,): positions in m or rad, speeds per s, accelerations per s²."""

    position_min: FloatArray
    position_max: FloatArray
    velocity: FloatArray
    acceleration: FloatArray

    @classmethod
    def of(cls, robot: RobotConfig) -> Limits:
        """The limits of a configured robot."""
        return cls(
            np.array(robot.position_min),
            np.array(robot.position_max),
            np.array(robot.max_velocity),
            np.array(robot.max_acceleration),
        )


@dataclass(frozen=True)
class Motion:
    """Joint state at one instant: position and velocity (J,)."""

    position: FloatArray
    velocity: FloatArray


def from_actions(
    actions: FloatArray,
    start: Motion,
    start_ns: int,
    space: ActionSpace,
    limits: Limits,
    joints: tuple[str, ...],
) -> JointTrajectory:
    """The trajectory of `actions` (H, A) from the state `start` at `start_ns`, then to rest.

    Each joint's velocity ramps to the action's at the acceleration limit and stays there for the
    rest of the step. The motion is quadratic between points, so the controller's cubic through
    positions and velocities is exact: the limits hold between the points too. Velocities are cut
    where the joint could no longer stop before its position limit.
    """
    step_ns = nanoseconds(space.dt)
    times, motions = [0], [start]
    now = start
    for index, action in enumerate(actions):
        wanted = np.clip(space.velocity(action, now.position), -limits.velocity, limits.velocity)
        target = _stoppable(now, wanted, space.dt, limits)
        now = _ramp(now, target, index * step_ns, step_ns, limits, times, motions)
    rest_ns = int(_ramp_ns(now.velocity, limits).max())
    if rest_ns:
        zero = np.zeros_like(now.velocity)
        _ramp(now, zero, len(actions) * step_ns, rest_ns, limits, times, motions)
    velocities = np.stack([motion.velocity for motion in motions])
    velocities[-1] = 0.0
    return JointTrajectory(
        joints,
        start_ns,
        np.array(times, dtype=np.int64),
        np.stack([motion.position for motion in motions]),
        velocities,
    )


def stop(
    start: Motion, start_ns: int, space: ActionSpace, limits: Limits, joints: tuple[str, ...]
) -> JointTrajectory:
    """The shortest trajectory from `start` to rest."""
    none = np.zeros((0, space.size))
    trajectory = from_actions(none, start, start_ns, space, limits, joints)
    if len(trajectory.times_ns) > 1:
        return trajectory
    times = np.array([0, MIN_RAMP_NS], dtype=np.int64)
    return JointTrajectory(
        joints, start_ns, times, np.stack([start.position] * 2), np.zeros((2, len(joints)))
    )


def _ramp(
    now: Motion,
    target: FloatArray,
    begin_ns: int,
    length_ns: int,
    limits: Limits,
    times: list[int],
    motions: list[Motion],
) -> Motion:
    """Append the points of one step in which every joint ramps to `target` and holds it."""
    change = target - now.velocity
    ramps = np.minimum(_ramp_ns(change, limits), length_ns)
    for offset in sorted({int(ramp) for ramp in ramps if 0 < ramp < length_ns} | {length_ns}):
        t = seconds(offset)
        ramping = np.minimum(offset, ramps) / 1e9
        slope = np.divide(change, ramps / 1e9, out=np.zeros_like(change), where=ramps > 0)
        velocity = now.velocity + slope * ramping
        position = (
            now.position + (now.velocity + velocity) / 2 * ramping + velocity * (t - ramping)
        )
        times.append(begin_ns + offset)
        motions.append(Motion(position, velocity))
    return motions[-1]


def _ramp_ns(change: FloatArray, limits: Limits) -> TimeArray:
    """How long each joint's velocity takes to change by `change` (J,), in whole MIN_RAMP_NS."""
    ramps = np.ceil(np.abs(change) / limits.acceleration * 1e9 / MIN_RAMP_NS)
    return ramps.astype(np.int64) * MIN_RAMP_NS


def _stoppable(now: Motion, wanted: FloatArray, dt: float, limits: Limits) -> FloatArray:
    """The velocity (J,) nearest to `wanted` from which each joint can still stop within limits."""
    change = limits.acceleration * dt
    wanted = np.clip(wanted, now.velocity - change, now.velocity + change)
    brake = np.clip(0.0, now.velocity - change, now.velocity + change)

    def safe(velocity: FloatArray) -> np.ndarray:
        ramp = np.minimum(_ramp_ns(velocity - now.velocity, limits) / 1e9, dt)
        end = now.position + (now.velocity + velocity) / 2 * ramp + velocity * (dt - ramp)
        # The ramp to rest is rounded up to MIN_RAMP_NS, so it may be that much longer.
        stop_at = end + velocity * (np.abs(velocity) / limits.acceleration + 1e-3) / 2
        # A joint outside its limits may move only towards the inside.
        above = (velocity > 0) & (stop_at > limits.position_max)
        below = (velocity < 0) & (stop_at < limits.position_min)
        return ~(above | below)

    ok = safe(wanted)
    if ok.all():
        return wanted
    low, high = brake, wanted
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        fits = safe(middle)
        low, high = np.where(fits, middle, low), np.where(fits, high, middle)
    return np.where(ok, wanted, low)


Point = tuple[int, FloatArray, FloatArray, FloatArray]  # time_ns, position, velocity, acceleration


def sample(trajectory: JointTrajectory, at_ns: int) -> Motion:
    """Reference at `at_ns`: before the start the first point, after the end the last, at rest."""
    at_ns -= trajectory.start_ns
    times = trajectory.times_ns
    index = int(np.searchsorted(times, at_ns, side='right')) - 1
    if index < 0:
        _, position, velocity, _ = point(trajectory, 0)
        return Motion(position, velocity)
    if index >= len(times) - 1:
        return Motion(trajectory.positions[-1], np.zeros(len(trajectory.joints)))
    return interpolate(
        point(trajectory, index),
        point(trajectory, index + 1),
        trajectory.start_ns + at_ns,
        interpolation_order(trajectory),
    )


def point(trajectory: JointTrajectory, index: int) -> Point:
    """One point with absolute time; missing velocities and accelerations are zero."""
    zero = np.zeros(len(trajectory.joints))
    velocities, accelerations = trajectory.velocities, trajectory.accelerations
    return (
        trajectory.start_ns + int(trajectory.times_ns[index]),
        trajectory.positions[index],
        zero if velocities is None else velocities[index],
        zero if accelerations is None else accelerations[index],
    )


def interpolation_order(trajectory: JointTrajectory) -> int:
    """1, 3 or 5: what joint_trajectory_controller makes of the fields that are filled."""
    if trajectory.velocities is None:
        return 1
    return 3 if trajectory.accelerations is None else 5


def interpolate(start: Point, end: Point, at_ns: int, order: int) -> Motion:
    """The polynomial of `order` 1, 3 or 5 between two points, as the controller evaluates it."""
    (t0, p0, v0, a0), (t1, p1, v1, a1) = start, end
    span = seconds(t1 - t0)
    if span <= 0:
        return Motion(p1, v1)
    t = min(max(seconds(at_ns - t0), 0.0), span)
    gap = p1 - p0
    if order == 1:
        return Motion(p0 + gap * (t / span), gap / span)
    if order == 3:
        c2 = 3 * gap / span**2 - (2 * v0 + v1) / span
        c3 = -2 * gap / span**3 + (v0 + v1) / span**2
        return Motion(p0 + t * (v0 + t * (c2 + t * c3)), v0 + t * (2 * c2 + 3 * t * c3))
    c3 = (20 * gap - (8 * v1 + 12 * v0) * span - (3 * a0 - a1) * span**2) / (2 * span**3)
    c4 = (-30 * gap + (14 * v1 + 16 * v0) * span + (3 * a0 - 2 * a1) * span**2) / (2 * span**4)
    c5 = (12 * gap - 6 * (v1 + v0) * span + (a1 - a0) * span**2) / (2 * span**5)
    return Motion(
        p0 + t * (v0 + t * (a0 / 2 + t * (c3 + t * (c4 + t * c5)))),
        v0 + t * (a0 + t * (3 * c3 + t * (4 * c4 + t * 5 * c5))),
    )


def splice(committed: JointTrajectory, new: JointTrajectory, after_ns: int) -> JointTrajectory:
    """`new`, preceded by `committed` from `after_ns` to its start.

    The controller forgets the old trajectory when a new one comes, so what it should still follow
    of the old one must be sent again.
    """
    assert committed.velocities is not None and new.velocities is not None
    here = sample(committed, after_ns)
    absolute = committed.start_ns + committed.times_ns
    keep = (absolute > after_ns + MIN_GAP_NS) & (absolute < new.start_ns - MIN_GAP_NS)
    if new.start_ns - after_ns < MIN_GAP_NS:
        return new
    times = np.concatenate([[after_ns], absolute[keep], new.start_ns + new.times_ns])
    return JointTrajectory(
        new.joints,
        after_ns,
        times - after_ns,
        np.concatenate([here.position[None], committed.positions[keep], new.positions]),
        np.concatenate([here.velocity[None], committed.velocities[keep], new.velocities]),
    )
