# SPDX-License-Identifier: Apache-2.0
"""The robot in Gazebo 11: the same URDF, world, servos and camera as in MuJoCo."""

from __future__ import annotations

import numpy as np

from grasp_ros.config import RobotConfig, SimulatorConfig
from grasp_ros.robot.jtc import JointTrajectoryController
from grasp_ros.share import find as find_file
from grasp_ros.sim.interface import SimulatorFailed
from grasp_ros.sim.worlds import World
from grasp_ros.types import BadInput, FloatArray, ImageArray, JointSample, nanoseconds, seconds
from grasp_ros_gazebo import kinematics, sdf, urdf
from grasp_ros_gazebo.classic import root
from grasp_ros_gazebo.classic.simulation import Simulation

PHYSICS_STEP = 0.001  # s
MIN_STEPS = 20  # physics steps taken at once: Gazebo is slow to start and to report fewer
# Physics steps a second: so many times faster than they are needed, and no faster than MAX_RATE,
# where Gazebo's idling loop would keep its own transport from working.
HEADROOM, MIN_RATE, MAX_RATE = 4.0, 2000.0, 10_000.0
PLACED = 1e-4  # m or rad; a reset is done when all joints are this near
PLACE_GAIN = 10.0  # 1/s, of the drive to the reset position
PLACE_LIMIT = 60.0  # simulated s that a reset may take


class GazeboRobot:
    """The simulated robot and its joint trajectory controller, stepped by the caller.

    A step is a part of the camera's period, so that there is an image for each multiple of it and
    never one in between. The joints' velocity is their mean over the last step.
    Raises BadInput when Gazebo is not installed or the camera's rate does not fit the physics, and
    SimulatorFailed when Gazebo dies or stalls.
    """

    def __init__(self, robot: RobotConfig, sim: SimulatorConfig, world: World):
        self.config, self.world = robot, world
        self._camera_ns = nanoseconds(1 / sim.camera_rate)
        self._step_ns = step_ns(sim.camera_rate)
        self.control_step = seconds(self._step_ns)
        self._max_velocity = np.array(robot.max_velocity)
        self._gain = min(sim.position_gain, 1 / self.control_step)
        description = urdf.read(find_file('urdf', sim.urdf))
        self._joints = kinematics.joints(description, robot.joints)
        self._tool_radius = urdf.tool_radius(description)
        rate = float(np.clip(HEADROOM * sim.real_time_factor / PHYSICS_STEP, MIN_RATE, MAX_RATE))
        world_file = sdf.build(robot, sim, world, sdf.Physics(PHYSICS_STEP, rate))
        self._simulation = Simulation(
            root.find(),
            world_file,
            world.name,
            description.get('name', ''),
            nanoseconds(PHYSICS_STEP),
            self._camera_ns,
        )
        self._hidden_ns = 0  # spent in resets, while the caller's clock stood still
        none = np.zeros(len(robot.joints))
        self._position, self._velocity = self._measure(), none
        self.controller = JointTrajectoryController(robot.joints, self._position)
        self._command(none, sim.velocity_gain)

    @property
    def now_ns(self) -> int:
        """The caller's clock."""
        return self._simulation.now_ns - self._hidden_ns

    @property
    def low(self) -> FloatArray:
        """Lowest joint positions (J,)."""
        return np.array(self.config.position_min)

    @property
    def high(self) -> FloatArray:
        """Highest joint positions (J,)."""
        return np.array(self.config.position_max)

    @property
    def tool_radius(self) -> float:
        """Radius of the robot's part that touches walls, m."""
        return self._tool_radius

    def reset(self, position: FloatArray) -> None:
        """Drive the joints to `position` (J,), to rest, controller holding.

        The walls are out of the way meanwhile: Gazebo cannot place joints, and a straight drive
        would end at the first wall. The clock stands still, and goes on at a multiple of the
        camera's period.
        """
        position = np.asarray(position, dtype=float)
        low, high = self.low, self.high
        if position.shape != low.shape or not ((position >= low) & (position <= high)).all():
            raise BadInput(f'reset to {position.tolist()}: not within {low} and {high}')
        shown_ns = self.now_ns
        self._advance(np.zeros_like(position), -shown_ns % self._camera_ns)
        self._simulation.move_walls(away=True)
        limit_ns = self._simulation.now_ns + nanoseconds(PLACE_LIMIT)
        while np.abs(error := position - self._measure()).max() > PLACED:
            if self._simulation.now_ns > limit_ns:
                raise SimulatorFailed(
                    f'reset to {position}: still {error} away after {PLACE_LIMIT} s'
                )
            self._advance(PLACE_GAIN * error, self._camera_ns)
        self._simulation.move_walls(away=False)
        self._advance(np.zeros_like(position), self._camera_ns)
        self._hidden_ns = self._simulation.now_ns - (shown_ns + -shown_ns % self._camera_ns)
        self._velocity = np.zeros_like(position)
        self.controller.activate(position)

    def step(self) -> None:
        """Advance by control_step, at the reference's mean velocity over it."""
        now, then = (self.controller.reference(self.now_ns + ns) for ns in (0, self._step_ns))
        velocity = (then.position - now.position) / self.control_step
        self._advance(velocity + self._gain * (now.position - self._position), self._step_ns)

    def joints(self) -> JointSample:
        """The measured joints now."""
        return JointSample(self.now_ns, self._position.copy(), self._velocity.copy())

    def render(self) -> ImageArray:
        """The overhead camera's image now, (H, W, 3) uint8 rgb.

        Raises BadInput between the camera's images: an older one would carry a wrong stamp.
        """
        if self.now_ns % self._camera_ns:
            raise BadInput(
                f'no image at {seconds(self.now_ns)} s: there is one each '
                f'{seconds(self._camera_ns)} s, so the model step must be a multiple of that'
            )
        return self._simulation.image()

    def close(self) -> None:
        """End Gazebo."""
        self._simulation.close()

    def _advance(self, velocity: FloatArray, duration_ns: int) -> None:
        if duration_ns == 0:
            return
        self._command(np.clip(velocity, -self._max_velocity, self._max_velocity))
        self._simulation.advance(duration_ns)
        position = self._measure()
        self._velocity = (position - self._position) / seconds(duration_ns)
        self._position = position

    def _command(self, velocity: FloatArray, gain: float | None = None) -> None:
        names = self.config.joints
        self._simulation.command(dict(zip(names, velocity.tolist(), strict=True)), gain)

    def _measure(self) -> FloatArray:
        links = self._simulation.links()
        return np.array([joint.position(links) for joint in self._joints])


def step_ns(camera_rate: float) -> int:
    """The control step: the camera's period, or the least equal part of MIN_STEPS physics steps.

    Raises BadInput for a period that is no whole number of physics steps: images would then lie
    between steps, and some would be missed.
    """
    steps = 1 / camera_rate / PHYSICS_STEP
    if abs(steps - round(steps)) > 1e-6:
        raise BadInput(
            f'simulator.camera_rate: {camera_rate} Hz is a period of {steps:.3f} physics steps of '
            f'{PHYSICS_STEP} s; Gazebo needs a whole number of them, as at 20 or 25 Hz'
        )
    period = round(steps)
    parts = next(n for n in range(max(1, period // MIN_STEPS), 0, -1) if period % n == 0)
    return period // parts * nanoseconds(PHYSICS_STEP)
