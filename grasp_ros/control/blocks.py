# SPDX-License-Identifier: Apache-2.0
"""What a mission learns about the map: places where the robot did not get on.

Beside a way that is blocked others lead into the same obstacle. So what is remembered is a place,
and every move that passes near it costs more: the nearer, the more; the wider around it, the more
often it happened there. Costs are finite, or a robot that touched something would be walled in by
its own memory, and they fade, so that what is wrong, or was only in the way for a while, heals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grasp_ros.planning.roadmap import Toll
from grasp_ros.types import NS, FloatArray

COST = 40.0  # model steps, of a move through the place, after one failure; twice after two
HALF_LIFE_NS = 30 * NS  # in which the cost halves after one failure; twice as long after two
RADIUS = 3.0  # model steps from the place at which nothing is charged, after one failure
WIDER = 1.0  # model steps, by each further failure
CORE = 1.0  # model steps: a way that passes nearer leads through the place
REACHED = 0.5  # model steps: a robot that comes so near was not blocked there


@dataclass(frozen=True)
class Block:
    """A place (J,) in model steps, the landmark near it, and how often the robot failed there."""

    place: FloatArray
    landmark: int
    failures: int
    since_ns: int

    @property
    def radius(self) -> float:
        """Model steps around it that are charged."""
        return RADIUS + WIDER * (self.failures - 1)

    def cost(self, now_ns: int) -> float:
        """Model steps of a move through the place."""
        doubled = 2.0 ** (self.failures - 1)
        age = (now_ns - self.since_ns) / (HALF_LIFE_NS * doubled)
        return float(COST * doubled * 0.5 ** max(0.0, age))


class Blocks:
    """The places of one mission.

    positions (M, J): of the landmarks. step (J,): how far each joint gets in a model step, m or
    rad: distances are counted in these.
    """

    def __init__(self, positions: FloatArray, step: FloatArray):
        self._landmarks, self._step = positions / step, step
        self._blocks: list[Block] = []

    def clear(self) -> None:
        """Another mission."""
        self._blocks = []

    def add(self, place: FloatArray, now_ns: int) -> Block:
        """The robot failed to get to a place (J,), m or rad."""
        here = place / self._step
        before = [one for one in self._blocks if _length(one.place - here) < one.radius]
        failures = 1 + max((one.failures for one in before), default=0)
        landmark = int(_length(self._landmarks - here).argmin())
        # Those before stay: together they show how far the obstacle goes.
        block = Block(here, landmark, failures, now_ns)
        self._blocks.append(block)
        return block

    def pass_by(self, position: FloatArray, now_ns: int) -> None:
        """Forget what has faded, and places that the robot (J,) has reached after all."""
        here = position / self._step
        self._blocks = [
            one
            for one in self._blocks
            if one.cost(now_ns) > 1.0 and _length(one.place - here) > REACHED
        ]

    def toll(self, now_ns: int) -> Toll | None:
        """What moves cost now; None when nothing is blocked."""
        blocks = [(one.place, one.radius, one.cost(now_ns)) for one in self._blocks]
        if not blocks:
            return None
        step = self._step

        def charge(start: FloatArray, end: FloatArray) -> FloatArray:
            tolls = np.zeros(len(end))
            for place, radius, cost in blocks:
                apart = _from_segments(place, start / step, end / step)
                tolls += cost * np.maximum(0.0, 1.0 - (apart / radius) ** 2) ** 2
            return tolls

        return charge

    def on_the_way(self, way: FloatArray) -> Block | None:
        """The block that a way (K, J) leads through all the same, the worst of them."""
        points = way / self._step
        through = [
            one
            for one in self._blocks
            if _from_segments(one.place, points[:-1], points[1:]).min(initial=np.inf) < CORE
        ]
        return max(through, key=lambda one: one.failures, default=None)


def _from_segments(place: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """How far straight moves (N, J) to (N, J) pass from a place (J,): (N,)."""
    along, to_place = end - start, place - start
    squared = np.maximum((along**2).sum(axis=1), 1e-12)
    share = np.clip((to_place * along).sum(axis=1) / squared, 0.0, 1.0)
    return _length(to_place - share[:, None] * along)


def _length(vectors: FloatArray) -> FloatArray:
    return np.linalg.norm(vectors, axis=-1)
