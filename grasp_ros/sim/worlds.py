# SPDX-License-Identifier: Apache-2.0
"""A world: config/worlds/NAME.yaml names a robot, how it is simulated, and the task.

The description knows no simulator; MuJoCo and Gazebo are built from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from grasp_ros.config import RobotConfig, load_robot
from grasp_ros.share import find_yaml
from grasp_ros.sim.description import Description, read_description
from grasp_ros.sim.tasks import Task, make_task
from grasp_ros.types import BadInput


@dataclass(frozen=True)
class World:
    """A robot, from robot_file, in front of a task. trained: the bundle that the file names."""

    name: str
    robot: RobotConfig
    robot_file: Path
    description: Description
    task: Task
    trained: str = ''

    @property
    def states(self) -> tuple[str, ...]:
        """The joints (S,) of a state: the robot's, then those of the task's objects."""
        return self.robot.joints + self.task.objects

    @property
    def bundle(self) -> str:
        """The model bundle for this robot in this world: as the file says, else ROBOT_WORLD."""
        robot, world = self.robot.name, self.name
        return self.trained or (world if robot == world else f'{robot}_{world}')


def load_world(name: str) -> World:
    """Read config/worlds/NAME.yaml, or a world file by its path.

    The files of robot, simulator and room are names in config/robots, config/simulators and
    config/rooms, files beside the world's, or paths; the simulator's has the robot's name when
    none is given. A room is a list of shapes, for worlds that have some.
    """
    path = find_yaml('config/worlds', name)
    try:
        settings = dict(yaml.safe_load(path.read_text()))
        title, robot_name = str(settings.pop('name')), str(settings.pop('robot'))
        simulator, task = str(settings.pop('simulator', robot_name)), str(settings.pop('task'))
        trained = str(settings.pop('bundle', ''))
        robot_file = find_yaml('config/robots', robot_name, beside=path)
        robot = load_robot(robot_file)
        simulator_file = find_yaml('config/simulators', simulator, beside=path)
        description = read_description(simulator_file, robot)
        if room := settings.pop('room', ''):
            around = _room(find_yaml('config/rooms', str(room), beside=path))
            settings['shapes'] = [*settings['shapes'], *around]
        made = make_task(task, settings, robot, description)
    except BadInput as error:
        raise BadInput(f'{path}: {error}') from error
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f'{path}: not a world description: {error!r}') from error
    return World(title, robot, robot_file, description, made, trained)


def _room(path: Path) -> list[Any]:
    around = yaml.safe_load(path.read_text())
    if not isinstance(around, list):
        raise BadInput(f'{path} holds a {type(around).__name__}, expected a list of shapes')
    return around
