# SPDX-License-Identifier: Apache-2.0
"""How long the way from an image to a published trajectory takes."""

from __future__ import annotations

from collections import deque

import numpy as np

WINDOW = 100  # samples that the percentile is taken over


class Latency:
    """A rolling 95th percentile, in ns. Until something was measured it is `initial_ns`."""

    def __init__(self, initial_ns: int):
        self._samples: deque[int] = deque([initial_ns], maxlen=WINDOW)

    def add(self, latency_ns: int) -> None:
        """Record one image-to-trajectory time."""
        self._samples.append(latency_ns)

    def p95_ns(self) -> int:
        """The latency to plan for."""
        return int(np.percentile(self._samples, 95))
