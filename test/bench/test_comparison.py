# SPDX-License-Identifier: Apache-2.0
"""Reports of several planners as one table, on the same problems only."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from grasp_ros.bench.comparison import table
from grasp_ros.bench.episodes import Episode, summary

ROOT = Path(__file__).resolve().parents[2]
NOTHING = np.zeros((1, 1, 3), np.uint8)


def report(
    name: str, solved: str, seed: int = 3, world: str = 'maze', slower: float = 1.0
) -> dict:
    """Of a planner that solved the problems marked 1, and took so many times as long."""
    starts = np.random.default_rng(seed).normal(size=(len(solved), 2))
    episodes = [
        Episode(
            start=start,
            goal=-start,
            shortest_time=4.0,
            error=0.01,
            tool_error=0.0,
            success=one == '1',
            reached=one == '1',
            duration=5.0,
            arrival=4.4 * slower,
            contact=0.25 if one == '0' else 0.0,
            speed=0.9,
            acceleration=1.0,
            violations=[],
            plan_ms=[20.0, 30.0],
            encode_ms=[1.0],
            overhead_ms=[1.0],
            goal_images={'image': NOTHING},
            path=start[None],
            plans=[None],
        )
        for start, one in zip(starts, solved, strict=True)
    ]
    context = {'world': world, 'simulator': 'mujoco', 'bundle': 'b', 'tolerance': 0.025}
    made = summary(episodes, params_file=name, real_time_factor=1.0, **context)
    return json.loads(json.dumps(made))


def test_each_is_a_row_and_compared_with_the_first():
    head, _, first, second, third = table(
        [report('plan.yaml', '11111111'), report('a', '10000000'), report('b', '11111110')]
    ).splitlines()
    assert head.count('|') == first.count('|') == 10
    assert first == '| plan.yaml | 8 of 8 | 68 to 100 % | 25 / 30 | 1.100 | 1.250 | 0.0 % |  |  |'
    assert second.endswith('| 7 / 0, 0.016 | 1.00, 1 |'), 'twice 0.5 ** 7'
    assert third.endswith('| 1 / 0, 1 | 1.00, 1 |'), 'one problem proves nothing'


def test_times_are_compared_where_both_arrived():
    first = report('plan.yaml', '11111110')
    row = table([first, report('a', '01111111', slower=2.0)]).splitlines()[-1]
    assert row.endswith('| 1 / 1, 1 | 0.50, 0.031 |'), 'twice 0.5 ** 6'
    assert table([first, report('a', '00000000')]).splitlines()[-1].endswith('| - |')


def test_problems_that_both_were_given_are_compared():
    longer = report('plan.yaml', '1101')
    assert table([longer, report('a', '01')]).splitlines()[-1].endswith('| 1 / 0, 1 | 1.00, 1 |')


def test_contact_is_a_share_of_all_the_time():
    assert report('plan.yaml', '1101')['contact_share'] == 0.25 / 4
    assert report('plan.yaml', '1101')['runs'][2]['contact'] == 0.25


def test_a_planner_that_solved_nothing_has_no_times():
    row = table([report('plan.yaml', '00')]).splitlines()[-1]
    assert '| 0 of 2 | 0 to 66 % | 25 / 30 | - | - | 25.0 % |' in row


@pytest.mark.parametrize('other', [{'seed': 4}, {'world': 'wall'}])
def test_other_problems_are_refused(other):
    with pytest.raises(ValueError, match='a and plan.yaml were given different problems'):
        table([report('plan.yaml', '11'), report('a', '11', **other)])


def compare(*arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / 'scripts/compare'), *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def test_reports_that_are_there_are_kept(tmp_path):
    for name, solved in (('plan', '11'), ('pursuit', '01')):
        (tmp_path / f'{name}.json').write_text(json.dumps(report(f'{name}.yaml', solved)))
    done = compare(str(tmp_path), '--params-file', 'plan.yaml', 'pursuit.yaml')
    assert done.returncode == 0, done.stderr
    assert '| pursuit.yaml | 1 of 2 |' in done.stdout


def test_without_a_world_the_reports_that_are_there_are_the_table(tmp_path):
    for name, solved in (('plan', '11'), ('pursuit', '01')):
        (tmp_path / f'{name}.json').write_text(json.dumps(report(f'{name}.yaml', solved)))
    done = compare(str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 4
    done = compare(str(tmp_path / 'empty'))
    assert done.returncode == 2 and 'holds no reports' in done.stderr


def test_two_files_of_one_name_are_refused(tmp_path):
    done = compare(str(tmp_path), '--params-file', 'plan.yaml', 'mine/plan.yaml')
    assert done.returncode == 2 and 'have one name' in done.stderr


def test_a_demo_that_cannot_run_ends_it(tmp_path):
    done = compare(str(tmp_path), '--world', 'nowhere', '--params-file', 'plan.yaml')
    assert done.returncode == 2 and 'Traceback' not in done.stderr
    assert 'nowhere' in done.stderr and 'the demo with plan.yaml left no report' in done.stderr
