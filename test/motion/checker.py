# SPDX-License-Identifier: Apache-2.0
"""Judges commanded positions, one a millisecond, by their differences alone.

A motion within a speed and an acceleration limit has first and second differences within them, and
any jump breaks them. No cubic, no guard, no reference is known here.
"""

from dataclasses import dataclass, field

import numpy as np

STEP = 1e-3  # s
SLACK = 5e-3  # relative: times on the wire are whole nanoseconds
ROUNDING = 2e-3  # m/s² or rad/s²: second differences of float64 positions at STEP


@dataclass
class Checker:
    """Limits (J,) and what broke them so far, in words."""

    low: np.ndarray
    high: np.ndarray
    speed: np.ndarray
    acceleration: np.ndarray
    tolerance: np.ndarray
    violations: list[str] = field(default_factory=list)
    worst_speed: float = 0.0
    worst_acceleration: float = 0.0
    resets: int = 0
    _last: list[np.ndarray] = field(default_factory=list)

    def restart(self) -> None:
        """The controller begins anew where the robot is: nothing is compared with before."""
        self._last.clear()
        self.resets += 1

    def see(self, command: np.ndarray, when: float) -> None:
        """The next commanded position (J,)."""
        last = self._last
        if not np.isfinite(command).all():
            self.violations.append(f'{when:.3f}: command {command}')
        outside = np.maximum(self.low - command, command - self.high)
        if (outside > self.tolerance).any():
            self.violations.append(f'{when:.3f}: position {command}')
        if last:
            speed = np.abs(command - last[-1]) / STEP
            self.worst_speed = max(self.worst_speed, float((speed / self.speed).max()))
            if (speed > self.speed * (1 + SLACK)).any():
                self.violations.append(f'{when:.3f}: speed {speed}')
        if len(last) == 2:
            bend = np.abs(command - 2 * last[1] + last[0]) / STEP**2
            worst = float((bend / self.acceleration).max())
            self.worst_acceleration = max(self.worst_acceleration, worst)
            if (bend > self.acceleration * (1 + SLACK) + ROUNDING).any():
                self.violations.append(f'{when:.3f}: acceleration {bend}')
            last.pop(0)
        last.append(command.copy())
