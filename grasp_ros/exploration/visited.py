# SPDX-License-Identifier: Apache-2.0
"""Where the robot has been, as a map of cells of the joint space, and where it has not."""

from __future__ import annotations

from collections import deque
from itertools import combinations

import numpy as np

from grasp_ros.robot.limits import Limits
from grasp_ros.types import FloatArray, TimeArray

CELLS = 12  # a joint, over its range
TRIES = 2  # blocked so often on the way into a cell: it cannot be entered from here
DRAWN = 5  # openings; the nearest of them is tried
FURTHER = 4  # cells at most beyond where nobody was yet, that the robot then goes on
SEARCHED = 200  # cells at most: in a space of many joints there are always openings near by
PAIR_CELLS = 20  # a joint, for the coverage that people are told

Cell = tuple[int, ...]


class Visited:
    """Cells that the robot was in, and the ways that it went between them."""

    def __init__(self, limits: Limits):
        self._low, self._span = limits.position_min, limits.position_max - limits.position_min
        self._place: dict[Cell, FloatArray] = {}  # the last position in each cell
        self._ways: dict[Cell, set[Cell]] = {}
        self._tries: dict[tuple[Cell, Cell], int] = {}
        self._newest: Cell | None = None
        joints = len(self._span)
        self._pairs = list(combinations(range(joints), 2)) or [(0, 0)]
        self._seen = np.zeros((len(self._pairs), PAIR_CELLS, PAIR_CELLS), dtype=bool)

    def add(self, position: FloatArray) -> None:
        """The robot is at a position (J,)."""
        cell = self._cell(position)
        self._place[cell] = np.array(position)
        self._ways.setdefault(cell, set())
        if self._newest is not None and self._newest != cell:
            # Most ways lead back, too; one that does not is cut when it is tried.
            self._ways[self._newest].add(cell)
            self._ways[cell].add(self._newest)
        self._newest = cell
        fine = self._index(position, PAIR_CELLS)
        for seen, (i, j) in zip(self._seen, self._pairs, strict=True):
            seen[fine[i], fine[j]] = True

    def lost(self) -> None:
        """The next position does not follow on the last one."""
        self._newest = None

    @property
    def covered(self) -> float:
        """Share of the joint space visited: of 20 x 20 cells of each two joints, on average.

        What an obstacle keeps the robot from counts as not visited.
        """
        if len(self._span) == 1:
            return float(np.diagonal(self._seen[0]).mean())
        return float(self._seen.mean())

    def towards(self, place: FloatArray) -> list[FloatArray]:
        """A way (W, J) that was travelled to near a place (J,), and the place.

        Near it as far as the robot has been; empty before any motion.
        """
        before = self._search()
        if not before:
            return []
        cells = list(before)
        apart = (np.stack([self._place[cell] for cell in cells]) - place) / self._span
        nearest = cells[int(np.abs(apart).max(axis=1).argmin())]
        return [*self._way(before, nearest), place]

    def new(self, rng: np.random.Generator) -> list[FloatArray]:
        """A way (W, J) that was travelled, and at its end a place beside it not yet visited.

        To the nearest of some that are drawn; empty where none is left, or none can be reached.
        """
        before = self._search()
        openings: list[tuple[Cell, Cell]] = []
        for tries in range(TRIES):
            openings = openings or [
                (cell, side)
                for cell in before
                for side in self._sides(cell)
                if side not in self._place and self._tries.get((cell, side), 0) == tries
            ]
        if not openings:
            return []
        # The nearest come first.
        chosen = openings[int(rng.integers(len(openings), size=DRAWN).min())]
        cell, side = chosen
        further = int(rng.integers(FURTHER)) * np.subtract(side, cell)
        end = np.clip(np.add(side, further), 0, CELLS - 1)
        return [*self._way(before, cell), self._centre(end)]

    def blocked(self, position: FloatArray, told: FloatArray) -> None:
        """The robot is at a position (J,) and cannot get where it was told to be (J,)."""
        cell = self._cell(position)
        behind = (told - position) / self._span
        joint = int(np.abs(behind).argmax())
        side = cell[:joint] + (cell[joint] + int(np.sign(behind[joint])),) + cell[joint + 1 :]
        self._tries[cell, side] = self._tries.get((cell, side), 0) + 1

    def cut(self, position: FloatArray, target: FloatArray) -> None:
        """The robot did not get from one place (J,) to another: no way leads along there."""
        self._ways.get(self._cell(position), set()).discard(self._cell(target))

    def _search(self) -> dict[Cell, Cell]:
        """Each cell that can be reached from here, the nearest first, and the one before it."""
        if self._newest is None:
            return {}
        before, waiting = {self._newest: self._newest}, deque([self._newest])
        while waiting and len(before) < SEARCHED:
            cell = waiting.popleft()
            for other in sorted(self._ways[cell]):
                if other not in before:
                    before[other] = cell
                    waiting.append(other)
        return before

    def _way(self, before: dict[Cell, Cell], cell: Cell) -> list[FloatArray]:
        """From here to a cell that was found."""
        way = []
        while cell != self._newest:
            way.append(self._place[cell])
            cell = before[cell]
        return way[::-1]

    def _sides(self, cell: Cell) -> list[Cell]:
        """The neighbours within the limits, along each joint."""
        return [
            (*cell[:j], cell[j] + step, *cell[j + 1 :])
            for j in range(len(cell))
            for step in (-1, 1)
            if 0 <= cell[j] + step < CELLS
        ]

    def _cell(self, position: FloatArray) -> Cell:
        return tuple(self._index(position, CELLS))

    def _index(self, position: FloatArray, cells: int) -> list[int]:
        share = (np.asarray(position) - self._low) / self._span
        index: list[int] = np.clip((share * cells).astype(int), 0, cells - 1).tolist()
        return index

    def _centre(self, cell: TimeArray) -> FloatArray:
        return np.asarray(self._low + (cell + 0.5) / CELLS * self._span)
