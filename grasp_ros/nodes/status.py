# SPDX-License-Identifier: Apache-2.0
"""What the planner node says of itself: ~/status and /diagnostics."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.time import Time

from grasp_ros.control.receding_horizon import Replan
from grasp_ros.world_model.bundle import Bundle

WAITING, PLANNING, REACHED, HOLDING = 'WAITING', 'PLANNING', 'REACHED', 'HOLDING'
LEVELS = {
    WAITING: DiagnosticStatus.WARN,
    PLANNING: DiagnosticStatus.OK,
    REACHED: DiagnosticStatus.OK,
    HOLDING: DiagnosticStatus.ERROR,
}
WINDOW = 500  # plans that the percentiles are taken over


@dataclass
class Statistics:
    """Counters and recent timings, ms."""

    plan_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    encode_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    overhead_ms: deque[float] = field(default_factory=lambda: deque(maxlen=WINDOW))
    refused: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, replan: Replan, overhead_ms: float) -> None:
        """Count one plan; overhead is camera to trajectory less encoder and planner."""
        self.counts['plans'] += 1
        self.plan_ms.append(replan.plan_ns / 1e6)
        self.encode_ms.append(replan.encode_ns / 1e6)
        self.overhead_ms.append(overhead_ms)


def status(
    state: str, reason: str, goal: int, replan: Replan | None, statistics: Statistics
) -> DiagnosticStatus:
    """~/status: the state, why, and the last plan's figures. goal: its running number."""
    values: dict[str, object] = {'state': state, 'goal': goal, **statistics.counts}
    if replan is not None:
        values |= {
            'distance': f'{replan.distance:.4f}',
            'path_steps': 'none' if replan.path_steps is None else f'{replan.path_steps:.1f}',
            'horizon': len(replan.plan.actions),
            'cost': f'{replan.plan.cost:.4f}',
            'feasibility_gap': f'{replan.plan.feasibility_gap:.4f}',
            'encode_ms': f'{replan.encode_ns / 1e6:.2f}',
            'plan_ms': f'{replan.plan_ns / 1e6:.2f}',
            'overhead_ms': f'{statistics.overhead_ms[-1]:.2f}' if statistics.overhead_ms else '',
        }
    return _message('planner', LEVELS[state], f'{state}: {reason}' if reason else state, values)


def diagnostics(
    stamp: Time, name: str, state: DiagnosticStatus, statistics: Statistics, bundle: Bundle
) -> DiagnosticArray:
    """/diagnostics: observations, planner and model."""
    refused = sum(statistics.refused.values())
    level = DiagnosticStatus.WARN if refused else DiagnosticStatus.OK
    observation = _message(f'{name}: observation', level, f'{refused} refused', statistics.refused)
    timings = {
        f'{what}_{q}': f'{np.percentile(values, percent):.2f}'
        for what, values in (
            ('plan_ms', statistics.plan_ms),
            ('encode_ms', statistics.encode_ms),
            ('overhead_ms', statistics.overhead_ms),
        )
        if values
        for q, percent in (('p50', 50), ('p95', 95), ('p99', 99))
    }
    planner = _message(
        f'{name}: planner', state.level, state.message, {**statistics.counts, **timings}
    )
    fell_back = bundle.encoder.fell_back
    model = _message(
        f'{name}: model',
        DiagnosticStatus.WARN if fell_back else DiagnosticStatus.OK,
        'encoder fell back to another provider' if fell_back else 'ok',
        {
            'bundle': bundle.path.name,
            'encoder_sha256': bundle.manifest.files['encoder.onnx'],
            'provider': bundle.encoder.provider,
            'device': bundle.device,
        },
    )
    array = DiagnosticArray(status=[observation, planner, model])
    array.header.stamp = stamp.to_msg()
    return array


def _message(name: str, level: bytes, text: str, values: Mapping[str, object]) -> DiagnosticStatus:
    pairs = [KeyValue(key=str(key), value=str(value)) for key, value in values.items()]
    return DiagnosticStatus(name=name, level=level, message=text, values=pairs)
