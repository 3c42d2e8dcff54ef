# SPDX-License-Identifier: Apache-2.0
"""Parameters: one table, the shipped files agree with it, and every bad value is named."""

import math
import re

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from grasp_ros.config import (
    ExplorerNodeConfig,
    PlannerNodeConfig,
    SimulatorNodeConfig,
    horizon_steps,
    load,
    load_robot,
)
from grasp_ros.parameters import REQUIRED, build, parameters, read_parameter_file
from grasp_ros.share import share_directory
from grasp_ros.types import BadInput

PLAN = share_directory() / 'config/plan.yaml'
ROBOTS = sorted((share_directory() / 'config/robots').glob('*.yaml'))
TABLE = {row.name: row for row in parameters(PlannerNodeConfig)}
OPTIONAL = {name: row for name, row in TABLE.items() if row.default is not REQUIRED}
ROBOT = {
    name: value
    for name, value in read_parameter_file(share_directory() / 'config/robots/gantry.yaml').items()
    if name.startswith('robot.')
}


def with_value(name, value):
    return build(PlannerNodeConfig, {**ROBOT, name: value})


def test_defaults_are_valid():
    config = build(PlannerNodeConfig, ROBOT)
    assert not config.control.execute, 'nothing may move by default'


@pytest.mark.parametrize('file', ROBOTS, ids=lambda path: path.stem)
def test_shipped_robots_are_valid(file):
    assert load(PlannerNodeConfig, PLAN, file).robot == load_robot(file)


def test_plan_file_has_every_parameter_with_its_default():
    expected = {
        name: list(row.default) if row.is_list else row.default for name, row in OPTIONAL.items()
    }
    assert read_parameter_file(PLAN) == expected


def test_plan_file_says_every_unit():
    comments = dict(re.findall(r'^ +(\w+): [^#\n]+# (.*)$', PLAN.read_text(), re.MULTILINE))
    for name, row in OPTIONAL.items():
        assert row.unit in comments[name.split('.')[-1]], name


def test_every_parameter_is_documented():
    for cls in (PlannerNodeConfig, SimulatorNodeConfig):
        for row in parameters(cls):
            assert len(row.description) > 5, row.name


def test_whole_number_is_taken_for_a_float():
    config = with_value('observation.max_age', 1)
    assert config.observation.max_age == 1.0 and isinstance(config.observation.max_age, float)


def test_list_may_be_a_tuple_or_array():
    assert with_value('model.providers', ('A', 'B')).model.providers == ('A', 'B')


@pytest.mark.parametrize(
    'name, value, rule',
    [
        ('planner.deadline', 0.0, '0.0 is below 0.001'),
        ('planner.deadline', 61, '61.0 is above 60.0'),
        ('planner.deadline', math.nan, 'nan is not finite'),
        ('planner.deadline', math.inf, 'inf is not finite'),
        pytest.param('planner.deadline', 10**400, 'not finite', id='huge_number'),
        pytest.param('planner.icem.samples', 10**400, 'is above 100000', id='huge_whole_number'),
        ('planner.deadline', '0.1', "'0.1' is str, not float"),
        ('planner.deadline', True, 'True is bool, not float'),
        ('planner.deadline', None, 'None is NoneType, not float'),
        ('planner.deadline', [0.1], 'is list, not float'),
        ('planner.seed', 1.0, '1.0 is float, not int'),
        ('planner.seed', -1, '-1 is below 0'),
        ('planner.seed', True, 'True is bool, not int'),
        ('planner.algorithm', 'magic', "'magic' is not one of"),
        ('control.execute', 'yes', "'yes' is str, not bool"),
        ('control.execute', 1, '1 is int, not bool'),
        ('model.providers', 'CPUExecutionProvider', 'is not a list'),
        ('model.providers', [1], '1 is int, not str'),
        ('model.providers', [], 'empty'),
        ('planner.horizon', 'long', "'long'"),
        ('planner.horizon', 1, '1'),
        ('planner.horizon', '5', "'5'"),
        ('planner.horizon', 2.5, '2.5'),
        ('planner.horizon', '-1 s', "'-1 s'"),
        ('planner.horizon', True, 'True'),
        ('planner.use_roadmap', False, 'use_roadmap'),
        ('planner.icem.elites', 129, '129 is above planner.icem.samples 128'),
        ('robot.joints', [], 'empty'),
        ('robot.joints', ['a', 'a'], "['a', 'a'] has duplicates"),
        ('robot.joints', ['a'], '2 values for 1 joints'),
        ('robot.position_min', [0.27, -0.27], '0.27 is not below position_max 0.27'),
        ('robot.position_max', [0.27, math.nan], 'nan is not finite'),
        ('robot.max_velocity', [0.1, 0.0], '0.0 is not positive'),
        ('control.send_ahead', 0.0, '0.0 is below 0.01'),
        ('control.send_ahead', 0.95, '0.95 is above 0.5'),
        (
            'robot.tracking_tolerance',
            [0.01, 0.19],
            '0.19 of y_joint takes 1.90 s within max_velocity 0.15 and max_acceleration 3.0; with '
            'send_ahead 0.05 a robot is held within 1.80 s or not at all',
        ),
        (
            'robot.max_acceleration',
            [0.015, 3.0],
            'robot.tracking_tolerance: 0.01 of x_joint takes 2.00 s within max_velocity 0.15 and '
            'max_acceleration 0.015',
        ),
        ('robot.max_acceleration', [-3.0, 3.0], '-3.0 is not positive'),
        ('control.excute', True, 'no such parameter'),
    ],
)
def test_refuses_value_naming_it_and_the_rule(name, value, rule):
    with pytest.raises(BadInput) as refusal:
        with_value(name, value)
    reason = str(refusal.value)
    assert rule in reason and name.split('.')[0] in reason


