# SPDX-License-Identifier: Apache-2.0
"""Joint trajectories: made from actions, within limits, ended at rest."""

from __future__ import annotations

import numpy as np

from grasp_ros.robot.command import Command
from grasp_ros.robot.limits import Limits
from grasp_ros.types import FloatArray, JointTrajectory, Motion, TimeArray, nanoseconds, seconds

MIN_RAMP_NS = 1_000_000  # a velocity change takes at least this long, so points stay apart
BISECTIONS = 30


def from_actions(
    actions: FloatArray,
    start: Motion,
    start_ns: int,
    command: Command,
    limits: Limits,
    joints: tuple[str, ...],
) -> JointTrajectory:
    """The trajectory of `actions` (H, A) from the state `start` at `start_ns`, then to rest.

    Each joint's velocity ramps to the action's at the acceleration limit and stays there for the
    rest of the step. The motion is quadratic between points, so the controller's cubic through
    positions and velocities is exact: the limits hold between the points too. Velocities are cut
    where the joint could no longer stop before its position limit.
    """
    step_ns = nanoseconds(command.dt)
    times, motions = [0], [start]
    now = start
    for index, action in enumerate(actions):
        wanted = (command.reference(action, now.position) - now.position) / command.dt
        wanted = np.clip(wanted, -limits.velocity, limits.velocity)
        target = _stoppable(now, wanted, command.dt, limits)
        now = _ramp(now, target, index * step_ns, step_ns, limits, times, motions)
    return _ended(now, len(actions) * step_ns, start_ns, limits, joints, times, motions)


def stop(start: Motion, start_ns: int, limits: Limits, joints: tuple[str, ...]) -> JointTrajectory:
    """The shortest trajectory from `start` to rest."""
    return _ended(start, 0, start_ns, limits, joints, [0], [start])


def _ended(
    now: Motion,
    after_ns: int,
    start_ns: int,
    limits: Limits,
    joints: tuple[str, ...],
    times: list[int],
    motions: list[Motion],
) -> JointTrajectory:
    """The points so far and a ramp to rest; at least two points."""
    zero = np.zeros_like(now.velocity)
    rest_ns = int(_ramp_ns(now.velocity, limits).max())
    if rest_ns or len(times) == 1:
        _ramp(now, zero, after_ns, max(rest_ns, MIN_RAMP_NS), limits, times, motions)
    velocities = np.stack([motion.velocity for motion in motions])
    velocities[-1] = 0.0
    return JointTrajectory(
        joints,
        start_ns,
        np.array(times, dtype=np.int64),
        np.stack([motion.position for motion in motions]),
        velocities,
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
