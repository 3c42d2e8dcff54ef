# SPDX-License-Identifier: Apache-2.0
"""Joint states are mapped by name, and what no robot can do is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_ros.config import ObservationConfig
from grasp_ros.observation.joints import GLITCHES, Fault, JointReader
from grasp_ros.types import JointSample, Refused, nanoseconds

NAMES = ['x_joint', 'y_joint']
T0 = 1_700_000_000_000_000_000
STEP = nanoseconds(0.02)
CONFIG = ObservationConfig(velocity_margin=3.0)  # x 0.15 m/s: 9 mm in a step


@pytest.fixture
def reader(robot):
    return JointReader(robot, CONFIG)


def read(reader, stamp_ns, position, names=NAMES, velocity=None, now_ns=None):
    """One message, of a robot at rest if nothing else is said, that arrives at its stamp, or at
    now_ns."""
    velocity = [0.0] * len(names) if velocity is None else velocity
    return reader.read(stamp_ns, names, position, velocity, now_ns or stamp_ns)


def assert_refused(answer, reason, kind=Refused):
    assert type(answer) is kind and reason in answer.reason


@given(
    order=st.permutations(['x_joint', 'y_joint', 'z_joint', 'gripper']),
    values=st.dictionaries(
        st.sampled_from(['x_joint', 'y_joint', 'z_joint', 'gripper']),
        st.tuples(st.floats(-0.27, 0.27), st.floats(-9, 9)),
        min_size=4,
    ),
)
def test_maps_by_name_in_any_order_and_ignores_other_joints(robot, order, values):
    position, velocity = ([values[name][i] for name in order] for i in (0, 1))
    sample = read(JointReader(robot, CONFIG), T0, position, order, velocity)
    assert sample.position.tolist() == [values[name][0] for name in NAMES]
    assert sample.velocity.tolist() == [values[name][1] for name in NAMES]
    assert sample.stamp_ns == T0


def test_order_may_change_between_messages(reader):
    read(reader, T0, [0.1, 0.2])
    assert read(reader, T0 + STEP, [0.2, 0.1], NAMES[::-1]).position.tolist() == [0.1, 0.2]


def test_ignored_joint_may_be_nan(reader):
    sample = read(reader, T0, [0.1, 0.2, np.nan], [*NAMES, 'gripper'], [0.0, 0.0, np.nan])
    assert sample.position.tolist() == [0.1, 0.2]


@pytest.mark.parametrize('velocity', [[], [np.nan, np.nan]])
def test_missing_velocities_are_those_of_the_positions(reader, velocity):
    """x_joint moves at 0.1 m/s, messages come at 50 Hz."""
    samples = [read(reader, T0 + i * STEP, [0.002 * i, 0.2], velocity=velocity) for i in range(12)]
    assert samples[:10] == [None] * 10
    for sample in samples[10:]:
        np.testing.assert_allclose(sample.velocity, [0.1, 0.0], atol=1e-12)


def test_velocity_that_is_measured_is_taken_and_others_are_not_waited_for(reader):
    samples = [read(reader, T0 + i * STEP, [0.0, 0.1], velocity=[0.15, np.nan]) for i in range(11)]
    assert samples[9] is None and samples[10].velocity.tolist() == [0.15, 0.0]
    assert read(reader, T0 + 11 * STEP, [0.0, 0.1], velocity=[0.1, 0.2]).velocity[1] == 0.2


def test_says_that_no_velocity_is_known_yet(reader):
    read(reader, T0, [0.0, 0.1], velocity=[0.15, np.nan])
    assert reader.lacking() == (
        'joint_states has no velocity of y_joint, and not yet enough positions to tell it'
    )
    for i in range(1, 11):
        read(reader, T0 + i * STEP, [0.0, 0.1], velocity=[0.15, np.nan])
    assert reader.lacking() is None
    reader.clear()
    assert read(reader, T0 + 11 * STEP, [0.0, 0.1], velocity=[0.15, np.nan]) is None


@pytest.mark.parametrize('names', [['gripper'], [], ['gripper', 'gripper', 'X_JOINT']])
def test_message_without_any_of_the_robots_joints_is_nobodys_fault(reader, names):
    assert read(reader, T0, [0.1] * len(names), names) is None
    assert read(reader, T0, [0.1, 0.2]).position.tolist() == [0.1, 0.2]


@pytest.mark.parametrize(
    'names, position, velocity, reason',
    [
        (['x_joint', 'y_joint', 'x_joint'], [0.1, 0.2, 0.3], [], "'x_joint' 2 times"),
        (NAMES, [0.1], [], '2 names and 1 positions'),
        (NAMES, [], [], '2 names and 0 positions'),
        (NAMES, [0.1, 0.2, 0.3], [], '2 names and 3 positions'),
        (NAMES, [0.1, 0.2], [0.0], '2 names and 1 velocities'),
        (NAMES, [np.nan, 0.2], [], 'x_joint: position nan'),
        (NAMES, [0.1, np.inf], [], 'y_joint: position inf'),
        (NAMES, [0.1, np.nan], [0.0, np.nan], 'y_joint: position nan, velocity nan'),
        (NAMES, [0.1, 0.2], [-np.inf, 0.0], 'x_joint: position 0.1, velocity -inf'),
    ],
)
def test_refuses_broken_message(reader, names, position, velocity, reason):
    assert_refused(read(reader, T0, position, names, velocity), reason)


@pytest.mark.parametrize(
    'stamp, now, reason',
    [
        (0, T0, 'no stamp'),
        (T0, 0, 'no /clock'),
        (T0 + nanoseconds(0.051), T0, '0.051 s in the future: clocks differ'),
        (T0 + nanoseconds(1.0), T0, '1.000 s in the future'),
    ],
)
def test_refuses_stamp(reader, stamp, now, reason):
    assert_refused(reader.read(stamp, NAMES, [0.0, 0.0], [], now), reason)


def test_refuses_stamp_that_is_older(reader):
    read(reader, T0, [0.0, 0.0])
    assert_refused(read(reader, T0 - STEP, [0.0, 0.0]), '0.020 s older than the last')


def test_refuses_the_same_stamp_however_often(reader):
    read(reader, T0, [0.0, 0.0])
    for _ in range(3 * GLITCHES):
        assert_refused(read(reader, T0, [0.0, 0.0]), 'the stamp of the last')


def test_takes_fastest_possible_motion(reader):
    read(reader, T0, [0.0, 0.0])
    assert isinstance(read(reader, T0 + STEP, [0.0089, -0.0089]), JointSample)


@pytest.mark.parametrize('joint', [0, 1])
@pytest.mark.parametrize('direction', [-1, 1])
def test_refuses_jump_of_any_joint(reader, joint, direction):
    read(reader, T0, [0.0, 0.0])
    jump = [0.0, 0.0]
    jump[joint] = direction * 0.0091
    reason = f'{NAMES[joint]} jumped from 0.0000 to {direction * 0.0091:.4f}'
    assert_refused(read(reader, T0 + STEP, jump), reason)


def test_single_glitch_is_forgotten(reader):
    read(reader, T0, [0.0, 0.0])
    assert_refused(read(reader, T0 + STEP, [0.2, 0.0]), 'jumped')
    assert read(reader, T0 + 2 * STEP, [0.001, 0.0]).position[0] == 0.001


def test_jump_that_stays_is_a_fault_and_never_the_truth(reader):
    read(reader, T0, [0.0, 0.0])
    for i in range(1, 20):
        kind = Refused if i < GLITCHES else Fault
        assert_refused(read(reader, T0 + i * STEP, [0.25, 0.0]), 'x_joint jumped', kind)


def test_what_is_measured_after_a_cleared_fault_is_true(reader):
    read(reader, T0, [0.0, 0.0])
    for i in range(1, GLITCHES + 1):
        read(reader, T0 + i * STEP, [0.25, 0.0])
    reader.clear()
    assert read(reader, T0 + 5 * STEP, [0.25, 0.0]).position[0] == 0.25


def test_glitches_must_be_in_a_row_to_be_a_fault(reader):
    read(reader, T0, [0.0, 0.0])
    for i in range(1, 4 * GLITCHES, 2):
        assert_refused(read(reader, T0 + i * STEP, [0.2, 0.0]), 'jumped')
        assert isinstance(read(reader, T0 + (i + 1) * STEP, [0.0, 0.0]), JointSample)


@pytest.mark.parametrize('value', [0.2801, -0.2801, 0.5, 78.0, 1e308])
def test_joint_outside_its_limits_is_never_the_truth(reader, value):
    for i in range(10):
        kind = Refused if i + 1 < GLITCHES else Fault
        reason = f'y_joint is measured at {value:.4f}, its limits are -0.27 to 0.27'
        assert_refused(read(reader, T0 + i * STEP, [0.0, value]), reason, kind)


def test_joint_outside_its_limits_by_less_than_it_lags_is_taken(reader):
    assert isinstance(read(reader, T0, [0.2799, -0.2799]), JointSample)


def test_joint_that_leaves_its_limits_slowly_is_a_fault(reader):
    answers = [read(reader, T0 + i * STEP, [0.25 + 0.003 * i, 0.0]) for i in range(20)]
    assert isinstance(answers[10], JointSample) and type(answers[-1]) is Fault


def test_broken_message_leaves_the_last_sample(reader):
    read(reader, T0, [0.0, 0.0])
    assert_refused(read(reader, T0 + 100 * STEP, [np.nan, 0.0]), 'nan')
    assert read(reader, T0 + STEP, [0.001, 0.0]).stamp_ns == T0 + STEP


def test_clear_allows_older_stamps_and_another_place(reader):
    read(reader, T0, [0.0, 0.0])
    reader.clear()
    assert read(reader, STEP, [0.2, 0.2]).stamp_ns == STEP


def test_joints_of_two_publishers_are_merged(reader):
    assert read(reader, T0, [0.1], ['x_joint'], [0.15]) is None
    assert 'y_joint' in reader.lacking()
    sample = read(reader, T0 + STEP, [0.2, 7.0], ['y_joint', 'gripper'], [-0.1, 0.0])
    assert reader.lacking() is None and sample.stamp_ns == T0 + STEP
    np.testing.assert_allclose(sample.position, [0.1 + 0.15 * 0.02, 0.2])
    assert sample.velocity.tolist() == [0.15, -0.1]


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 30)), min_size=1, max_size=40))
def test_merged_stamps_grow_and_no_joint_is_older_than_the_skew(robot, messages):
    reader, at, last = JointReader(robot, CONFIG), [0, 0], 0
    stamp = T0
    for first, gap in messages:
        stamp += gap * nanoseconds(0.001)
        joint = 0 if first else 1
        at[joint] = stamp
        sample = read(reader, stamp, [0.1], [NAMES[joint]])
        skew = nanoseconds(CONFIG.max_skew)
        assert (sample is not None) == (min(at) > 0 and stamp - min(at) <= skew)
        if sample is not None:
            assert sample.stamp_ns == stamp > last
            last = stamp


def test_says_which_publisher_died(reader):
    read(reader, T0, [0.1], ['x_joint'])
    for i in range(10):
        read(reader, T0 + i * STEP + 1, [0.2], ['y_joint'])
    assert reader.lacking() == 'joint_states of x_joint is 0.180 s older than of the others'


def test_late_message_of_the_other_publisher_makes_no_older_sample(reader):
    read(reader, T0, [0.1, 0.2])
    read(reader, T0 + STEP, [0.1], ['x_joint'])
    assert read(reader, T0 + STEP // 2, [0.2], ['y_joint']) is None
