# SPDX-License-Identifier: Apache-2.0
"""Short ways of a robot in joint space: RRT-Connect, then shortcuts."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from grasp_ros.types import FloatArray

RESOLUTION = 0.04  # s of motion between the places of a line that are checked
EXTENSION = 0.5  # s of motion, the longest branch of a tree
GROWTH = 2000  # branches that are tried before there is no way
RUNS = 8  # ways that are searched anew; the shortest counts
FIRST, LAST = 40, 150  # tries to shorten each of them, and then the shortest


@dataclass(frozen=True)
class Space:
    """Where the joints (J,) can be, from low to high, and how fast each moves (m/s or rad/s).

    free: whether the robot touches nothing with its joints at (J,).
    """

    free: Callable[[FloatArray], bool]
    low: FloatArray
    high: FloatArray
    speed: FloatArray

    def time(self, start: FloatArray, goal: FloatArray) -> FloatArray:
        """s from start (..., J) straight to goal (..., J), all joints at once: the slowest's."""
        times: FloatArray = (np.abs(np.subtract(goal, start)) / self.speed).max(axis=-1)
        return times

    def open(self, start: FloatArray, goal: FloatArray) -> bool:
        """Whether nothing is touched straight from start (J,) to goal (J,), both included."""
        count = max(1, int(np.ceil(float(self.time(start, goal)) / RESOLUTION)))
        index = np.arange(count + 1)
        # Halves, then quarters, and so on: what stands in the way is met early.
        order = np.argsort(-(index & -index), kind='stable')
        line = start + (index[order] / count)[:, None] * (goal - start)
        return all(self.free(place) for place in line)


def shortest_time(
    space: Space, start: FloatArray, goal: FloatArray, rng: np.random.Generator
) -> float:
    """s of the fastest way found from start (J,) to goal (J,); infinite when none is."""
    ways = []
    for _ in range(RUNS):
        way = connect(space, start, goal, rng)
        if way is None:
            return float('inf')
        ways.append(shortened(space, way, FIRST, rng))
    best = min(ways, key=lambda way: duration(space, way))
    return duration(space, shortened(space, best, LAST, rng))


def duration(space: Space, way: list[FloatArray]) -> float:
    """s that a way takes, from place to place."""
    return sum(float(space.time(a, b)) for a, b in itertools.pairwise(way))


class _Tree:
    """Places that are joined to a root by open lines."""

    def __init__(self, root: FloatArray):
        self.places, self.parents = root[None].copy(), [-1]

    def grow(self, space: Space, target: FloatArray, greedy: bool) -> bool:
        """One branch towards target (J,), or branches until it is reached; whether it is."""
        times = space.time(self.places, target)
        nearest = int(times.argmin())
        here, left = self.places[nearest], float(times[nearest])
        while left > 0:
            there = here + min(1.0, EXTENSION / left) * (target - here)
            if not space.open(here, there):
                return False
            self.places = np.concatenate([self.places, there[None]])
            self.parents.append(nearest)
            here, nearest = there, len(self.parents) - 1
            left = 0.0 if left <= EXTENSION else left - EXTENSION
            if not greedy:
                break
        return left == 0

    def way(self, leaf: int) -> list[FloatArray]:
        """The places from the root to a leaf."""
        places = []
        while leaf >= 0:
            places.append(self.places[leaf])
            leaf = self.parents[leaf]
        return places[::-1]


def connect(
    space: Space, start: FloatArray, goal: FloatArray, rng: np.random.Generator
) -> list[FloatArray] | None:
    """Places (J,) from start to goal, the lines between them open; None when no way is found.

    Two trees grow towards random places, and each towards what the other has just found.
    """
    here, there = _Tree(np.asarray(start, float)), _Tree(np.asarray(goal, float))
    if space.open(here.places[0], there.places[0]):
        return [here.places[0], there.places[0]]
    forward = True
    for _ in range(GROWTH):
        before = len(here.parents)
        here.grow(space, rng.uniform(space.low, space.high), greedy=False)
        if len(here.parents) > before and there.grow(space, here.places[-1], greedy=True):
            way, rest = here.way(len(here.parents) - 1), there.way(len(there.parents) - 1)
            joined = way + rest[::-1][1:]
            return joined if forward else joined[::-1]
        here, there, forward = there, here, not forward
    return None


def shortened(
    space: Space, way: list[FloatArray], tries: int, rng: np.random.Generator
) -> list[FloatArray]:
    """The way with detours cut between random places on it."""
    for _ in range(tries):
        times = np.array([float(space.time(a, b)) for a, b in itertools.pairwise(way)])
        ends = np.append(0.0, np.cumsum(times))
        cuts = np.sort(rng.uniform(0.0, ends[-1], 2))
        first, second = (int(np.searchsorted(ends, cut, side='right')) - 1 for cut in cuts)
        if first == second:
            continue
        a, b = (
            way[i] + (cut - ends[i]) / max(times[i], 1e-12) * (way[i + 1] - way[i])
            for i, cut in ((first, cuts[0]), (second, cuts[1]))
        )
        if space.open(a, b):
            way = [*way[: first + 1], a, b, *way[second + 1 :]]
    return way
