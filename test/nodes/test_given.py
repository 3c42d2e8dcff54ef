# SPDX-License-Identifier: Apache-2.0
"""A parameter that was asked for and lost by ROS is seen."""

import pytest

from grasp_ros.nodes.given import given, refuse_empty, same
from grasp_ros.types import BadInput

GENERAL = '/**: {ros__parameters: {control: {replan_period: 0.2, execute: true}}}'
BY_NAME = 'planner: {ros__parameters: {control: {replan_period: 0.3}}}'
OTHERS = 'other: {ros__parameters: {control.replan_period: 9.0}}'
NESTED = 'cell: {planner: {ros__parameters: {control: {replan_period: 0.4}}}}'


@pytest.fixture
def read(tmp_path):
    """read(text or assignment, ..., node='/planner'): the values for the node."""

    def read(*sources, node='/planner'):
        arguments = ['program', '-p', 'not:=ours', '--ros-args', '-r', 'a:=b']
        for i, source in enumerate(sources):
            if ':=' in source:
                arguments += ['-p', source]
            else:
                (tmp_path / f'{i}.yaml').write_text(source)
                arguments += ['--params-file', str(tmp_path / f'{i}.yaml')]
        return given([*arguments, '--', '-p', 'not:=ours'], node)

    return read


def test_last_value_wins(read):
    period = 'control.replan_period'
    assert read(GENERAL, BY_NAME)[period] == 0.3
    assert read(BY_NAME, GENERAL)[period] == 0.2
    assert read(BY_NAME, f'{period}:=0.5', OTHERS, NESTED)[period] == 0.5
    assert read(NESTED, GENERAL, node='/cell/planner') == {period: 0.2, 'control.execute': True}
    assert read(f'planner:{period}:=0.6', f'sim:{period}:=0.7') == {period: 0.6}
    assert read() == {}


@pytest.mark.parametrize(
    'pattern, node, fits',
    [
        ('/**', '/a/b/planner', True),
        ('/*', '/planner', True),
        ('/*', '/a/planner', False),
        ('/*/planner', '/a/planner', True),
        ('/**/planner', '/a/b/planner', True),
        ('planner', '/planner', True),
        ('planner', '/a/planner', False),
    ],
)
def test_patterns_of_node_names(read, pattern, node, fits):
    values = read(f"'{pattern}': {{ros__parameters: {{a: 1}}}}", node=node)
    assert values == ({'a': 1} if fits else {})


@pytest.mark.parametrize('text', ['root:x:0:0:root:/root:/bin/bash', '[1, 2]', 'a: {b: 1}', '{'])
def test_refuses_a_file_without_parameters(read, text):
    with pytest.raises(BadInput, match='0.yaml'):
        read(text)


def test_empty_list_is_refused_before_rclpy_breaks_on_it():
    with pytest.raises(BadInput, match=r'robot.joints: \[\] is empty'):
        refuse_empty(['--ros-args', '-p', 'robot.joints:=[]'])


@pytest.mark.parametrize(
    'wanted, seen',
    [(1, 1.0), ('1e3', 1000.0), ('on', True), (True, True), ('auto', 'auto'), (1, 1), ('y', True),
     ([1, 2.5], [1.0, 2.5]), (['a'], ('a',)), (0.1, 0.1), ('~', '~')],
)  # fmt: skip
def test_takes_what_ros_makes_of_a_value(wanted, seen):
    assert same(wanted, seen)


@pytest.mark.parametrize(
    'wanted, seen',
    [('fast', 0.2), ([1.0, 2.0], 0.1), (1, True), (0, False), (True, 1), (True, 'yes'),
     ('no', True), ([1.0], [1.0, 2.0]), (0.1, 0.2), ('4', 'auto'), (None, 0.2), (10**400, 1.0)],
)  # fmt: skip
def test_sees_what_ros_lost(wanted, seen):
    assert not same(wanted, seen)