@pytest.mark.parametrize(
    'name, value, rule',
    [
        ('exploration.send_ahead', 0.0, '0.0 is below 0.01'),
        ('robot.tracking_tolerance', [0.01, 0.19], '0.19 of y_joint takes 1.90 s'),
    ],
)
def test_refuses_value_of_the_explorer(name, value, rule):
    with pytest.raises(BadInput, match=rule):
        build(ExplorerNodeConfig, {**ROBOT, name: value})


def test_names_every_broken_rule_at_once():
    with pytest.raises(BadInput) as refusal:
        build(PlannerNodeConfig, {**ROBOT, 'planner.seed': -1, 'control.replan_period': 0})
    assert 'planner.seed' in str(refusal.value)
    assert 'control.replan_period' in str(refusal.value)


@pytest.mark.parametrize('name', [name for name, row in TABLE.items() if row.default is REQUIRED])
def test_refuses_missing_parameter(name):
    with pytest.raises(BadInput, match=f'{name}: missing'):
        build(PlannerNodeConfig, {key: ROBOT[key] for key in ROBOT if key != name})


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.dates(), st.binary()
)


@given(st.sampled_from(sorted(TABLE)), st.one_of(SCALARS, st.lists(SCALARS, max_size=3)))
def test_nothing_but_bad_input_escapes(name, value):
    try:
        with_value(name, value)
    except BadInput as refusal:
        assert name.split('.')[0] in str(refusal)


@pytest.mark.parametrize('horizon, steps', [('auto', None), (7, 7), ('4.5 s', 45), ('0.1s', 2)])
def test_horizon_in_steps(horizon, steps):
    assert horizon_steps(horizon, dt=0.1) == steps


@pytest.mark.parametrize(
    'text',
    [
        'planner: [1, : }',
        '',
        '5',
        '[1, 2]',
        '/**:',
        '/**: {ros__parameters: }',
        '/**: {ros__parameters: [1]}',
        '/**: {parameters: {a: 1}}',
        'a: {ros__parameters: {}}\nb: {ros__parameters: {}}',
        '/**: {ros__parameters: {1: 2}}',
        '\xff\xfe\x00',
    ],
)
def test_refuses_file_that_is_no_parameter_file(tmp_path, text):
    file = tmp_path / 'bad.yaml'
    file.write_bytes(text.encode('latin-1'))
    with pytest.raises(BadInput, match='bad.yaml'):
        read_parameter_file(file)


def test_refuses_missing_file(tmp_path):
    with pytest.raises(BadInput, match='none.yaml'):
        load(PlannerNodeConfig, tmp_path / 'none.yaml')


def test_refuses_misspelt_parameter_in_a_file(tmp_path, robot_file):
    file = tmp_path / 'plan.yaml'
    file.write_text(yaml.safe_dump({'/**': {'ros__parameters': {'planner': {'seeed': 1}}}}))
    with pytest.raises(BadInput, match='planner.seeed: no such parameter'):
        load(PlannerNodeConfig, file, robot_file)


def test_later_files_and_overrides_win(tmp_path, robot_file):
    file = tmp_path / 'mine.yaml'
    values = {'planner': {'seed': 7, 'deadline': 1}}
    file.write_text(yaml.safe_dump({'planner': {'ros__parameters': values}}))
    config = load(PlannerNodeConfig, PLAN, robot_file, file, planner__seed=8)
    assert config.planner.seed == 8 and config.planner.deadline == 1.0


@pytest.mark.parametrize(
    'changes, rule',
    [
        ({'simulator__start': 'here'}, "simulator.start: 'here' is not a list"),
        ({'simulator__engine': 'bullet'}, "'bullet' is not one of"),
        ({'simulator__real_time_factor': 0}, '0.0 is below 0.01'),
        ({'simulator__planet': 'mars'}, 'simulator.planet: no such parameter'),
    ],
)
def test_refuses_bad_simulator_value(robot_file, changes, rule):
    with pytest.raises(BadInput, match=re.escape(rule)):
        load(SimulatorNodeConfig, robot_file, **changes)
