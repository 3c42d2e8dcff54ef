# SPDX-License-Identifier: Apache-2.0
"""How simulators build a robot: config/simulators/NAME.yaml, which the planner never reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import yaml

from grasp_ros.config import RobotConfig
from grasp_ros.parameters import REQUIRED, build, param
from grasp_ros.sim.camera import Camera
from grasp_ros.sim.urdf import find_urdf
from grasp_ros.types import BadInput

Kind = TypeVar('Kind')


@dataclass(frozen=True)
class Body:
    """The robot's servos and surfaces, and the light that it stands in."""

    urdf: str = param(
        REQUIRED, 'robot description: in urdf/, beside the file, a path, or package://'
    )
    position_gain: tuple[float, ...] = param(
        REQUIRED, 'a joint: velocity command for a position error', '1/s', low=0.0
    )
    velocity_gain: tuple[float, ...] = param(
        REQUIRED, 'a joint: force or torque for a velocity error', 'N s/m or N m s/rad', low=0.0
    )
    armature: tuple[float, ...] = param(
        (), 'a joint: inertia that its motor adds behind the gear; none: 0', 'kg or kg m²', low=0.0
    )
    friction: float = param(1.0, "of the robot's surfaces", low=0.0, high=10.0)
    joint_rate: float = param(50.0, 'joint states a simulated second', 'Hz', low=1.0, high=100.0)
    light_position: tuple[float, ...] = param((0.0, 0.0, 3.0), 'where the lamp hangs', 'm')
    light_direction: tuple[float, ...] = param((0.0, 0.0, -1.0), 'where the lamp shines')


@dataclass(frozen=True)
class Description:
    """A simulator's file, read. urdf is where it was found; the first camera is people's view.

    colours: rgba, 0 to 1, of links that have none, or none that a small picture tells apart.
    """

    body: Body
    urdf: Path
    cameras: tuple[Camera, ...]
    colours: Mapping[str, tuple[float, ...]]


def read_description(path: Path, robot: RobotConfig) -> Description:
    """Read a simulator's file for a robot. Raises BadInput listing every broken rule."""
    try:
        values = dict(yaml.safe_load(path.read_text()))
        cameras = {str(name): dict(camera) for name, camera in values.pop('cameras').items()}
        given = dict(values.pop('colours', {}))
        colours = {str(link): tuple(map(float, rgba)) for link, rgba in given.items()}
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            f'{path}: expected urdf, servos and `cameras: {{image: {{...}}}}`: {error!r}'
        ) from error
    if not cameras:
        raise BadInput(f'{path}: cameras: empty, expected at least one')
    body = _build(Body, values, str(path))
    body = replace(body, armature=body.armature or (0.0,) * len(robot.joints))
    for name in ('position_gain', 'velocity_gain', 'armature'):
        if (seen := len(getattr(body, name))) != len(robot.joints):
            raise BadInput(f'{path}: {name}: {seen} values for {len(robot.joints)} joints')
    for name in ('light_position', 'light_direction'):
        if (seen := len(getattr(body, name))) != 3:
            raise BadInput(f'{path}: {name}: {seen} values, expected 3')
    for link, rgba in colours.items():
        if len(rgba) != 4 or not all(0 <= one <= 1 for one in rgba):
            raise BadInput(f'{path}: colours: {link}: {list(rgba)}, expected four of 0 to 1')
    made = tuple(
        _build(Camera, {'name': name, **values}, f'{path}: camera {name}')
        for name, values in cameras.items()
    )
    if made[0].link:
        raise BadInput(
            f'{path}: camera {made[0].name}: on link {made[0].link}; the first one is what people '
            'see, and must stand in the world'
        )
    return Description(body, find_urdf(body.urdf, path), made, colours)


def _build(kind: type[Kind], values: Mapping[str, Any], where: str) -> Kind:
    try:
        return build(kind, values)
    except BadInput as error:
        raise BadInput(f'{where}: {error}') from error
