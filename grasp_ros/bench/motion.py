# SPDX-License-Identifier: Apache-2.0
"""Judges commanded positions by their differences alone.

A motion within a speed and an acceleration limit has first and second differences within them,
however far they are apart, and any jump breaks them. No cubic, no guard, no reference is known
here.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from grasp_ros.robot.limits import Limits
from grasp_ros.types import FloatArray, seconds

SLACK = 5e-3  # relative: times on the wire are whole nanoseconds
ROUNDING = 2e-9  # m or rad: second differences of float64 positions


@dataclass
class MotionChecker:
    """What is commanded against the limits, and what broke them so far, in words.

    tolerance (J,): how far beside the limits a robot may be held that stands there, m or rad.
    worst_speed, worst_acceleration: over the limit.
    """

    limits: Limits
    tolerance: FloatArray
    violations: list[str] = field(default_factory=list)
    worst_speed: float = 0.0
    worst_acceleration: float = 0.0
    _last: list[tuple[int, FloatArray]] = field(default_factory=list)

    def restart(self) -> None:
        """The controller begins anew where the robot is: nothing is compared with before."""
        self._last.clear()

    def see(self, command: FloatArray, at_ns: int) -> None:
        """The next commanded position (J,), at a later time. One that is missing does no harm."""
        limits, last, when = self.limits, self._last, f'{seconds(at_ns):.3f}'
        if not np.isfinite(command).all():
            self.violations.append(f'{when}: command {command}')
        outside = np.maximum(limits.position_min - command, command - limits.position_max)
        if (outside > self.tolerance).any():
            self.violations.append(f'{when}: position {command}')
        if last:
            period = seconds(at_ns - last[-1][0])
            speed = np.abs(command - last[-1][1]) / period
            self.worst_speed = max(self.worst_speed, float((speed / limits.velocity).max()))
            if (speed > limits.velocity * (1 + SLACK)).any():
                self.violations.append(f'{when}: speed {speed}')
        if len(last) == 2:
            (before_ns, before), (between_ns, between) = last
            if at_ns - between_ns == between_ns - before_ns:
                bend = np.maximum(0.0, np.abs(command - 2 * between + before) - ROUNDING)
                acceleration = bend / period**2
                worst = float((acceleration / limits.acceleration).max())
                self.worst_acceleration = max(self.worst_acceleration, worst)
                if (acceleration > limits.acceleration * (1 + SLACK)).any():
                    self.violations.append(f'{when}: acceleration {acceleration}')
            last.pop(0)
        last.append((at_ns, np.array(command)))
