# SPDX-License-Identifier: Apache-2.0
"""How fast joints move, where only their positions are measured."""

from __future__ import annotations

from collections import deque

import numpy as np

from grasp_ros.types import nanoseconds, seconds

# An encoder's tick, of 0.0015 rad say, within so long is slower than what counts as motion (2 % of
# 0.5 rad/s).
SPAN_NS = nanoseconds(0.2)
KEPT = 1024  # positions of a joint: what comes faster than this allows is not told


class Speeds:
    """The mean speed of each joint over the last SPAN_NS, or since the last position where that is
    longer ago."""

    def __init__(self, joints: int):
        self._seen: list[deque[tuple[int, float]]] = [deque(maxlen=KEPT) for _ in range(joints)]

    def clear(self) -> None:
        """What was seen until now says nothing any more."""
        for seen in self._seen:
            seen.clear()

    def add(self, joint: int, stamp_ns: int, position: float) -> float:
        """The speed of a joint, m or rad per s, that is at a position now; NaN: not known yet.

        Nor is it after a pause of twice SPAN_NS: whatever happened in it.
        """
        seen = self._seen[joint]
        seen.append((stamp_ns, position))
        while len(seen) > 1 and stamp_ns - seen[1][0] >= SPAN_NS:
            seen.popleft()
        then_ns, before = seen[0]
        span_ns = stamp_ns - then_ns
        known = SPAN_NS <= span_ns <= 2 * SPAN_NS
        return (position - before) / seconds(span_ns) if known else np.nan
