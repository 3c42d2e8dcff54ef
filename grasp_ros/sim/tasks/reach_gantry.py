# SPDX-License-Identifier: Apache-2.0
"""The gantry among walls on a table: reach a place whose straight way is blocked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from grasp_ros.config import RobotConfig
from grasp_ros.sim.description import Description
from grasp_ros.sim.shapes import Shape
from grasp_ros.sim.tasks import Problem, Task
from grasp_ros.sim.tasks.shortest_paths import ShortestPaths
from grasp_ros.sim.urdf import read_urdf
from grasp_ros.types import BadInput, FloatArray

TOLERANCE = 0.025  # m, of the pusher's final position
CLEARANCE = 0.008  # m kept between the pusher and a wall where an episode starts or ends
DETOUR = 0.05  # m by which what was closed makes the way of a problem longer, at least
TABLE_THICKNESS = 0.02  # m; its top is at height 0
TABLE, WALL = (0.86, 0.84, 0.80, 1.0), (0.12, 0.30, 0.62, 1.0)  # rgba in every simulator
TOOL_HEIGHT = 0.05  # m above the table, where the path is drawn: the middle of the pusher
ROUND = np.linspace(0, 2 * np.pi, 49)  # rad, corners of the pusher's outline


@dataclass(frozen=True)
class Box:
    """An axis-aligned wall: centre (x, y) and full size (x, y), m."""

    center: tuple[float, float]
    size: tuple[float, float]


@dataclass(frozen=True)
class ReachGantry(Task):
    """Two prismatic joints that are the place (x, y) of a round pusher on a table with walls.

    closed: plates of the walls' height in the table's colour, that nobody sees from above. A
    problem's shortest way without them leads through one: what was learned before they stood lies.
    table_size (x, y), wall_height, radius of the pusher: m. low, high: where the joints can go, m.
    speed (x, y): the joints' limits, m/s. min_path: shortest way of a problem, m.
    """

    table_size: tuple[float, float]
    wall_height: float
    walls: tuple[Box, ...]
    min_path: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    speed: tuple[float, float]
    radius: float
    tolerance: float = TOLERANCE
    closed: tuple[Box, ...] = ()

    def blocked(self, points: FloatArray, clearance: float = 0.0) -> np.ndarray:
        """Whether the pusher at points (N, 2) is nearer to a wall than `clearance`: (N,) bool."""
        hit = np.zeros(len(points), dtype=bool)
        for wall in (*self.walls, *self.closed):
            outside = np.abs(points - np.array(wall.center)) - np.array(wall.size) / 2
            distance = np.linalg.norm(np.maximum(outside, 0), axis=1)
            hit |= distance < self.radius + clearance
        return hit

    def shapes(self) -> list[Shape]:
        """The table, the walls, and what was closed; nothing rubs."""
        centre = (0.0, 0.0, -TABLE_THICKNESS / 2)
        size = (*self.table_size, TABLE_THICKNESS)
        table = Shape('table', 'box', size, centre, TABLE, friction=0.0)
        kinds = (('wall', self.walls, WALL), ('closed', self.closed, TABLE))
        walls = [
            Shape(
                f'{kind}_{index}',
                'box',
                (*box.size, self.wall_height),
                (*box.center, self.wall_height / 2),
                colour,
                friction=0.0,
            )
            for kind, boxes, colour in kinds
            for index, box in enumerate(boxes)
        ]
        return [table, *walls]

    def paths(self) -> ShortestPaths:
        """The ways of the pusher between the walls, by their length, m."""
        return self._paths(lambda move: float(np.linalg.norm(move)))

    def times(self) -> ShortestPaths:
        """The ways by their time, s: both joints move at once, the slower one decides."""
        return self._paths(lambda move: float((np.abs(move) / self.speed).max()))

    def _paths(self, cost: Callable[[FloatArray], float]) -> ShortestPaths:
        return ShortestPaths(self.blocked, np.array(self.low), np.array(self.high), cost)

    def sample(self, count: int, seed: int) -> list[Problem]:
        """Pairs whose straight line is blocked and whose way around is long enough."""
        rng = np.random.default_rng(seed)
        paths, times = self.paths(), self.times()
        before = replace(self, closed=()).paths() if self.closed else paths
        problems: list[Problem] = []
        for _ in range(1000 * count):
            if len(problems) == count:
                break
            start, goal = rng.uniform(self.low, self.high, size=(2, 2))
            line = start + np.linspace(0, 1, 200)[:, None] * (goal - start)
            if self.blocked(line[[0, -1]], CLEARANCE).any() or not self.blocked(line).any():
                continue
            shortest = paths.between(start, goal)
            led_through = not self.closed or before.between(start, goal) < shortest - DETOUR
            if self.min_path <= shortest < float('inf') and led_through:
                problems.append(Problem(start, goal, times.between(start, goal)))
        if len(problems) < count:
            raise BadInput(f'the world has no {count} problems with a path of {self.min_path} m')
        return problems

    def error(self, state: FloatArray, goal: FloatArray) -> float:
        """The distance between the two places of the pusher, m."""
        return float(np.linalg.norm(np.subtract(state, goal)))

    def words(self, error: float) -> str:
        """The distance in mm."""
        return f'{1000 * error:.0f} mm'

    def touches(self, states: FloatArray) -> np.ndarray:
        """Where the pusher is a little inside a wall."""
        return self.blocked(states)

    def tool_position(self, states: FloatArray) -> FloatArray:
        """The middle of the pusher."""
        states = np.asarray(states)
        return np.concatenate([states, np.full((*states.shape[:-1], 1), TOOL_HEIGHT)], axis=-1)

    def outline(self, state: FloatArray) -> list[FloatArray]:
        """The pusher's circle and a cross."""
        middle = self.tool_position(state)
        circle = np.stack([np.cos(ROUND), np.sin(ROUND), np.zeros_like(ROUND)], axis=-1)
        arm = 0.4 * self.radius * np.eye(3)
        cross = [np.stack([middle - arm[i], middle + arm[i]]) for i in (0, 1)]
        return [middle + self.radius * circle, *cross]


