# SPDX-License-Identifier: Apache-2.0
"""Notices that somebody set the clock (NTP, a resume from sleep), by a clock that nobody sets."""

from __future__ import annotations

from grasp_ros.types import nanoseconds

JUMP_NS = nanoseconds(0.05)  # NTP slews by less than this in minutes, and sets the clock by more


class ClockWatch:
    """The offset between a clock and the steady clock; a change of it is a jump.

    Each look gives the steady time before and after the clock was read, so that a thread that was
    held up in between is no jump.
    """

    def __init__(self) -> None:
        self._offset: tuple[int, int] | None = None  # lowest and highest that it can be

    def clear(self) -> None:
        """Another clock is looked at from now on."""
        self._offset = None

    def jump_ns(self, before_ns: int, now_ns: int, after_ns: int) -> int:
        """How far the clock jumped since the last `accept`, at least; 0 when it did not."""
        if self._offset is None:
            return 0
        low, high = now_ns - after_ns, now_ns - before_ns
        if low > self._offset[1] + JUMP_NS:
            return low - self._offset[1]
        if high < self._offset[0] - JUMP_NS:
            return high - self._offset[0]
        return 0

    def look(self, before_ns: int, now_ns: int, after_ns: int) -> int:
        """How far the clock jumped since the last look, which is then the truth."""
        jump = self.jump_ns(before_ns, now_ns, after_ns)
        self.accept(before_ns, now_ns, after_ns)
        return jump

    def accept(self, before_ns: int, now_ns: int, after_ns: int) -> None:
        """Take the offset for the true one from now on."""
        self._offset = now_ns - after_ns, now_ns - before_ns
