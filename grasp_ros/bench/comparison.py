# SPDX-License-Identifier: Apache-2.0
"""Planners on the same problems: a row each, and how often each was better than the first."""

from __future__ import annotations

from typing import Any

from scipy.stats import binomtest

HEAD = (
    '| parameters | reached | 95 % interval | replan p50 / p95, ms | arrival | told '
    '| only the first / only this, p |',
    '| --- | --- | --- | --- | --- | --- | --- |',
)
Report = dict[str, Any]
"""What `demo --json` writes; see bench.episodes.summary."""


def table(reports: list[Report]) -> str:
    """A Markdown table of reports on one list of problems, compared with the first of them.

    p: of a difference at least so large in problems that only one of the two solved, were both
    equally good (exact sign test). Raises ValueError where problems, world or tolerance differ.
    """
    first = reports[0]
    for other in reports[1:]:
        if _asked(other) != _asked(first):
            raise ValueError(
                f'{other["params_file"]} and {first["params_file"]} were given different '
                'problems: compare reports of one world, map, seed and number of episodes'
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
        '' if report is first else _against(report, first),
    )
    return f'| {" | ".join(cells)} |'


def _against(report: Report, first: Report) -> str:
    pairs = zip(first['runs'], report['runs'], strict=True)
    solved = [(one['success'], other['success']) for one, other in pairs]
    only_first, only_this = solved.count((True, False)), solved.count((False, True))
    apart = only_first + only_this
    p = binomtest(only_first, apart).pvalue if apart else 1.0
    return f'{only_first} / {only_this}, {p:.2g}'


def _ratio(value: float | None) -> str:
    return '-' if value is None else f'{value:.3f}'


def _asked(report: Report) -> tuple[Any, ...]:
    same = ('world', 'simulator', 'bundle', 'tolerance', 'real_time_factor')
    problems = [(run['start'], run['goal']) for run in report['runs']]
    goals = report.get('goals', 'picture')  # older reports know no others
    return (*(report[name] for name in same), goals, problems)
