# SPDX-License-Identifier: Apache-2.0
"""The table of planners: parameters, options and planners follow from its rows."""

import functools
import subprocess
import sys
from dataclasses import asdict

import pytest
from toy import free, to

from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.parameters import parameters, read_parameter_file
from grasp_ros.planning.anytime import make_planner
from grasp_ros.planning.registry import PLANNERS, GraspConfig
from grasp_ros.share import share_directory

TABLE = {row.name: row for row in parameters(PlannerNodeConfig)}
BASELINES = sorted((share_directory() / 'config/baselines').glob('*.yaml'))
PAPER = share_directory() / 'config/plan_paper.yaml'


@pytest.mark.parametrize('name', PLANNERS)
def test_a_row_gives_the_choice_the_parameters_and_the_planner(name, robot_file):
    config = load(PlannerNodeConfig, robot_file, planner__algorithm=name, planner__seed=3).planner
    assert isinstance(config.settings, PLANNERS[name][0])
    assert name in TABLE['planner.algorithm'].choices
    assert any(row.startswith(f'planner.{name}.') for row in TABLE)
    plan = make_planner(free, config).plan(to([0.3, 0.1]))
    assert plan.cost < 0.05


def test_table_and_parameters_need_no_torch():
    code = 'import sys, grasp_ros.config, grasp_ros.planning.registry as r; print(*r.PLANNERS); '
    code += 'sys.exit("torch" in sys.modules)'
    subprocess.run([sys.executable, '-c', code], check=True)


def test_settings_of_the_paper_are_shipped_and_stay_when_the_defaults_change(robot_file):
    config = load(PlannerNodeConfig, PAPER, robot_file).planner
    assert config.settings == GraspConfig(
        init='line', action_step='adam', state_step='adam', tension=0.0, noise_share=1.0,
            running_weight=0.0,            iterations=750, lr_states=0.1, lr_actions=0.005,
        state_noise=0.005, gamma=1.0, sync='gd', sync_every=50, sync_steps=10, sync_lr=0.05,
        lookahead=3, restarts=1,
    )  # fmt: skip
    named = {name for name in read_parameter_file(PAPER) if '.grasp.' in name}
    assert named == {f'planner.grasp.{name}' for name in asdict(config.settings)}


@pytest.mark.parametrize('file', BASELINES, ids=lambda file: file.stem)
def test_baselines_differ_from_what_is_shipped_by_what_they_name(file, robot_file):
    shipped, baseline = (
        load(PlannerNodeConfig, robot_file),
        load(PlannerNodeConfig, file, robot_file),
    )
    changed = {row for row in read_parameter_file(file) if not row.startswith('robot.')}
    values = {row: _value(baseline, row) for row in changed}
    assert changed and values == {row: read_parameter_file(file)[row] for row in changed}
    assert all(values[row] != _value(shipped, row) for row in changed)


def _value(config, row):
    return functools.reduce(getattr, row.split('.'), config)
