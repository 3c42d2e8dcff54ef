# SPDX-License-Identifier: Apache-2.0
"""Planners on the same problems: a row each, and how often each was better than the first."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.stats import binomtest, wilcoxon

HEAD = (
    '| parameters | reached | 95 % interval | replan p50 / p95, ms | arrival | told | contact '
    '| only the first / only this, p | time of the first / of this, p |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- |',
)
Report = dict[str, Any]
"""What `demo --json` writes; see bench.episodes.summary."""


def table(reports: list[Report]) -> str:
    """A Markdown table of reports on one list of problems, compared with the first of them.

    Where one report has more problems than another, those that both have are compared. The p of
    successes: of a difference at least so large in problems that only one of the two solved, were
    both equally good (exact sign test). The time: until arrival, the median over the problems that
    both solved, and Wilcoxon's signed-rank test of its logarithm. Raises ValueError where
    problems, world or tolerance differ.
    """
    first = reports[0]
    for other in reports[1:]:
        if _asked(other, first) != _asked(first, other):
            raise ValueError(
                f'{other["params_file"]} and {first["params_file"]} were given different '
                'problems: compare reports of one world, map and seed'
            )
    return '\n'.join([*HEAD, *(_row(one, first) for one in reports)])


def _row(report: Report, first: Report) -> str:
    low, high = report['ci95']
    plan = report['replan_ms'] or {'p50': float('nan'), 'p95': float('nan')}
    cells = (
        report['params_file'],
        f'{report["successes"]} of {report["episodes"]}',
        f'{100 * low:.0f} to {100 * high:.0f} %',
        f'{plan["p50"]:.0f} / {plan["p95"]:.0f}',
        _ratio(report['arrival_over_shortest_median']),
        _ratio(report['time_over_shortest_median']),
        _share(report.get('contact_share')),  # older reports do not say
        *(('', '') if report is first else _against(report, first)),
    )
    return f'| {" | ".join(cells)} |'


def _against(report: Report, first: Report) -> tuple[str, str]:
    pairs = list(zip(first['runs'], report['runs'], strict=False))
    solved = [(one['success'], other['success']) for one, other in pairs]
    only_first, only_this = solved.count((True, False)), solved.count((False, True))
    apart = only_first + only_this
    p = binomtest(only_first, apart).pvalue if apart else 1.0
    both = [
        np.log(one['arrival'] / other['arrival'])
        for one, other in pairs
        if one['success'] and other['success']
    ]
    return f'{only_first} / {only_this}, {p:.2g}', _time(both)


def _time(logarithms: list[float]) -> str:
    if not logarithms:
        return '-'
    p = float(wilcoxon(logarithms).pvalue) if np.any(logarithms) else 1.0
    return f'{np.exp(np.median(logarithms)):.2f}, {p:.2g}'


def _ratio(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'


def _share(value: float | None) -> str:
    return '-' if value is None else f'{100 * value:.1f} %'


def _asked(report: Report, other: Report) -> tuple[Any, ...]:
    """What was asked in as many episodes as the other one has, too."""
    same = ('world', 'simulator', 'bundle', 'tolerance', 'real_time_factor')
    count = min(len(report['runs']), len(other['runs']))
    problems = [(run['start'], run['goal']) for run in report['runs'][:count]]
    goals = report.get('goals', 'picture')  # older reports know no others
    return (*(report[name] for name in same), goals, problems)
