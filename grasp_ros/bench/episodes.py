# SPDX-License-Identifier: Apache-2.0
"""What happened in an episode, and what many of them say together."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from grasp_ros.types import FloatArray

TOLERANCE = 0.025  # m, of the tool's final position
PERIOD = 0.1  # s between the recorded positions
Z95 = 1.959964


@dataclass(frozen=True)
class Episode:
    """One run from start to goal; error is the final distance in the simulator, m.

    shortest: the shortest way, m. duration: simulated s until the planner said that the goal is
    reached, or the time was over. path (T, J): a point each PERIOD; plans: what was shown at each.
    """

    start: FloatArray
    goal: FloatArray
    shortest: float
    error: float
    reached: bool
    duration: float
    plan_ms: list[float]
    encode_ms: list[float]
    overhead_ms: list[float]
    path: FloatArray = field(repr=False)
    plans: list[FloatArray | None] = field(repr=False)

    @property
    def success(self) -> bool:
        """Whether the robot ended within TOLERANCE of the goal."""
        return self.error <= TOLERANCE


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a success rate; (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    rate, z2 = successes / trials, Z95**2
    centre = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    spread = Z95 * math.sqrt(rate * (1 - rate) / trials + z2 / (4 * trials**2)) / (1 + z2 / trials)
    return max(0.0, centre - spread), min(1.0, centre + spread)


def percentiles(values: list[float]) -> dict[str, float] | None:
    """p50, p95 and p99, or None without values."""
    if not values:
        return None
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    return {'p50': round(float(p50), 2), 'p95': round(float(p95), 2), 'p99': round(float(p99), 2)}


def summary(episodes: list[Episode], max_velocity: float, **context: Any) -> dict[str, Any]:
    """The report of `--json`: context first, then the figures, then a row an episode."""
    successes = sum(episode.success for episode in episodes)
    low, high = wilson(successes, len(episodes))

    def all_of(name: str) -> list[float]:
        return [value for episode in episodes for value in getattr(episode, name)]

    ratios = [e.duration / (e.shortest / max_velocity) for e in episodes if e.success]
    return {
        **context,
        'episodes': len(episodes),
        'successes': successes,
        'success_rate': successes / len(episodes) if episodes else 0.0,
        'ci95': [round(low, 4), round(high, 4)],
        'replan_ms': percentiles(all_of('plan_ms')),
        'encode_ms': percentiles(all_of('encode_ms')),
        'overhead_ms': percentiles(all_of('overhead_ms')),
        'time_over_shortest_median': round(float(np.median(ratios)), 3) if ratios else None,
        'runs': [_row(episode) for episode in episodes],
    }


def _row(episode: Episode) -> dict[str, Any]:
    kept = ('shortest', 'error', 'reached', 'duration')
    row = {name: value for name, value in asdict(episode).items() if name in kept}
    return {
        'start': np.round(episode.start, 4).tolist(),
        'goal': np.round(episode.goal, 4).tolist(),
        'success': episode.success,
        'replans': len(episode.plan_ms),
        **{name: round(v, 4) if isinstance(v, float) else v for name, v in row.items()},
    }
