# SPDX-License-Identifier: Apache-2.0
"""A model of ros2_control's joint_trajectory_controller (Jazzy and Kilted).

It refuses what the real one refuses, forgets the old trajectory on every new one, and bridges from
its last reference to the first point (interpolate_from_desired_state: true). Like the real one it
does not look for NaN or limits: that is the guard's work, and the tests rely on it.
"""

from __future__ import annotations

import numpy as np

from grasp_ros.types import FloatArray, JointTrajectory, Motion, seconds

REST = 1.19e-7  # the largest last velocity that the controller takes for zero


class JointTrajectoryController:
    """Holds one joint trajectory and samples its reference.

    position (J,) is where the robot stands when the controller is activated, m or rad.
    """

    def __init__(self, joints: tuple[str, ...], position: FloatArray):
        self.joints = joints
        self.activate(position)

    def activate(self, position: FloatArray, velocity: FloatArray | None = None) -> None:
        """Hold `position` (J,), and drop any trajectory. The next one starts at `velocity` (J,),
        or from rest."""
        self._trajectory: JointTrajectory | None = None
        self._bridge_ns = 0
        rest = np.zeros(len(self.joints))
        self._bridge_from = Motion(
            np.array(position, dtype=float), rest if velocity is None else np.array(velocity)
        )

    def accept(self, trajectory: JointTrajectory, now_ns: int) -> str | None:
        """Take a new trajectory, or return why it is refused and keep the old one."""
        reason = rejection(trajectory, self.joints, now_ns)
        if reason is not None:
            return reason
        order = [trajectory.joints.index(name) for name in self.joints]

        def reorder(values: FloatArray | None) -> FloatArray | None:
            return None if values is None else np.asarray(values, dtype=float)[:, order]

        self._bridge_from = self.reference(now_ns)
        self._bridge_ns = now_ns
        self._trajectory = JointTrajectory(
            self.joints,
            trajectory.start_ns or now_ns,
            np.asarray(trajectory.times_ns, dtype=np.int64),
            np.asarray(trajectory.positions, dtype=float)[:, order],
            reorder(trajectory.velocities),
            reorder(trajectory.accelerations),
        )
        return None

    def reference(self, now_ns: int) -> Motion:
        """The reference at `now_ns`; the last point is held for ever."""
        trajectory = self._trajectory
        if trajectory is None:
            return self._bridge_from
        first = point(trajectory, 0)
        if now_ns < first[0]:
            bridge = self._bridge_from
            start = (self._bridge_ns, bridge.position, bridge.velocity, np.zeros(len(self.joints)))
            return interpolate(start, first, now_ns, interpolation_order(trajectory))
        return sample(trajectory, now_ns)


def rejection(trajectory: JointTrajectory, joints: tuple[str, ...], now_ns: int) -> str | None:
    """Why joint_trajectory_controller refuses `trajectory` at `now_ns`, or None if it takes it."""
    times = np.asarray(trajectory.times_ns)
    if not trajectory.joints:
        return 'empty joint names'
    if sorted(trajectory.joints) != sorted(joints):
        return f"joints {list(trajectory.joints)} are not the controller's {list(joints)}"
    if len(times) == 0:
        return 'no points'
    expected = (len(times), len(joints))
    for field in ('positions', 'velocities', 'accelerations'):
        values = getattr(trajectory, field)
        if values is not None and np.shape(values) != expected:
            return f'{field} have shape {np.shape(values)}, expected {expected}'
    if trajectory.velocities is not None and (np.abs(trajectory.velocities[-1]) > REST).any():
        return 'velocity at the last point is not zero'
    if trajectory.start_ns and trajectory.end_ns <= now_ns:
        return f'ends {seconds(now_ns - trajectory.end_ns):.3f} s in the past'
    if (np.diff(times) <= 0).any():
        return 'times are not strictly increasing'
    return None


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
