# SPDX-License-Identifier: Apache-2.0
"""What was counted and how long it took."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass, field

from grasp_ros.control.receding_horizon import Replan

WINDOW = 500  # plans that the percentiles are taken over


def _window() -> deque[float]:
    return deque(maxlen=WINDOW)


@dataclass
class Statistics:
    """Counters and recent timings, ms. overhead: camera to trajectory less encoder and planner."""

    plan_ms: deque[float] = field(default_factory=_window)
    encode_ms: deque[float] = field(default_factory=_window)
    overhead_ms: deque[float] = field(default_factory=_window)
    refused: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, replan: Replan, sent_ns: int) -> None:
        """Count one plan. sent_ns: when the camera sent its image, by the system's clock, which is
        also that of DDS' source timestamps."""
        overhead_ns = time.time_ns() - sent_ns - replan.plan_ns - replan.encode_ns
        self.counts['plans'] += 1
        self.plan_ms.append(replan.plan_ns / 1e6)
        self.encode_ms.append(replan.encode_ns / 1e6)
        self.overhead_ms.append(overhead_ns / 1e6)
