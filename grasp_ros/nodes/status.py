# SPDX-License-Identifier: Apache-2.0
"""What the planner node says of itself: ~/status and /diagnostics."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
from rclpy.time import Time

from grasp_ros.control.outside import Report
from grasp_ros.control.states import FAULT, HOLDING, PLANNING, REACHED, WAITING
from grasp_ros.world_model.bundle import Bundle
from grasp_ros.world_model.manifest import ENCODER

LEVELS = {
    WAITING: DiagnosticStatus.WARN,
    PLANNING: DiagnosticStatus.OK,
    REACHED: DiagnosticStatus.OK,
    HOLDING: DiagnosticStatus.ERROR,
    FAULT: DiagnosticStatus.ERROR,
}


def status(report: Report) -> DiagnosticStatus:
    """~/status: the state, why, and the last plan's figures."""
    state, reason = report.verdict.state, report.verdict.reason
    statistics, replan = report.statistics, report.last
    values: dict[str, object] = {'state': state, 'goal': report.goal, **statistics.counts}
    values.setdefault('blocked', 0)
    if replan is not None:
        values |= {
            'goal_joints': ', '.join(f'{one:.3f}' for one in replan.goal_joints),
            'distance': f'{replan.distance:.4f}',
            'path_steps': 'none' if replan.way is None else f'{replan.way.steps:.1f}',
            'horizon': len(replan.plan.actions),
            'cost': f'{replan.plan.cost:.4f}',
            'feasibility_gap': f'{replan.plan.feasibility_gap:.4f}',
            'encode_ms': f'{replan.encode_ns / 1e6:.2f}',
            'plan_ms': f'{replan.plan_ns / 1e6:.2f}',
            'overhead_ms': f'{statistics.overhead_ms[-1]:.2f}' if statistics.overhead_ms else '',
        }
    return _message('planner', LEVELS[state], f'{state}: {reason}' if reason else state, values)


def diagnostics(stamp: Time, name: str, report: Report, bundle: Bundle) -> DiagnosticArray:
    """/diagnostics: observations, planner and model."""
    statistics, state = report.statistics, status(report)
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
            'encoder_sha256': bundle.manifest.files[ENCODER],
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
