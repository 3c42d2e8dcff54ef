# SPDX-License-Identifier: Apache-2.0
"""Any robot among things that stand still: bring all joints to where they are in the goal.

Nothing here knows the robot: its URDF and the world's shapes tell what is in the way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from grasp_ros.config import RobotConfig
from grasp_ros.sim.description import Description
from grasp_ros.sim.geometry import Geometry
from grasp_ros.sim.shapes import Shape
from grasp_ros.sim.tasks import Problem, Task
from grasp_ros.sim.tasks.rrt_connect import Space, shortest_time
from grasp_ros.sim.urdf import read_urdf
from grasp_ros.sim.worlds import World
from grasp_ros.types import BadInput, FloatArray

TRIES = 1000  # pairs that are drawn for each problem at most
RING = 0.02  # m, radius of the ring around the goal's tool
ROUND = np.linspace(0, 2 * np.pi, 33)  # rad, corners of that ring
SIZES = {'box': 3, 'cylinder': 2, 'sphere': 1}  # numbers in a shape's `size`
DETOUR = 1.2  # times as long as before something was closed: it was on the short way
KNOWN = ('tool', 'shapes', 'closed', 'tolerance', 'tool_tolerance', 'clearance', 'min_time')


@dataclass(frozen=True)
class ReachJoints(Task):
    """A robot's joints (J,) to a goal whose straight way is blocked.

    surroundings: what stands around the robot. closed: what was put there after training, so that
    ways became longer. tool_link, tool_point: the point that pictures follow, in m on a link of
    the URDF. tolerance: of each joint, m or rad. tool_tolerance: of the
    tool's place, m, where goals are pictures alone; None: of the joints, then too. clearance: m
    between the robot and what it could touch where an episode starts or ends. min_time: shortest
    time of a problem, s.
    """

    robot: RobotConfig
    description: Description
    surroundings: tuple[Shape, ...]
    tool_link: str
    tool_point: tuple[float, ...]
    clearance: float
    min_time: float
    tolerance: float = field(default=0.05)
    tool_tolerance: float | None = None
    closed: tuple[Shape, ...] = ()

    def of_pictures(self) -> ReachJoints:
        """Judged by the tool, where the world says so: a wrist may look alike in each pose."""
        if self.tool_tolerance is None:
            return self
        own = {one.name: getattr(self, one.name) for one in fields(self)}
        return ReachTool(**own | {'tolerance': self.tool_tolerance})

    def shapes(self) -> tuple[Shape, ...]:
        """What the world's file says."""
        return self.surroundings + self.closed

    @cached_property
    def before(self) -> ReachJoints:
        """The same before anything was closed."""
        return replace(self, closed=())

    @cached_property
    def geometry(self) -> Geometry:
        """What touches what; built when first asked for."""
        world = World(self.robot.name, self.robot, Path(), self.description, self)
        return Geometry(world, self.clearance)

    @cached_property
    def space(self) -> Space:
        """Where the joints can be, and how fast they move."""
        robot = self.robot
        low, high = np.array(robot.position_min), np.array(robot.position_max)
        return Space(
            lambda place: not self.geometry.near(place, 0.0),
            low,
            high,
            np.array(robot.max_velocity),
        )

    def sample(self, count: int, seed: int) -> list[Problem]:
        """Pairs whose straight line in joint space is blocked, and the way around long enough.

        Where something was closed, longer than before.
        """
        rng, space = np.random.default_rng(seed), self.space
        problems: list[Problem] = []
        for number in range(TRIES * count):
            if len(problems) == count:
                break
            start, goal = rng.uniform(space.low, space.high, (2, len(space.low)))
            if self._crowded(start) or self._crowded(goal) or space.open(start, goal):
                continue
            time = shortest_time(space, start, goal, np.random.default_rng([seed, number]))
            if self.min_time <= time < float('inf') and self._is_detour(start, goal, time, number):
                problems.append(Problem(start, goal, time))
        if len(problems) < count:
            raise BadInput(
                f'the world has no {count} problems of {self.min_time} s: of {TRIES * count} '
                'random pairs, too few have both ends free and something between them'
            )
        return problems

    def _is_detour(self, start: FloatArray, goal: FloatArray, time: float, seed: int) -> bool:
        """Whether a way of so many s is one that leads around what was closed, if anything was."""
        if not self.closed:
            return True
        rng = np.random.default_rng(seed)
        return time >= DETOUR * shortest_time(self.before.space, start, goal, rng)

    def _crowded(self, place: FloatArray) -> bool:
        return self.geometry.near(place, self.clearance)

    def error(self, state: FloatArray, goal: FloatArray) -> float:
        """The largest error of a joint, m or rad."""
        return float(np.abs(np.subtract(state, goal)).max())

    def words(self, error: float) -> str:
        """In rad."""
        return f'{error:.3f} rad'

    def touches(self, states: FloatArray) -> np.ndarray:
        """Where MuJoCo tells of a contact."""
        return np.array([self.geometry.near(state, 0.0) for state in states])

    def tool_position(self, states: FloatArray) -> FloatArray:
        """Where the tool's point is."""
        states = np.asarray(states, dtype=float)
        flat = states.reshape(-1, states.shape[-1])
        point = np.array(self.tool_point)
        places = [self.geometry.point(state, self.tool_link, point) for state in flat]
        return np.array(places).reshape(*states.shape[:-1], 3)

    def outline(self, state: FloatArray) -> list[FloatArray]:
        """The robot at the state, from link to link, and a ring around its tool."""
        line = self.geometry.chain(np.asarray(state), self.tool_link, np.array(self.tool_point))
        ring = RING * np.stack([np.cos(ROUND), np.sin(ROUND), np.zeros_like(ROUND)], axis=-1)
        return [line, line[-1] + ring]


