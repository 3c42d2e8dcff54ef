# SPDX-License-Identifier: Apache-2.0
"""What a robot has to do in a world: one file a task.

A task's module has `make(settings, robot, description) -> Task`; settings are what the world's
file says beside its name, robot, simulator and task. Raises BadInput, KeyError, TypeError or
ValueError when they are not usable.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from grasp_ros.config import RobotConfig
from grasp_ros.sim.description import Description
from grasp_ros.sim.shapes import Shape
from grasp_ros.types import BadInput, FloatArray

# `task` in a world's file: the module, imported when asked for. Others go by their module's name.
TASKS = {
    'reach_gantry': 'grasp_ros.sim.tasks.reach_gantry',
    'reach_joints': 'grasp_ros.sim.tasks.reach_joints',
}


@dataclass(frozen=True)
class Problem:
    """One episode: states (S,) of start and goal, and the shortest time between them, s."""

    start: FloatArray
    goal: FloatArray
    shortest_time: float


class Task(Protocol):
    """A world's geometry, its problems, when one is solved, and how it is drawn.

    A state (S,) is the robot's joint positions (J,), then those of `objects`: joints of things
    that the task lets move. tolerance is the largest error() of a solved problem.
    """

    objects: tuple[str, ...] = ()
    tolerance: float

    def of_pictures(self) -> Task:
        """The task where goals are pictures alone, which may not tell all that a state holds."""
        return self

    def shapes(self) -> Sequence[Shape]:
        """What stands around the robot."""

    def add_objects(self, spec: Any) -> None:
        """Add what moves, with the joints `objects`, to a mujoco.MjSpec."""
        return None

    def sample(self, count: int, seed: int) -> list[Problem]:
        """Problems of a seed. Raises BadInput when there are no `count` of them."""

    def error(self, state: FloatArray, goal: FloatArray) -> float:
        """How far a state (S,) is from the goal's (S,), in the unit of `tolerance`."""

    def words(self, error: float) -> str:
        """An error with its unit, as people read it: '25 mm'."""

    def touches(self, states: FloatArray) -> NDArray[np.bool_]:
        """Whether the robot presses on something, or on itself, in states (N, S): (N,)."""

    def tool_position(self, states: FloatArray) -> FloatArray:
        """Where the tool is in states (..., S): (..., 3), m, in the world."""

    def outline(self, state: FloatArray) -> list[FloatArray]:
        """Lines (N, 3), m, that show a state's place in the camera's view: the goal's mark."""


def make_task(
    name: str, settings: Mapping[str, Any], robot: RobotConfig, description: Description
) -> Task:
    """The task of a world. Raises BadInput naming the tasks there are."""
    try:
        module = importlib.import_module(TASKS.get(name, name))
        make = module.make
    except (ImportError, AttributeError, ValueError) as error:
        expected = f'one of {list(TASKS)} or the module of another, with a function `make`'
        raise BadInput(f'task {name!r} is not {expected}: {error}') from error
    task: Task = make(settings, robot, description)
    return task
