# SPDX-License-Identifier: Apache-2.0
"""What a mission learns about the map: where the robot did not get on.

Beside a way that is blocked others lead into the same obstacle, and the robot may well stand right
before it, or drive along behind it. So what is remembered is a plate across the way, and each move
through it costs more, on the map and in plans: the nearer to its middle and the more often it
happened there, the more. How far the obstacle goes shows when it is tried beside it. Costs are
bounded, or a robot that touched something could be walled in by its own memory, and they fade, so
that what is wrong, or was only in the way for a while, heals.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grasp_ros.planning.roadmap import Toll
from grasp_ros.planning.shortcuts import nearest_places
from grasp_ros.types import NS, FloatArray
from grasp_ros.world_model.obstacles import TOLL

COST = 100.0  # model steps, of a move through the middle, after one failure; twice after two
HALF_LIFE_NS = 30 * NS  # in which the cost halves after one failure; twice as long after two
DOUBLINGS = 6  # of both at most, however often it fails
MOST = 32  # blocks: each costs the search and the plans time
FADES_NS = 2 * NS  # between two looks at what fades
RADIUS = 7.0  # model steps from the middle to the edge
MIDDLE = 0.5  # of the radius: a way that passes nearer leads through the block
THICK = 0.7  # model steps: no plan steps across it
PASSED = 1.5  # model steps: one that is stopped slides on, a robot so far beyond has got through


@dataclass(frozen=True)
class Block:
    """A plate around `place` (J,) across the direction `normal` (J,), of length 1, in model steps.

    landmark: the nearest. failures: how often the robot did not get on near it.
    """

    place: FloatArray
    normal: FloatArray
    landmark: int
    failures: int
    since_ns: int

    def cost(self, now_ns: int) -> float:
        """Model steps of a move through the middle."""
        doubled = 2.0 ** min(self.failures - 1, DOUBLINGS)
        age = (now_ns - self.since_ns) / (HALF_LIFE_NS * doubled)
        return float(COST * doubled * 0.5 ** max(0.0, age))

    def passed(self, here: FloatArray) -> bool:
        """Whether a robot at `here` (J,) has got through after all, near the middle."""
        ahead = here - self.place
        beyond = float(ahead @ self.normal)
        beside = float(np.linalg.norm(ahead - beyond * self.normal))
        return PASSED <= beyond <= RADIUS and beside <= MIDDLE * RADIUS

    def near(self, positions: Tensor) -> Tensor:
        """How much positions (..., J) are in the plate, 0 to 1: (...); differentiable."""
        normal = positions.new_tensor(self.normal)
        ahead = positions - positions.new_tensor(self.place)
        beyond = ahead @ normal
        beside = (ahead - beyond[..., None] * normal).square().sum(dim=-1)
        return torch.exp(-((beyond / THICK) ** 2)) * (1 - beside / RADIUS**2).clamp(min=0.0)

    def crossed(self, start: FloatArray, end: FloatArray) -> FloatArray:
        """How far from the middle straight moves (N, J) to (N, J) pass through: (N,); inf: not."""
        before, after = (start - self.place) @ self.normal, (end - self.place) @ self.normal
        through = (before < 0) != (after < 0)
        share = before / np.where(through, before - after, 1.0)
        apart = start + share[:, None] * (end - start) - self.place
        return np.where(through, np.linalg.norm(apart, axis=1), np.inf)

    def beside(self, start: FloatArray, end: FloatArray) -> FloatArray:
        """How near straight moves (N, J) to (N, J) come to the middle: (N,)."""
        return _length(nearest_places(start, end, self.place) - self.place)


class Blocks:
    """The blocks of one mission.

    positions (M, J): of the landmarks. step (J,): how far each joint gets in a model step, m or
    rad: distances are counted in these. shares (J,): how much each joint does about obstacles, 0
    to 1; a block is the longer along one the less that is. Else an arm would try the same place
    again with each pose of its wrist.
    """

    def __init__(self, positions: FloatArray, step: FloatArray, shares: FloatArray):
        # Distances grow with the joints that count; RADIUS is meant for two.
        self._step = step / shares * np.square(shares).sum() / 2
        self._landmarks = positions / self._step
        self._blocks: list[Block] = []
        self._changes = 0  # of which there are

    def __len__(self) -> int:
        """How many there are."""
        return len(self._blocks)

    def clear(self) -> None:
        """Another mission."""
        self._blocks = []

    def add(self, place: FloatArray, towards: FloatArray, now_ns: int) -> Block:
        """The robot failed to get to a place (J,) in a direction (J,), m or rad."""
        here, normal = place / self._step, towards / self._step
        normal = normal / max(float(np.linalg.norm(normal)), 1e-9)
        near = [one for one in self._blocks if _length(one.place - here) < RADIUS]
        failures = 1 + max((one.failures for one in near), default=0)
        landmark = int(_length(self._landmarks - here).argmin())
        # Those before stay: together they show how far the obstacle goes. Where there are too
        # many, the oldest of this obstacle shows the least.
        if len(self._blocks) >= MOST:
            oldest = (near or self._blocks)[0]
            self._blocks = [one for one in self._blocks if one is not oldest]
        block = Block(here, normal, landmark, failures, now_ns)
        self._blocks.append(block)
        self._changes += 1
        return block

    def pass_by(self, position: FloatArray, now_ns: int) -> None:
        """Forget what has faded, and what the robot (J,) has got through after all."""
        here = position / self._step
        left = [one for one in self._blocks if one.cost(now_ns) > 1.0 and not one.passed(here)]
        self._changes += len(self._blocks) - len(left)
        self._blocks = left

    def known(self, now_ns: int) -> tuple[int, ...]:
        """Changes when the tolls do; where they only fade, every FADES_NS. Empty: no blocks."""
        return (self._changes, now_ns // FADES_NS) if self._blocks else ()

    def toll(self, now_ns: int) -> Toll | None:
        """What moves cost now; None when nothing is blocked."""
        blocks, step = [(one, one.cost(now_ns)) for one in self._blocks], self._step
        if not blocks:
            return None

        def charge(start: FloatArray, end: FloatArray) -> FloatArray:
            tolls = np.zeros(len(end))
            for block, cost in blocks:
                apart = block.crossed(start / step, end / step) / RADIUS
                tolls += cost * np.maximum(0.0, 1.0 - apart**2)
            return tolls

        return charge

    def near(self, start: FloatArray, end: FloatArray) -> NDArray[np.bool_]:
        """Whether straight moves (N, J) to (N, J), m or rad, come near a block (N,)."""
        start, end, near = start / self._step, end / self._step, np.zeros(len(end), dtype=bool)
        for block in self._blocks:
            near |= block.beside(start, end) < RADIUS
        return near

    def inside(self, positions: Tensor, now_ns: int) -> Tensor:
        """How much positions (..., J), m or rad, are in one of the blocks: (...).

        As much as a step there costs, over what one in a learned obstacle does.
        """
        places = positions / positions.new_tensor(self._step)
        each = [one.cost(now_ns) / TOLL * one.near(places) for one in self._blocks]
        return torch.stack(each).amax(dim=0)

    def on_the_way(self, way: FloatArray) -> Block | None:
        """The block that a way (K, J) leads through all the same, the worst of them."""
        points = way / self._step
        through = [
            one
            for one in self._blocks
            if (one.crossed(points[:-1], points[1:]) < MIDDLE * RADIUS).any()
        ]
        return max(through, key=lambda one: one.failures, default=None)


def _length(vectors: FloatArray) -> FloatArray:
    return np.linalg.norm(vectors, axis=-1)
