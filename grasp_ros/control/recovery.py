# SPDX-License-Identifier: Apache-2.0
"""What follows when a robot does not get on: it goes around, or waits and says why.

The map said that there is a way, and there is none. The gate has brought the robot off what it
touched; here the place is remembered (see blocks.py), and the next search leads around. Only when
no other way is known the robot waits, and tries again later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grasp_ros.control.blocks import Blocks
from grasp_ros.control.reference import Reference
from grasp_ros.planning.problem import Inside
from grasp_ros.planning.roadmap import Toll
from grasp_ros.types import NS, FloatArray, Refused

AHEAD = 0.5  # model steps from the robot to where the obstacle is taken to be
NOWHERE = 1e-6  # model steps: who wants to get no further wants to get nowhere
TRIES = 3  # failures at a place, while no other way is known, before the robot waits
PAUSE_NS = 2 * NS  # before the next try; twice as long after each that fails
LONGEST_PAUSE_NS = 32 * NS


@dataclass(frozen=True)
class Blocked:
    """A robot that does not get on: where it is (J,), m or rad, and what it was told until then.

    wanted (J,): where it should get to; None: where it is told to.
    """

    stamp_ns: int
    position: FloatArray
    reference: Reference
    wanted: FloatArray | None = None


class Recovery:
    """The failures of one mission, and what follows from them. Times are those of observations.

    positions (M, J): of the landmarks. step (J,): how far each joint gets in a model step. shares
    (J,): how much each does about obstacles, see Blocks. count: of failures, in all missions.
    words: what holds now, for people.
    """

    def __init__(self, positions: FloatArray, step: FloatArray, shares: FloatArray):
        self._blocks, self._step = Blocks(positions, step, shares), step
        self.count = 0
        self.begin()

    def begin(self) -> None:
        """Another mission: what was in the way of the last one may be gone."""
        self._blocks.clear()
        self.words = ''

    def blocked(self, blocked: Blocked) -> None:
        """The robot does not get on."""
        stamp_ns, here = blocked.stamp_ns, blocked.position
        told = blocked.reference.at(stamp_ns)
        assert told is not None  # who was told nothing cannot fail to do it
        wanted = told.position if blocked.wanted is None else blocked.wanted
        towards = (wanted - here) / self._step
        far = float(np.abs(towards).max())
        if far < NOWHERE:  # nothing lies that way
            return
        towards *= AHEAD * self._step / far
        block = self._blocks.add(here + towards, towards, stamp_ns)
        self.count += 1
        times = '' if block.failures == 1 else f', {block.failures} times now'
        self.words = f'the way near landmark {block.landmark} is blocked{times}'

    def pass_by(self, position: FloatArray, now_ns: int) -> None:
        """The robot is at `position` (J,): measured, since what it is told lies behind a block."""
        self._blocks.pass_by(position, now_ns)
        if not self._blocks.known(now_ns):
            self.words = ''

    def known(self, now_ns: int) -> tuple[int, ...]:
        """What the tolls depend on: while it is the same, so are they, but for what fades."""
        return self._blocks.known(now_ns)

    def toll(self, now_ns: int) -> Toll | None:
        """What moves cost now."""
        return self._blocks.toll(now_ns)

    def near(self, start: FloatArray, end: FloatArray) -> NDArray[np.bool_]:
        """Whether straight moves (N, J) to (N, J) come near what is blocked (N,)."""
        return self._blocks.near(start, end)

    def inside(self, now_ns: int) -> Inside | None:
        """How much joint positions are in what is blocked; None where nothing is."""
        blocks = self._blocks
        return (lambda positions: blocks.inside(positions, now_ns)) if len(blocks) else None

    def wait(self, way: FloatArray, now_ns: int) -> Refused | None:
        """Why the best way (K, J) that is known is not to be tried now, or None."""
        block = self._blocks.on_the_way(way)
        if block is None or block.failures < TRIES:
            return None
        pause_ns = min(PAUSE_NS * 2 ** (block.failures - TRIES), LONGEST_PAUSE_NS)
        if now_ns - block.since_ns >= pause_ns:
            return None
        return Refused(
            f'the way near landmark {block.landmark} is blocked: tried {block.failures} times, '
            'and no way around it is known; tried again later'
        )