def make(settings: Mapping[str, Any], robot: RobotConfig, description: Description) -> ReachGantry:
    """The task of a world's file."""
    known = ('table_size', 'wall_height', 'walls', 'closed', 'min_path')
    if unknown := set(settings) - set(known):
        raise BadInput(f'{sorted(unknown)} are none of {list(known)}')
    if len(robot.joints) != 2:
        raise BadInput(f'robot {robot.name} has {len(robot.joints)} joints, reach_gantry needs 2')
    return ReachGantry(
        table_size=_pair(settings['table_size']),
        wall_height=float(settings['wall_height']),
        walls=_boxes(settings['walls']),
        closed=_boxes(settings.get('closed', ())),
        min_path=float(settings['min_path']),
        low=robot.position_min,
        high=robot.position_max,
        speed=_pair(list(robot.max_velocity)),
        radius=_radius(description),
    )


def _boxes(boxes: Iterable[Mapping[str, list[float]]]) -> tuple[Box, ...]:
    return tuple(Box(_pair(box['center']), _pair(box['size'])) for box in boxes)


def _pair(values: list[float]) -> tuple[float, float]:
    x, y = values
    return float(x), float(y)


def _radius(description: Description) -> float:
    """Of the pusher, m: the robot's only part that collides, a cylinder."""
    cylinders = read_urdf(description.urdf).findall('link/collision/geometry/cylinder')
    if len(cylinders) != 1:
        raise BadInput(
            f'{description.urdf}: {len(cylinders)} collision cylinders, expected one: the pusher'
        )
    return float(cylinders[0].get('radius', 'nan'))
