# SPDX-License-Identifier: Apache-2.0
"""An image is used once, fresh, and with the joints at its stamp."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_ros.config import ObservationConfig
from grasp_ros.observation.pairing import KEPT, ObservationBuffer
from grasp_ros.types import JointSample, Refused, nanoseconds

CONFIG = ObservationConfig(max_age=0.5, max_skew=0.05, max_future=0.05)
NOW = 1_700_000_000_123_456_789
MS = 1_000_000


@pytest.fixture
def buffer():
    return ObservationBuffer(CONFIG)


def sample(stamp_ns, position, velocity=0.0):
    return JointSample(stamp_ns, np.array([position, -position]), np.array([velocity, -velocity]))


@pytest.mark.parametrize(
    'stamp, now, reason',
    [
        (NOW, 0, 'no /clock'),
        (0, NOW, 'no stamp'),
        (-5, NOW, 'no stamp'),
        (NOW + 51 * MS, NOW, '0.051 s in the future'),
        (NOW + 5000 * MS, NOW, '5.000 s in the future'),
        (NOW - 501 * MS, NOW, '0.501 s old, at most 0.500 s'),
        (1, NOW, 's old'),
    ],
)
def test_refuses_stamp(buffer, stamp, now, reason):
    refused = buffer.check_stamp(stamp, now)
    assert isinstance(refused, Refused) and reason in refused.reason


@pytest.mark.parametrize('offset', [0, 50 * MS, -500 * MS])
def test_takes_stamp_at_the_edge_of_the_window(buffer, offset):
    assert buffer.check_stamp(NOW + offset, NOW) is None


@given(st.lists(st.integers(-400, 40), min_size=1, max_size=30))
def test_stamps_that_pass_strictly_increase(offsets):
    buffer = ObservationBuffer(CONFIG)
    passed = [at for at in offsets if buffer.check_stamp(NOW + at * MS, NOW) is None]
    assert passed == sorted(set(passed))
    assert passed[-1] == max(offsets)


def test_says_how_late_an_out_of_order_image_is(buffer):
    buffer.check_stamp(NOW, NOW)
    assert '0.100 s older' in buffer.check_stamp(NOW - 100 * MS, NOW).reason


def test_refused_stamp_does_not_block_the_next_image(buffer):
    assert buffer.check_stamp(NOW + 5000 * MS, NOW) is not None
    assert buffer.check_stamp(NOW, NOW) is None


def test_refuses_image_before_any_joints(buffer):
    assert buffer.joints_at(NOW) == Refused('no joint_states')


@given(
    stamps=st.lists(st.integers(0, 200), min_size=2, max_size=20, unique=True).map(sorted),
    share=st.floats(0, 1),
)
def test_joints_are_interpolated_to_the_image(stamps, share):
    buffer = ObservationBuffer(CONFIG)
    for at in stamps:
        buffer.add_joints(sample(NOW + at * MS, 0.001 * at**2, 0.01 * at))
    image = NOW + round(MS * (stamps[0] + share * (stamps[-1] - stamps[0])))
    joints = buffer.joints_at(image)
    at = (image - NOW) / MS
    if min(abs(at - s) for s in stamps) > 50:
        assert isinstance(joints, Refused)
        return
    position = np.interp(at, stamps, [0.001 * s**2 for s in stamps])
    assert joints.stamp_ns == image
    np.testing.assert_allclose(joints.position, [position, -position], atol=1e-9)
    velocity = np.interp(at, stamps, [0.01 * s for s in stamps])
    np.testing.assert_allclose(joints.velocity, [velocity, -velocity], atol=1e-9)


@pytest.mark.parametrize('offset', [40, -40])
def test_nearest_sample_is_carried_on_by_its_velocity(buffer, offset):
    buffer.add_joints(sample(NOW, 0.1, 0.15))
    joints = buffer.joints_at(NOW + offset * MS)
    moved = 0.1 + 0.15 * offset / 1000
    np.testing.assert_allclose(joints.position, [moved, -moved])
    assert joints.velocity.tolist() == [0.15, -0.15]


@pytest.mark.parametrize('offset', [51, -51])
def test_refuses_joints_too_far_from_the_image(buffer, offset):
    buffer.add_joints(sample(NOW, 0.1))
    refused = buffer.joints_at(NOW + offset * MS)
    assert refused == Refused('joint_states is 0.051 s from the image, at most 0.050 s')


def test_refuses_image_in_a_gap_of_the_joints(buffer):
    buffer.add_joints(sample(NOW, 0.1))
    buffer.add_joints(sample(NOW + 10_000 * MS, 0.2))
    refused = buffer.joints_at(NOW + 60 * MS)
    assert refused == Refused('joint_states is 0.060 s from the image, at most 0.050 s')


def test_older_sample_replaces_those_with_wrong_stamps(buffer):
    buffer.add_joints(sample(NOW, 0.1))
    buffer.add_joints(sample(NOW + 10_000 * MS, 0.2))
    buffer.add_joints(sample(NOW + 20 * MS, 0.3))
    assert buffer.joints_at(NOW + 20 * MS).position[0] == 0.3
    assert isinstance(buffer.joints_at(NOW + 10_000 * MS), Refused)


def test_flood_of_joints_keeps_the_newest_and_bounds_memory(buffer):
    for i in range(10 * KEPT):
        buffer.add_joints(sample(NOW + i * MS, 0.0))
    last = NOW + (10 * KEPT - 1) * MS
    assert isinstance(buffer.joints_at(last), JointSample)
    assert isinstance(buffer.joints_at(last - (KEPT - 1) * MS), JointSample)
    assert isinstance(buffer.joints_at(last - (KEPT - 1) * MS - nanoseconds(0.06)), Refused)


def test_clear_forgets_stamps_and_joints(buffer):
    buffer.add_joints(sample(NOW, 0.1))
    buffer.check_stamp(NOW, NOW)
    buffer.clear()
    assert buffer.joints_at(NOW) == Refused('no joint_states')
    assert buffer.check_stamp(5 * MS, 10 * MS) is None
