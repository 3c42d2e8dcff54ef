# SPDX-License-Identifier: Apache-2.0
"""A model of ros2_control's joint_trajectory_controller (Jazzy and Kilted).

It refuses what the real one refuses, forgets the old trajectory on every new one, and bridges from
its last reference to the first point (interpolate_from_desired_state: true). Like the real one it
does not look for NaN or limits: that is the guard's work, and the tests rely on it.
"""

from __future__ import annotations

import numpy as np

from grasp_ros.control.trajectory import Motion, interpolate, interpolation_order, point, sample
from grasp_ros.types import FloatArray, JointTrajectory, seconds

REST = 1.19e-7  # the largest last velocity that the controller takes for zero


class JointTrajectoryController:
    """Holds one joint trajectory and samples its reference.

    position (J,) is where the robot stands when the controller is activated, m or rad.
    """

    def __init__(self, joints: tuple[str, ...], position: FloatArray):
        self.joints = joints
        self.activate(position)

    def activate(self, position: FloatArray) -> None:
        """Hold `position` (J,) at rest, and drop any trajectory."""
        self._trajectory: JointTrajectory | None = None
        self._bridge_ns = 0
        self._bridge_from = Motion(np.array(position, dtype=float), np.zeros(len(self.joints)))

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
