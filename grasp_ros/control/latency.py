# SPDX-License-Identifier: Apache-2.0
"""How long the way from an image to a published trajectory takes."""

from __future__ import annotations

from collections import deque

import numpy as np

WINDOW = 50  # samples that the estimate is made of
RECENT = 3  # of them, of which two say that all is slower now


class Latency:
    """A rolling 90th percentile, in ns, or the median of the last few where that is more.

    A single slow plan does not move it; a machine that has become slow, or a way that has become
    hard to plan, does before three plans in a row come too late.
    Until something was measured it is `initial_ns`. Times below zero or above `most_ns` come from
    a clock that jumped or a plan that hung: none can be planned for, so they are left out.
    """

    def __init__(self, initial_ns: int, most_ns: int):
        self._initial_ns, self._most_ns = min(initial_ns, most_ns), most_ns
        self._samples: deque[int] = deque(maxlen=WINDOW)
        self.clear()

    def clear(self) -> None:
        """Forget what was measured: after the clock jumped."""
        self._samples.clear()
        self._samples.append(self._initial_ns)

    def add(self, latency_ns: int) -> None:
        """Record one image-to-trajectory time."""
        if 0 <= latency_ns <= self._most_ns:
            self._samples.append(latency_ns)

    def estimate_ns(self) -> int:
        """The latency to plan for; an observed one, never the largest of several."""
        samples = list(self._samples)
        usual = np.percentile(samples, 90, method='lower')
        now = np.percentile(samples[-RECENT:], 50, method='lower')
        return int(max(usual, now))
