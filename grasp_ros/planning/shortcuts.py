# SPDX-License-Identifier: Apache-2.0
"""Shortcuts: straight moves where the roadmap leads round about.

A roadmap joins near neighbours, so its ways zigzag, and pass obstacles where a landmark happens to
lie. First the fastest way over places of the given one is found, by one sweep over all pairs that
are near enough; then its corners are moved to where that is faster still.
"""

from __future__ import annotations

import numpy as np

from grasp_ros.planning.roadmap import Toll
from grasp_ros.types import FloatArray

REACH = 15.0  # model steps: on a longer straight move an obstacle could be overlooked
GAP = 2.0  # model steps between the places of a way among which shortcuts are sought
ROUNDS = 3  # in which each corner is moved once
TRIES = 16  # places for a corner in each round
FAR, NEARER = 3.0, 0.75  # model steps to the farthest of them, and how this shrinks each round


def shortened(way: FloatArray, step: FloatArray, toll: Toll, known: FloatArray) -> FloatArray:
    """The same way (K, J), m or rad, with what shortcuts save: (L, J), both ends as they were.

    step (J,): how far each joint gets in a model step. A straight move costs its time and the
    toll; the new way costs no more than the old one. known (M, J): where the robot has been; no
    joint is led beyond where it has been there or is on the old way, to its limits say. The same
    for the same way.
    """
    new = _over_few(_places(way, step), step, toll)
    seen = np.concatenate([known, way])
    return _moved(new, step, toll, seen.min(axis=0), seen.max(axis=0))


def cost(way: FloatArray, step: FloatArray, toll: Toll) -> float:
    """Model steps that a way (K, J) takes, and what it is charged besides."""
    return float(_steps(np.diff(way, axis=0), step).sum() + toll(way[:-1], way[1:]).sum())


def onward(way: FloatArray, position: FloatArray, step: FloatArray) -> FloatArray:
    """What is left of a way (K, J) for who is at `position` (J,): by its nearest place, (L, J)."""
    nearest = step * nearest_places(way[:-1] / step, way[1:] / step, position / step)
    leg = int(_steps(nearest - position, step).argmin())
    return np.concatenate([position[None], nearest[leg : leg + 1], way[leg + 1 :]])


def nearest_places(start: FloatArray, end: FloatArray, point: FloatArray) -> FloatArray:
    """The places (N, J) of straight moves (N, J) to (N, J) that are nearest to a point (J,)."""
    move = end - start
    share = (move * (point - start)).sum(axis=1) / np.maximum((move**2).sum(axis=1), 1e-12)
    return np.asarray(start + np.clip(share, 0.0, 1.0)[:, None] * move)


def passing_times(way: FloatArray, step: FloatArray) -> FloatArray:
    """When the places of a way (K, J) are passed (K,), model steps: the slowest joint decides."""
    return np.append(0.0, _steps(np.diff(way, axis=0), step).cumsum())


def _steps(moves: FloatArray, step: FloatArray) -> FloatArray:
    return np.abs(moves / step).max(axis=-1, initial=0.0)


def _places(way: FloatArray, step: FloatArray) -> FloatArray:
    """A way (K, J) with places between, that leave no gap of more than GAP."""
    pieces = []
    for start, end, steps in zip(way, way[1:], _steps(np.diff(way, axis=0), step), strict=False):
        pieces.append(np.linspace(start, end, max(1, int(np.ceil(steps / GAP))), endpoint=False))
    return np.concatenate([*pieces, way[-1:]])


def _over_few(places: FloatArray, step: FloatArray, toll: Toll) -> FloatArray:
    """The fastest way over some of the places (N, J), in their order."""
    count = len(places)
    first, last = np.triu_indices(count, 1)
    steps = _steps(places[last] - places[first], step)
    near = (steps <= REACH) | (last == first + 1)
    first, last, steps = first[near], last[near], steps[near]
    costs = np.full((count, count), np.inf)
    costs[first, last] = steps + toll(places[first], places[last])
    least, before = np.zeros(count), np.zeros(count, dtype=np.int64)
    for place in range(1, count):
        onto = least[:place] + costs[:place, place]
        before[place] = onto.argmin()
        least[place] = onto[before[place]]
    kept = [count - 1]
    while kept[-1] > 0:
        kept.append(int(before[kept[-1]]))
    return places[kept[::-1]]


def _moved(
    way: FloatArray, step: FloatArray, toll: Toll, low: FloatArray, high: FloatArray
) -> FloatArray:
    """A way (K, J) whose corners lie where both moves beside them cost least, of a few places
    from `low` to `high` (J,)."""
    way, generator = way.copy(), np.random.default_rng(0)
    for number in range(ROUNDS):
        for parity in (1, 2):  # no two at once that share a move
            corners = np.arange(parity, len(way) - 1, 2)
            if not len(corners):
                continue
            far = FAR * NEARER**number * step
            offsets = far * generator.uniform(-1, 1, (len(corners), TRIES, way.shape[1]))
            offsets[:, 0] = 0.0  # as it is
            tried = np.clip(way[corners, None] + offsets, low, high)
            costs = sum(_costs(way[corners + side], tried, step, toll) for side in (-1, 1))
            way[corners] = tried[np.arange(len(corners)), np.argmin(costs, axis=1)]
    return way


def _costs(ends: FloatArray, tried: FloatArray, step: FloatArray, toll: Toll) -> FloatArray:
    """What straight moves (N, M) between ends (N, J) and places (N, M, J) cost."""
    ends = np.broadcast_to(ends[:, None], tried.shape)
    size = tried.shape[-1]
    tolls = toll(ends.reshape(-1, size), tried.reshape(-1, size))
    return np.asarray(_steps(tried - ends, step) + tolls.reshape(tried.shape[:-1]))
