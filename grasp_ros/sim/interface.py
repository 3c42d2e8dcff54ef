# SPDX-License-Identifier: Apache-2.0
"""What the simulator node, exploration and the demo need of a simulated robot."""

from __future__ import annotations

import importlib
from typing import Any, Protocol

import numpy as np

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
    """A robot in its world and its joint trajectory controller, stepped by the caller.

    control_step is the simulated time of one step, s. Time never starts at 0: a stamp of zero
    means "no clock" in ROS. Any call may raise SimulatorFailed.
    """

    world: World
    controller: JointTrajectoryController
    control_step: float
    now_ns: int

    def reset(self, state: FloatArray) -> None:
        """Place the joints of `world.states` at a state (S,), at rest, controller holding.

        The clock goes on. Raises BadInput for a state of another size or outside the limits.
        """

    def step(self) -> None:
        """Advance by control_step."""

    def joints(self) -> JointSample:
        """The measured joints of the robot now."""

    def state(self) -> FloatArray:
        """Where the joints of `world.states` really are now (S,)."""

    def render(self, camera: str = '') -> ImageArray:
        """What a camera of the world sees now, (H, W, 3) uint8 rgb; without a name, the first."""

    def close(self) -> None:
        """Free what the simulator holds."""


def make_robot(engine: str, world: World, real_time_factor: float) -> SimulatedRobot:
    """The world's robot in one of ENGINES, to be stepped at most `real_time_factor` times as fast.

    Raises BadInput saying what to install when the engine is not there.
    """
    robot: SimulatedRobot = load_engine(engine)(world, real_time_factor)
    return robot


def load_engine(engine: str) -> Any:
    """The class of one of ENGINES. Raises BadInput saying what to install when it is not there."""
    module, name = ENGINES[engine]
    try:
        return getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise BadInput(
            f'simulator.engine: {engine} is not installed ({error}); {INSTALL[engine]}'
        ) from error


def checked_state(world: World, state: FloatArray) -> FloatArray:
    """A state (S,) that a robot can be reset to. Raises BadInput saying what is wrong with it."""
    state = np.asarray(state, dtype=float)
    count = len(world.states)
    if state.shape != (count,):
        raise BadInput(f'reset to {state.tolist()}: expected {count} values, {world.states}')
    joints = state[: len(world.robot.joints)]
    low, high = world.robot.position_min, world.robot.position_max
    if not ((joints >= low) & (joints <= high)).all() or not np.isfinite(state).all():
        raise BadInput(f'reset to {state.tolist()}: not within {list(low)} and {list(high)}')
    return state
