# SPDX-License-Identifier: Apache-2.0
"""What happened in an episode, and what many of them say together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import binomtest

from grasp_ros.types import FloatArray, ImageArray

PERIOD = 0.1  # s between the recorded states


@dataclass(frozen=True)
class Episode:
    """One run from start to goal, states (S,); error at the end is the task's.

    tool_error: m between the tool's place and the goal's, at the end. shortest_time, s. duration:
    simulated s until the planner said that the goal is reached, or the time was over; arrival:
    until it was near enough for good, inf where it never was. goal_images: what the planner was
    given, by its cameras' names. path (T, S): a state each PERIOD; contact: the share of them in
    which the robot touches something; plans: the joints (N, J) that were shown as the plan at
    each. speed, acceleration: the most that the controller commanded, over the joint's limit;
    violations: limits that it broke, in words.
    """

    start: FloatArray
    goal: FloatArray
    shortest_time: float
    error: float
    tool_error: float
    success: bool
    reached: bool
    duration: float
    arrival: float
    contact: float
    speed: float
    acceleration: float
    violations: list[str]
    plan_ms: list[float]
    encode_ms: list[float]
    overhead_ms: list[float]
    goal_images: dict[str, ImageArray] = field(repr=False)
    path: FloatArray = field(repr=False)
    plans: list[FloatArray | None] = field(repr=False)

    @property
    def goal_image(self) -> ImageArray:
        """The goal as the first camera shows it, (H, W, 3)."""
        return next(iter(self.goal_images.values()))


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Wilson's 95 % interval of a success rate; (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    interval = binomtest(successes, trials).proportion_ci(0.95, method='wilson')
    return float(interval.low), float(interval.high)


def percentiles(values: list[float]) -> dict[str, float] | None:
    """p50, p95 and p99, or None without values."""
    if not values:
        return None
    p50, p95, p99 = np.percentile(values, [50, 95, 99])
    return {'p50': round(float(p50), 2), 'p95': round(float(p95), 2), 'p99': round(float(p99), 2)}


def summary(episodes: list[Episode], **context: Any) -> dict[str, Any]:
    """The report of `--json`: context first, then the figures, then a row an episode."""
    successes = sum(episode.success for episode in episodes)
    low, high = wilson(successes, len(episodes))

    def all_of(name: str) -> list[float]:
        return [value for episode in episodes for value in getattr(episode, name)]

    return {
        **context,
        'episodes': len(episodes),
        'successes': successes,
        'success_rate': successes / len(episodes) if episodes else 0.0,
        'ci95': [round(low, 4), round(high, 4)],
        'replan_ms': percentiles(all_of('plan_ms')),
        'encode_ms': percentiles(all_of('encode_ms')),
        'overhead_ms': percentiles(all_of('overhead_ms')),
        'arrival_over_shortest_median': _over_shortest(episodes, 'arrival'),
        'time_over_shortest_median': _over_shortest(episodes, 'duration'),
        'contact_share': _contact(episodes),
        'worst_speed_over_limit': _worst(one.speed for one in episodes),
        'worst_acceleration_over_limit': _worst(one.acceleration for one in episodes),
        'limits_broken': [words for one in episodes for words in one.violations[:1]],
        'runs': [_row(episode) for episode in episodes],
    }


def arrival(errors: list[float], times: list[float], tolerance: float) -> float:
    """When the error falls to the tolerance for good, by straight lines between times; or inf."""
    away = np.flatnonzero(np.array(errors) > tolerance)
    if not len(away):
        return times[0]
    last = int(away[-1])
    if last + 1 == len(errors):
        return float('inf')
    share = (errors[last] - tolerance) / (errors[last] - errors[last + 1])
    return times[last] + share * (times[last + 1] - times[last])


def _over_shortest(episodes: list[Episode], name: str) -> float | None:
    """The median over the goals that were reached."""
    ratios = [getattr(one, name) / one.shortest_time for one in episodes if one.success]
    return round(float(np.median(ratios)), 3) if ratios else None


def _contact(episodes: list[Episode]) -> float:
    """The share of the time in which the robot touches something."""
    states = sum(len(episode.path) for episode in episodes)
    touching = sum(episode.contact * len(episode.path) for episode in episodes)
    return round(touching / states, 4) if states else 0.0


def _worst(shares: Iterable[float]) -> float:
    return round(max(shares, default=0.0), 4)


def _row(episode: Episode) -> dict[str, Any]:
    return {
        'start': np.round(episode.start, 4).tolist(),
        'goal': np.round(episode.goal, 4).tolist(),
        'success': episode.success,
        'replans': len(episode.plan_ms),
        'shortest_time': round(episode.shortest_time, 4),
        'error': round(episode.error, 4),
        'tool_error': round(episode.tool_error, 4),
        'reached': episode.reached,
        'duration': round(episode.duration, 4),
        'contact': round(episode.contact, 4),
        'speed': round(episode.speed, 4),
        'acceleration': round(episode.acceleration, 4),
        'arrival': round(episode.arrival, 4) if np.isfinite(episode.arrival) else None,
    }
