# SPDX-License-Identifier: Apache-2.0
"""A world: boxes on a table, with the start/goal pairs that need a way around them.

The description (config/worlds/NAME.yaml) knows no simulator; MuJoCo and Gazebo are built from it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from scipy.ndimage import map_coordinates
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from grasp_ros.share import find
from grasp_ros.types import BadInput, FloatArray

GRID = 0.005  # m, cell of the grid on which shortest paths are measured
CLEARANCE = 0.008  # m kept between the pusher and a wall where an episode starts or ends
TABLE, WALL = (0.86, 0.84, 0.80, 1.0), (0.12, 0.30, 0.62, 1.0)  # rgba in every simulator


@dataclass(frozen=True)
class Box:
    """An axis-aligned wall: centre (x, y) and full size (x, y), m."""

    center: tuple[float, float]
    size: tuple[float, float]


@dataclass(frozen=True)
class World:
    """Table, walls, and what makes a start/goal pair worth an episode."""

    name: str
    table_size: tuple[float, float]
    wall_height: float
    walls: tuple[Box, ...]
    min_path: float

    def blocked(self, points: FloatArray, radius: float) -> np.ndarray:
        """Whether a disc of `radius` at points (N, 2) touches a wall: (N,) bool."""
        hit = np.zeros(len(points), dtype=bool)
        for wall in self.walls:
            outside = np.abs(points - np.array(wall.center)) - np.array(wall.size) / 2
            hit |= np.linalg.norm(np.maximum(outside, 0), axis=1) < radius
        return hit


def load_world(name: str) -> World:
    """Read config/worlds/NAME.yaml, or a world file by its path."""
    path = find('config/worlds', name if name.endswith('.yaml') else f'{name}.yaml')
    try:
        text = yaml.safe_load(Path(path).read_text())
        walls = tuple(Box(_pair(box['center']), _pair(box['size'])) for box in text['walls'])
        return World(
            name=text['name'],
            table_size=_pair(text['table_size']),
            wall_height=float(text['wall_height']),
            walls=walls,
            min_path=float(text['min_path']),
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as error:
        raise BadInput(f'{path}: not a world description: {error!r}') from error


def _pair(values: list[float]) -> tuple[float, float]:
    x, y = values
    return float(x), float(y)


class ShortestPaths:
    """Shortest collision-free distances of a disc-shaped tool, on an 8-connected grid."""

    def __init__(self, world: World, low: FloatArray, high: FloatArray, radius: float):
        self._low = np.asarray(low)
        shape = np.round((np.asarray(high) - self._low) / GRID).astype(int) + 1
        nodes = np.arange(shape.prod()).reshape(shape)
        axes = [self._low[i] + GRID * np.arange(shape[i]) for i in range(2)]
        points = np.stack(np.meshgrid(*axes, indexing='ij'), axis=-1).reshape(-1, 2)
        free = ~world.blocked(points, radius).reshape(shape)
        rows, columns, lengths = [], [], []
        n, m = shape
        for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1)):
            here = (slice(0, n - dx), slice(max(0, -dy), m - max(0, dy)))
            there = (slice(dx, n), slice(max(0, dy), m + min(0, dy)))
            both = free[here] & free[there]
            rows.append(nodes[here][both])
            columns.append(nodes[there][both])
            lengths.append(np.full(both.sum(), GRID * np.hypot(dx, dy)))
        self._shape = shape
        self._graph = coo_matrix(
            (np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns))),
            shape=(nodes.size, nodes.size),
        ).tocsr()

    def length(self, start: FloatArray, goal: FloatArray) -> float:
        """Metres from start (2,) to goal (2,); infinite when there is no way."""
        index = np.round((np.asarray(start) - self._low) / GRID).astype(int)
        source = int(np.ravel_multi_index(tuple(index), self._shape))
        field = dijkstra(self._graph, directed=False, indices=source).reshape(self._shape)
        field[~np.isfinite(field)] = 1e3
        at = (np.asarray(goal) - self._low) / GRID
        length = float(map_coordinates(field, at[:, None], order=1)[0])
        return length if length < 100 else float('inf')


@dataclass(frozen=True)
class Problem:
    """One episode: joint positions of start and goal (2,), and the shortest way between, m."""

    start: FloatArray
    goal: FloatArray
    shortest: float


def sample_problems(
    world: World, low: FloatArray, high: FloatArray, radius: float, count: int, seed: int
) -> list[Problem]:
    """Start/goal pairs whose straight line is blocked and whose way around is long enough."""
    rng = np.random.default_rng(seed)
    paths = ShortestPaths(world, low, high, radius)
    problems: list[Problem] = []
    for _ in range(1000 * count):
        if len(problems) == count:
            break
        start, goal = rng.uniform(low, high, size=(2, 2))
        line = start + np.linspace(0, 1, 200)[:, None] * (goal - start)
        if world.blocked(line[[0, -1]], radius + CLEARANCE).any():
            continue
        if not world.blocked(line, radius).any():
            continue
        shortest = paths.length(start, goal)
        if world.min_path <= shortest < float('inf'):
            problems.append(Problem(start, goal, shortest))
    if len(problems) < count:
        raise BadInput(
            f'world {world.name}: no {count} problems with a path of {world.min_path} m'
        )
    return problems
