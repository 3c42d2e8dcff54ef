# SPDX-License-Identifier: Apache-2.0
"""Actions and the controller's reference are two names for the same motion."""

import numpy as np
import pytest
from hypothesis import given
from strategies import each

from grasp_ros.robot.command import COMMANDS, make_command
from grasp_ros.types import BadInput

LOW, HIGH, DT = (-0.1, 0.0), (0.3, 0.05), 0.2


@pytest.mark.parametrize('meaning', COMMANDS)
@given(action=each(2, -1.0, 1.0), position=each(2, -1.0, 1.0))
def test_action_of_its_own_motion_is_itself(meaning, action, position):
    command = make_command(meaning, LOW, HIGH, DT)
    reference = np.stack([position, command.reference(action, position)])
    np.testing.assert_allclose(command.actions(reference), action[None], atol=1e-9)


@pytest.mark.parametrize(
    'meaning, after',
    [
        ('joint_velocity', [0.1 + 0.3 * DT, 0.04]),
        ('joint_delta', [0.4, 0.04]),
        ('joint_position', [0.3, 0.0]),
    ],
)
def test_meanings_in_numbers(meaning, after):
    command = make_command(meaning, LOW, HIGH, DT)
    moved = command.reference(np.array([1.0, -1.0]), np.array([0.1, 0.04]))
    np.testing.assert_allclose(moved, after)


@pytest.mark.parametrize('meaning', COMMANDS)
@given(position=each(2, 0.0, 0.05))
def test_rest_leaves_the_reference_where_it_is(meaning, position):
    command = make_command(meaning, LOW, HIGH, DT)
    rest = command.rest(position)
    assert np.abs(rest).max() <= 1
    np.testing.assert_allclose(command.reference(rest, position), position, atol=1e-9)


@pytest.mark.parametrize('meaning', COMMANDS)
@given(before=each(2, -9.0, 9.0), after=each(2, -9.0, 9.0))
def test_actions_stay_within_bounds(meaning, before, after):
    command = make_command(meaning, LOW, HIGH, DT)
    assert np.abs(command.actions(np.stack([before, after]))).max() <= 1


@pytest.mark.parametrize('meaning', COMMANDS)
def test_actions_of_many_steps_and_paths_at_once(meaning):
    command = make_command(meaning, LOW, HIGH, DT)
    path = np.cumsum(np.full((3, 6, 2), 0.01), axis=1)
    together = command.actions(path)
    one_by_one = [command.actions(path[0, i : i + 2])[0] for i in range(5)]
    assert together.shape == (3, 5, 2)
    assert np.array_equal(together[0], np.stack(one_by_one))


@pytest.mark.parametrize('meaning', COMMANDS)
def test_size_is_the_number_of_joints(meaning):
    assert make_command(meaning, LOW, HIGH, DT).size == 2


@pytest.mark.parametrize(
    'meaning, low, high, dt, named',
    [
        ('torque', LOW, HIGH, DT, 'torque'),
        ('joint_velocity', (0.0,), HIGH, DT, 'bounds'),
        ('joint_velocity', (0.0, 0.05), HIGH, DT, '0.05'),
        ('joint_velocity', (float('nan'), 0.0), HIGH, DT, 'nan'),
        ('joint_velocity', (0.1, 0.0), HIGH, DT, 'do not hold 0'),
        ('joint_delta', LOW, (0.3, -0.01), DT, 'not below'),
        ('joint_velocity', LOW, HIGH, 0.0, '0.0 s'),
        ('joint_velocity', LOW, HIGH, -0.1, '-0.1 s'),
        ('joint_velocity', LOW, HIGH, 1e-9, '1e-09 s'),
        ('joint_velocity', LOW, HIGH, float('inf'), 'inf'),
        ('joint_velocity', LOW, HIGH, float('nan'), 'nan'),
    ],
)
def test_refuses_impossible_space(meaning, low, high, dt, named):
    with pytest.raises(BadInput, match=named):
        make_command(meaning, low, high, dt)
