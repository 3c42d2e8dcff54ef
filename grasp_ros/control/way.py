# SPDX-License-Identifier: Apache-2.0
"""The way to come, and what shortens it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from grasp_ros.control.recovery import Recovery
from grasp_ros.planning.path import every_step
from grasp_ros.planning.shortcuts import cost, onward, passing_times, shortened
from grasp_ros.types import FloatArray
from grasp_ros.world_model.obstacles import WARY, Obstacles

FAR = 80.0  # model steps: how far ahead; what is further on later plans shorten
NEAR = 100.0  # model steps that a shortcut costs besides, which comes near what is blocked


@dataclass(frozen=True)
class Way:
    """What is to come: joints (K, J) at its stops, m or rad, from the start to the goal, and when
    they are passed, model steps (K,)."""

    stops: FloatArray
    times: FloatArray

    @property
    def steps(self) -> float:
        """Model steps to the goal."""
        return float(self.times[-1])

    def positions(self) -> FloatArray:
        """Joints (T + 1, J) after each model step."""
        return np.asarray(every_step(torch.as_tensor(self.stops), self.times).numpy())


class Shortener:
    """Takes the detours out of the map's ways, each time a little more.

    positions (M, J): where the robot has been. step (J,): how far each joint gets in a model step.
    """

    def __init__(
        self, obstacles: Obstacles, recovery: Recovery, positions: FloatArray, step: FloatArray
    ):
        self._obstacles, self._recovery = obstacles, recovery
        self._positions, self._step = positions, step
        self._last: Way | None = None

    def forget(self) -> None:
        """Go on from the map's next way."""
        self._last = None

    def shorten(self, way: Way, now_ns: int) -> Way:
        """The map's way or what is left of the last one, whatever costs less, as far as it matters
        now without its detours.

        Near what is blocked it stays, where the robot has been. So does its last move: the model
        found it, also to a goal that does not show all joints.
        """
        blocked = self._recovery.toll(now_ns)

        def toll(start: FloatArray, end: FloatArray) -> FloatArray:
            tolls = self._obstacles.tolls(start, end, straight=True)
            return tolls if blocked is None else WARY * tolls + blocked(start, end)

        def toll_of_shortcuts(start: FloatArray, end: FloatArray) -> FloatArray:
            return toll(start, end) + NEAR * self._recovery.near(start, end)

        ways = [way] if self._last is None else [way, self._left(self._last, way.stops[0])]
        way = min(ways, key=lambda one: cost(one.stops, self._step, toll))
        count = int(np.searchsorted(way.times[:-2], FAR)) + 1
        ahead = way.stops[:count]
        free = ~self._recovery.near(ahead, ahead)
        pieces = np.split(ahead, np.flatnonzero(~(free[:-1] & free[1:])) + 1)
        new = np.concatenate(
            [shortened(one, self._step, toll_of_shortcuts, self._positions) for one in pieces]
        )
        times = passing_times(new, self._step)
        later = times[-1] + way.times[count:] - way.times[count - 1]
        self._last = Way(np.concatenate([new, way.stops[count:]]), np.append(times, later))
        return self._last

    def _left(self, last: Way, position: FloatArray) -> Way:
        """What is left of the last way for who is at `position` (J,)."""
        stops = onward(last.stops, position, self._step)
        times = passing_times(stops[:-1], self._step)
        return Way(stops, np.append(times, times[-1] + last.times[-1] - last.times[-2]))
