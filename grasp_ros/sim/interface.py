# SPDX-License-Identifier: Apache-2.0
"""What the simulator node, exploration and the demo need of a simulated robot."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

from grasp_ros.config import RobotConfig, SimulatorConfig
from grasp_ros.robot.jtc import JointTrajectoryController
from grasp_ros.sim.worlds import World
from grasp_ros.types import BadInput, FloatArray, ImageArray, JointSample

# simulator.engine: module and class. Imported when asked for: each needs packages of its own.
ENGINES = {
    'mujoco': ('grasp_ros.sim.robot', 'MujocoRobot'),
    'gazebo': ('grasp_ros_gazebo.classic.robot', 'GazeboRobot'),
}
INSTALL = {
    'mujoco': "pip install 'grasp_ros[sim]'",
    'gazebo': 'scripts/gazebo, which installs and runs it',
}


class SimulatorFailed(RuntimeError):
    """The simulator has died or stands still; no call can bring it back."""


class SimulatedRobot(Protocol):
    """A robot and its joint trajectory controller, stepped by the caller.

    control_step is the simulated time of one step, s. Time never starts at 0: a stamp of zero
    means "no clock" in ROS. Any call may raise SimulatorFailed.
    """

    config: RobotConfig
    world: World
    controller: JointTrajectoryController
    control_step: float
    now_ns: int

    @property
    def low(self) -> FloatArray:
        """Lowest joint positions (J,)."""

    @property
    def high(self) -> FloatArray:
        """Highest joint positions (J,)."""

    @property
    def tool_radius(self) -> float:
        """Radius of the robot's part that touches walls, m."""

    def reset(self, position: FloatArray) -> None:
        """Place the joints at `position` (J,), at rest, controller holding; the clock goes on."""

    def step(self) -> None:
        """Advance by control_step."""

    def joints(self) -> JointSample:
        """The measured joints now."""

    def render(self) -> ImageArray:
        """The overhead camera's image now, (H, W, 3) uint8 rgb."""

    def close(self) -> None:
        """Free what the simulator holds."""


def make_robot(robot: RobotConfig, sim: SimulatorConfig, world: World) -> SimulatedRobot:
    """The robot in the simulator that `simulator.engine` names.

    Raises BadInput saying what to install when it is not there.
    """
    module, name = ENGINES[sim.engine]
    try:
        engine: Any = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise BadInput(
            f'simulator.engine: {sim.engine} is not installed ({error}); {INSTALL[sim.engine]}'
        ) from error
    result: SimulatedRobot = engine(robot, sim, world)
    return result
