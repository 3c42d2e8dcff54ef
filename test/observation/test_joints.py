# SPDX-License-Identifier: Apache-2.0
"""Joint states are mapped by name, and what no robot can do is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_ros.observation.joints import GLITCHES, JointReader
from grasp_ros.types import BadInput, nanoseconds

NAMES = ['x_joint', 'y_joint']
T0 = 1_700_000_000_000_000_000
STEP = nanoseconds(0.02)
MARGIN = 3.0  # x 0.15 m/s: 9 mm in a step


@pytest.fixture
def reader(robot):
    return JointReader(robot, MARGIN)


@given(
    order=st.permutations(['x_joint', 'y_joint', 'z_joint', 'gripper']),
    values=st.dictionaries(
        st.sampled_from(['x_joint', 'y_joint', 'z_joint', 'gripper']),
        st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
        min_size=4,
    ),
)
def test_maps_by_name_in_any_order_and_ignores_other_joints(robot, order, values):
    position, velocity = ([values[name][i] for name in order] for i in (0, 1))
    sample = JointReader(robot, MARGIN).read(T0, order, position, velocity)
    assert sample.position.tolist() == [values[name][0] for name in NAMES]
    assert sample.velocity.tolist() == [values[name][1] for name in NAMES]
    assert sample.stamp_ns == T0


def test_order_may_change_between_messages(reader):
    reader.read(T0, NAMES, [0.1, 0.2], [])
    sample = reader.read(T0 + STEP, NAMES[::-1], [0.2, 0.1], [])
    assert sample.position.tolist() == [0.1, 0.2]


def test_ignored_joint_may_be_nan(reader):
    sample = reader.read(T0, [*NAMES, 'gripper'], [0.1, 0.2, np.nan], [0.0, 0.0, np.nan])
    assert sample.position.tolist() == [0.1, 0.2]


def test_missing_velocities_are_zero(reader):
    assert reader.read(T0, NAMES, [0.1, 0.2], []).velocity.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    'names, position, velocity, named',
    [
        (['x_joint'], [0.1], [], "'y_joint' 0 times"),
        ([], [], [], "'x_joint' 0 times"),
        (['x_joint', 'y_joint', 'x_joint'], [0.1, 0.2, 0.3], [], "'x_joint' 2 times"),
        (NAMES, [0.1], [], '2 names and 1 positions'),
        (NAMES, [], [], '2 names and 0 positions'),
        (NAMES, [0.1, 0.2, 0.3], [], '2 names and 3 positions'),
        (NAMES, [0.1, 0.2], [0.0], '2 names and 1 velocities'),
        (NAMES, [np.nan, 0.2], [], 'x_joint: position nan'),
        (NAMES, [0.1, np.inf], [], 'y_joint: position inf'),
        (NAMES, [0.1, 0.2], [0.0, np.nan], 'y_joint: position 0.2, velocity nan'),
        (NAMES, [0.1, 0.2], [-np.inf, 0.0], 'x_joint: position 0.1, velocity -inf'),
    ],
)
def test_refuses_broken_message(reader, names, position, velocity, named):
    with pytest.raises(BadInput, match=named):
        reader.read(T0, names, position, velocity)


def test_refuses_zero_stamp(reader):
    with pytest.raises(BadInput, match='no stamp'):
        reader.read(0, NAMES, [0.0, 0.0], [])


def test_refuses_stamp_that_is_older(reader):
    reader.read(T0, NAMES, [0.0, 0.0], [])
    with pytest.raises(BadInput, match='0.020 s older than the last'):
        reader.read(T0 - STEP, NAMES, [0.0, 0.0], [])


def test_refuses_the_same_stamp_however_often(reader):
    reader.read(T0, NAMES, [0.0, 0.0], [])
    for _ in range(3 * GLITCHES):
        with pytest.raises(BadInput, match='the stamp of the last'):
            reader.read(T0, NAMES, [0.0, 0.0], [])


def test_one_stamp_from_the_far_future_does_not_lock_out_the_rest(reader):
    reader.read(T0, NAMES, [0.0, 0.0], [])
    reader.read(T0 + nanoseconds(1e9), NAMES, [0.0, 0.0], [])
    for i in range(1, GLITCHES + 1):
        with pytest.raises(BadInput, match='older than the last'):
            reader.read(T0 + i * STEP, NAMES, [0.0, 0.0], [])
    for i in range(GLITCHES + 1, 10):
        reader.read(T0 + i * STEP, NAMES, [0.0, 0.0], [])


def test_takes_fastest_possible_motion(reader):
    reader.read(T0, NAMES, [0.0, 0.0], [])
    reader.read(T0 + STEP, NAMES, [0.0089, -0.0089], [])


@pytest.mark.parametrize('joint', [0, 1])
@pytest.mark.parametrize('direction', [-1, 1])
def test_refuses_jump_of_any_joint(reader, joint, direction):
    reader.read(T0, NAMES, [0.0, 0.0], [])
    jump = [0.0, 0.0]
    jump[joint] = direction * 0.0091
    with pytest.raises(BadInput, match=f'{NAMES[joint]} moved at'):
        reader.read(T0 + STEP, NAMES, jump, [])


def test_single_glitch_is_forgotten(reader):
    reader.read(T0, NAMES, [0.0, 0.0], [])
    with pytest.raises(BadInput):
        reader.read(T0 + STEP, NAMES, [0.5, 0.0], [])
    assert reader.read(T0 + 2 * STEP, NAMES, [0.001, 0.0], []).position[0] == 0.001


def test_jump_that_stays_is_believed_after_three_refusals(reader):
    reader.read(T0, NAMES, [0.0, 0.0], [])
    for i in range(1, GLITCHES + 1):
        with pytest.raises(BadInput, match='moved at'):
            reader.read(T0 + i * STEP, NAMES, [0.2, 0.0], [])
    there = reader.read(T0 + (GLITCHES + 1) * STEP, NAMES, [0.2, 0.0], [])
    assert there.position[0] == 0.2


def test_glitches_must_be_in_a_row_to_be_believed(reader):
    reader.read(T0, NAMES, [0.0, 0.0], [])
    for i in range(1, 3 * GLITCHES, 2):
        with pytest.raises(BadInput):
            reader.read(T0 + i * STEP, NAMES, [0.2, 0.0], [])
        reader.read(T0 + (i + 1) * STEP, NAMES, [0.0, 0.0], [])


def test_broken_message_leaves_the_last_sample(reader):
    reader.read(T0, NAMES, [0.0, 0.0], [])
    with pytest.raises(BadInput):
        reader.read(T0 + 100 * STEP, NAMES, [np.nan, 0.0], [])
    assert reader.read(T0 + STEP, NAMES, [0.001, 0.0], []).stamp_ns == T0 + STEP


def test_clear_allows_older_stamps_and_another_place(reader):
    reader.read(T0, NAMES, [0.0, 0.0], [])
    reader.clear()
    assert reader.read(STEP, NAMES, [0.2, 0.2], []).stamp_ns == STEP
