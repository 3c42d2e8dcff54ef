# SPDX-License-Identifier: Apache-2.0
"""How an exploration goes: contact, waiting, coverage."""

from __future__ import annotations

from grasp_ros.exploration.visited import Visited


class Figures:
    """Counts model steps by what the robot did in them."""

    def __init__(self, visited: Visited):
        self._visited = visited
        self.steps, self.blocks = 0, 0
        self.freed = 0  # times that the robot was stuck, and placed elsewhere by hand
        self._behind, self._held = 0, 0
        self._follows = True

    def add(self, follows: bool, moves: bool) -> None:
        """A step ends. follows: the robot is where it was told to be; moves: told to move."""
        self.steps += 1
        self._behind += not follows
        self._held += follows and not moves
        self.blocks += self._follows and not follows
        self._follows = follows

    @property
    def behind_share(self) -> float:
        """Share of the steps in which something kept the robot from where it was told to be."""
        return self._behind / max(self.steps, 1)

    @property
    def held_share(self) -> float:
        """Share of the other steps in which it was told nothing, or to stand."""
        return self._held / max(self.steps, 1)

    @property
    def covered_share(self) -> float:
        """Share of the joint space: see Visited.covered."""
        return self._visited.covered
