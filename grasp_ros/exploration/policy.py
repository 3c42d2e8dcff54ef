# SPDX-License-Identifier: Apache-2.0
"""What an exploring robot does next: at random, to places everywhere, to where it never was.

No ROS, no simulator, no clock: the caller brings what it asks for to the controller.
"""

from __future__ import annotations

from collections import deque

import numpy as np

from grasp_ros.exploration.random_motion import random_actions
from grasp_ros.exploration.visited import Visited
from grasp_ros.robot.command import Command
from grasp_ros.robot.limits import Limits
from grasp_ros.types import FloatArray

AIMLESS, STRAIGHT, AROUND, NEW = 'aimless', 'straight', 'around', 'new'
SHARES = (0.3, 0.2, 0.15, 0.35)
AIMLESS_STEPS = 50
SLOWEST = 0.4  # of the speed that is allowed: motion to places is not always at full speed
BEYOND = 0.25  # of each joint's range, to both sides, is drawn from, too: that is at its end
PATIENCE = 2.0  # times the steps that a way needs before it is given up
TRAIL = 60  # steps that are remembered of the way that the robot came
BACK = (4, 12)  # steps back along it after a block


class Explorer:
    """Chooses the actions (A,) of one robot; the same seed and answers give the same actions.

    command: what actions mean. limits: of the robot; actions stay within its speeds. speed: the
    share of them that is used, in (0, 1].
    """

    def __init__(self, command: Command, limits: Limits, speed: float, seed: int):
        self._command, self._limits, self._speed = command, limits, speed
        self._step = speed * limits.velocity * command.dt  # (J,) largest in a model step
        self._rng = np.random.default_rng(seed)
        self.visited = Visited(limits)
        self._trail: deque[FloatArray] = deque(maxlen=TRAIL)
        self._way: list[FloatArray] = []  # places (J,) to go to, in this order
        self._pace = 1.0
        self._left = 0  # steps until something else is done
        self._actions = random_actions(command.size, self._rng)

    def next(self, position: FloatArray, reference: FloatArray) -> FloatArray:
        """The action of a robot at `position` (J,) from its reference (J,) on.

        To be asked once a model step, while the robot follows.
        """
        self.visited.add(position)
        self._trail.append(np.array(position))
        self._pass(reference)
        if self._left <= 0:
            self._choose(reference)
        self._left -= 1
        if not self._way:
            return self._slowed(next(self._actions), reference)
        gap = self._way[0] - reference
        most = float(np.abs(gap / self._step).max())
        step = gap / max(most / self._pace, 1.0)
        return self._command.actions(np.stack([reference, reference + step]))[0]

    def blocked(self, position: FloatArray, told: FloatArray) -> None:
        """The robot is at `position` (J,) instead of where it was told to be (J,).

        It leaves by the way that it came.
        """
        self.visited.blocked(position, told)
        if self._way:
            self.visited.cut(position, self._way[0])
        count = int(self._rng.integers(*BACK))
        self._trail.append(np.array(position))
        back = [self._trail.pop() for _ in range(min(count, len(self._trail)))]
        # Blocked on the way back, too, there is little left to go back: anywhere else, then.
        self._go(back if len(back) > 1 else [self._anywhere()], position, 1.0)

    def _pass(self, reference: FloatArray) -> None:
        """Take the places off the way that are reached; it ends with the last of them."""
        while self._way and (np.abs(self._way[0] - reference) < self._step / 4).all():
            self._way.pop(0)
            if not self._way:
                self._left = 0

    def _choose(self, reference: FloatArray) -> None:
        """Draw what to do next."""
        kind = self._rng.choice((AIMLESS, STRAIGHT, AROUND, NEW), p=SHARES)
        if kind == AIMLESS:
            self._way, self._left = [], AIMLESS_STEPS
            self._actions = random_actions(self._command.size, self._rng)
            return
        way = self.visited.new(self._rng) if kind == NEW else []
        if not way and kind != STRAIGHT:
            way = self.visited.towards(self._anywhere())
        pace = float(self._rng.uniform(SLOWEST, 1))
        self._go(way or [self._anywhere()], reference, pace)

    def _anywhere(self) -> FloatArray:
        low, high = self._limits.position_min, self._limits.position_max
        drawn = self._rng.uniform(low - BEYOND * (high - low), high + BEYOND * (high - low))
        return np.clip(drawn, low, high)

    def _go(self, way: list[FloatArray], start: FloatArray, pace: float) -> None:
        self._way, self._pace = way, pace
        legs = np.diff(np.stack([start, *way]), axis=0)
        steps = np.ceil(np.abs(legs / self._step).max(axis=1) / pace).sum()
        self._left = int(PATIENCE * steps) + 2

    def _slowed(self, action: FloatArray, reference: FloatArray) -> FloatArray:
        """An action at the share of the speed that is used."""
        fastest = self._limits.velocity * self._command.dt
        step = np.clip(self._command.reference(action, reference) - reference, -fastest, fastest)
        return self._command.actions(np.stack([reference, reference + self._speed * step]))[0]
