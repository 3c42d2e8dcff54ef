# SPDX-License-Identifier: Apache-2.0
"""Actions and joint commands are two names for the same motion."""

import numpy as np
import pytest
from hypothesis import given
from strategies import each

from grasp_ros.robot.command import MEANINGS, ActionSpace
from grasp_ros.types import BadInput

LOW, HIGH, DT = (-0.1, 0.0), (0.3, 0.05), 0.2


@pytest.mark.parametrize('meaning', MEANINGS)
@given(action=each(2, -1.0, 1.0), position=each(2, -1.0, 1.0))
def test_action_of_its_own_motion_is_itself(meaning, action, position):
    space = ActionSpace(meaning, LOW, HIGH, DT)
    after = position + space.velocity(action, position) * DT
    np.testing.assert_allclose(space.action(position, after), action, atol=1e-9)


@pytest.mark.parametrize(
    'meaning, velocity',
    [
        ('joint_velocity', [0.3, 0.0]),
        ('joint_delta', [0.3 / DT, 0.0]),
        ('joint_position', [(0.3 - 0.1) / DT, (0.0 - 0.04) / DT]),
    ],
)
def test_meanings_in_numbers(meaning, velocity):
    space = ActionSpace(meaning, LOW, HIGH, DT)
    moved = space.velocity(np.array([1.0, -1.0]), np.array([0.1, 0.04]))
    np.testing.assert_allclose(moved, velocity)


@pytest.mark.parametrize('meaning', MEANINGS)
@given(before=each(2, -9.0, 9.0), after=each(2, -9.0, 9.0))
def test_actions_stay_within_bounds(meaning, before, after):
    assert np.abs(ActionSpace(meaning, LOW, HIGH, DT).action(before, after)).max() <= 1


def test_actions_of_many_steps_at_once():
    space = ActionSpace('joint_velocity', LOW, HIGH, DT)
    path = np.cumsum(np.full((6, 2), 0.01), axis=0)
    together = space.action(path[:-1], path[1:])
    one_by_one = [space.action(a, b) for a, b in zip(path[:-1], path[1:], strict=True)]
    assert together.shape == (5, 2)
    assert np.array_equal(together, np.stack(one_by_one))


@pytest.mark.parametrize('meaning', MEANINGS)
def test_size_is_the_number_of_joints(meaning):
    assert ActionSpace(meaning, LOW, HIGH, DT).size == 2


@pytest.mark.parametrize(
    'meaning, low, high, dt, named',
    [
        ('torque', LOW, HIGH, DT, 'torque'),
        ('joint_velocity', (0.0,), HIGH, DT, 'bounds'),
        ('joint_velocity', (0.0, 0.05), HIGH, DT, '0.05'),
        ('joint_velocity', (float('nan'), 0.0), HIGH, DT, 'nan'),
        ('joint_velocity', LOW, HIGH, 0.0, '0.0 s'),
        ('joint_velocity', LOW, HIGH, -0.1, '-0.1 s'),
        ('joint_velocity', LOW, HIGH, float('nan'), 'nan s'),
    ],
)
def test_refuses_impossible_space(meaning, low, high, dt, named):
    with pytest.raises(BadInput, match=named):
        ActionSpace(meaning, low, high, dt)