class ReachTool(ReachJoints):
    """The same problems, solved where the tool is near its place in the goal; tolerance: m."""

    def error(self, state: FloatArray, goal: FloatArray) -> float:
        """How far the tool is from the goal's, m."""
        tool, wanted = self.tool_position(np.stack([state, goal]))
        return float(np.linalg.norm(tool - wanted))

    def words(self, error: float) -> str:
        """In mm."""
        return f'{1000 * error:.0f} mm'


def make(settings: Mapping[str, Any], robot: RobotConfig, description: Description) -> ReachJoints:
    """The task of a world's file."""
    if unknown := set(settings) - set(KNOWN):
        raise BadInput(f'{sorted(unknown)} are none of {list(KNOWN)}')
    tool = settings.get('tool_tolerance')
    link, point = str(settings['tool']['link']), settings['tool']['point']
    links = [one.get('name', '') for one in read_urdf(description.urdf).findall('link')]
    if link not in links:
        raise BadInput(f'tool: no link {link!r} in {description.urdf}, it has {links}')
    return ReachJoints(
        robot=robot,
        description=description,
        surroundings=tuple(_shape(shape) for shape in settings['shapes']),
        closed=tuple(_shape(shape) for shape in settings.get('closed', ())),
        tool_link=link,
        tool_point=_numbers(point, 3, 'tool: point'),
        tolerance=float(settings['tolerance']),
        tool_tolerance=None if tool is None else float(tool),
        clearance=float(settings['clearance']),
        min_time=float(settings['min_time']),
    )


def _shape(given: Mapping[str, Any]) -> Shape:
    name, kind = str(given['name']), given['kind']
    if kind not in SIZES:
        raise BadInput(f'shape {name}: kind {kind!r} is not one of {list(SIZES)}')
    counts = {'size': SIZES[kind], 'position': 3, 'rgba': 4, 'rpy': 3}
    lists = {
        key: _numbers(given[key], count, f'shape {name}: {key}')
        for key, count in counts.items()
        if key in given or key != 'rpy'
    }
    rest = {key: float(value) for key, value in given.items() if key == 'friction'}
    if unknown := set(given) - {'name', 'kind', 'friction', *counts}:
        raise BadInput(f'shape {name}: {sorted(unknown)} are none of the keys of a shape')
    return Shape(name=name, kind=kind, **lists, **rest)  # type: ignore[arg-type]


def _numbers(values: Any, count: int, what: str) -> tuple[float, ...]:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count or not np.isfinite(numbers).all():
        raise BadInput(f'{what}: {list(numbers)}, expected {count} finite numbers')
    return numbers
