# SPDX-License-Identifier: Apache-2.0
"""What a robot does that does not get on: it backs off, goes around, or waits and says why.

The map said that there is a way, and there is none. Where the robot should have got to is
remembered (see blocks.py); it leaves the contact along the way it came, and the next search leads
around. Only when no other way is known does it wait, and try again later.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grasp_ros.control.blocks import Blocks
from grasp_ros.control.reference import Reference
from grasp_ros.planning.roadmap import Toll
from grasp_ros.types import NS, FloatArray, Refused

AHEAD = 2.0  # model steps from the robot to where the obstacle is taken to be
BACK = 2.0  # model steps that the robot backs off
BACK_DONE = 0.3  # model steps: so near to the end of the way back it is there
BACK_LIMIT_NS = 2 * NS  # the robot backs off so long at most
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

    positions (M, J): of the landmarks. step (J,): how far each joint gets in a model step of
    step_ns. count: of failures, of all missions. words: what holds now, for people.
    """

    def __init__(self, positions: FloatArray, step: FloatArray, step_ns: int):
        self._blocks, self._step, self._step_ns = Blocks(positions, step), step, step_ns
        self.count = 0
        self.begin()

    def begin(self) -> None:
        """Another mission: what was in the way of the last one may be gone."""
        self._blocks.clear()
        self._back: FloatArray | None = None  # the way back (K, J) that is left to go
        self._back_until_ns = 0
        self.words = ''

    def blocked(self, blocked: Blocked) -> None:
        """The robot does not get on."""
        if self._back is not None:  # nor back: it is stuck, and the map tells nothing about that
            self._back = None
            return
        stamp_ns, here = blocked.stamp_ns, blocked.position
        told = blocked.reference.at(stamp_ns + round(AHEAD * self._step_ns))
        assert told is not None  # who was told nothing cannot fail to do it
        wanted = told.position if blocked.wanted is None else blocked.wanted
        towards = (wanted - here) / self._step
        towards *= AHEAD / max(float(np.abs(towards).max()), 1e-9)
        block = self._blocks.add(here + towards * self._step, stamp_ns)
        self.count += 1
        times = '' if block.failures == 1 else f', {block.failures} times now'
        self.words = f'the way near landmark {block.landmark} is blocked{times}'
        self._back, self._back_until_ns = self._way_back(blocked), stamp_ns + BACK_LIMIT_NS

    @property
    def backs_off(self) -> bool:
        """Whether the robot is to go back a little first."""
        return self._back is not None

    def way_back(self, start: FloatArray, now_ns: int) -> FloatArray | None:
        """Joint positions (H + 1, J) a model step apart from `start` (J,); None: no more of it."""
        if self._back is None:
            return None
        apart = self._steps(self._back - start)
        if apart[-1] < BACK_DONE or now_ns > self._back_until_ns:
            self._back = None
            return None
        points = np.concatenate([start[None], self._back[int(apart.argmin()) + 1 :]])
        if len(points) == 1:
            points = np.concatenate([points, self._back[-1:]])
        passed = np.append(0.0, self._steps(np.diff(points, axis=0)).cumsum())
        at = np.linspace(0.0, passed[-1], max(2, int(np.ceil(passed[-1]))) + 1)
        return np.stack([np.interp(at, passed, joint) for joint in points.T], axis=1)

    def toll(self, position: FloatArray, now_ns: int) -> Toll | None:
        """What moves cost now that the robot is at `position` (J,)."""
        self._blocks.pass_by(position, now_ns)
        toll = self._blocks.toll(now_ns)
        if toll is None:
            self.words = ''
        return toll

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

    def _way_back(self, blocked: Blocked) -> FloatArray | None:
        """From where the robot is, along what it was told, BACK model steps or less."""
        here, reference, told = blocked.position, blocked.reference, blocked.reference.told
        assert told is not None
        begin_ns = max(told.start_ns, reference.settled_ns)
        times = np.arange(blocked.stamp_ns, begin_ns - 1, -self._step_ns // 4)
        if not len(times):
            return None
        came = [reference.at(int(at)) for at in times]
        positions = np.stack([motion.position for motion in came if motion is not None])
        # What it was told last lies beyond the robot, where it did not get.
        positions = positions[int(self._steps(positions - here).argmin()) :]
        far = np.flatnonzero(self._steps(positions - here) >= BACK)
        positions = positions[: far[0] + 1] if len(far) else positions
        worth = self._steps(positions[-1] - here) > BACK_DONE
        return np.concatenate([here[None], positions]) if worth else None

    def _steps(self, difference: FloatArray) -> FloatArray:
        """How many model steps a way (..., J) takes: (...)."""
        return np.abs(difference / self._step).max(axis=-1)
