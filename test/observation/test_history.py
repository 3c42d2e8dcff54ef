# SPDX-License-Identifier: Apache-2.0
"""The joints at an image's stamp, or why they are not known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_ros.observation.history import KEPT, JointHistory
from grasp_ros.types import JointSample, Refused, nanoseconds

NOW = 1_700_000_000_123_456_789
MS = 1_000_000


@pytest.fixture
def history():
    return JointHistory(50 * MS, 500 * MS)


def sample(stamp_ns, position, velocity=0.0):
    return JointSample(stamp_ns, np.array([position, -position]), np.array([velocity, -velocity]))


def test_refuses_before_any_joints(history):
    assert history.at(NOW) == Refused('no joint_states')


@given(
    stamps=st.lists(st.integers(0, 200), min_size=2, max_size=20, unique=True).map(sorted),
    share=st.floats(0, 1),
)
def test_joints_are_interpolated(stamps, share):
    history = JointHistory(50 * MS, 500 * MS)
    for at in stamps:
        history.add(sample(NOW + at * MS, 0.001 * at**2, 0.01 * at))
    image = NOW + round(MS * (stamps[0] + share * (stamps[-1] - stamps[0])))
    joints = history.at(image)
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
def test_nearest_sample_is_carried_on_by_its_velocity(history, offset):
    history.add(sample(NOW, 0.1, 0.15))
    joints = history.at(NOW + offset * MS)
    moved = 0.1 + 0.15 * offset / 1000
    np.testing.assert_allclose(joints.position, [moved, -moved])
    assert joints.velocity.tolist() == [0.15, -0.15]


@pytest.mark.parametrize('offset', [51, -51])
def test_refuses_joints_too_far_away(history, offset):
    history.add(sample(NOW, 0.1))
    refused = Refused('joint_states is 0.051 s from the image, at most 0.050 s')
    assert history.at(NOW + offset * MS) == refused


def test_refuses_image_in_a_gap_of_the_joints():
    history = JointHistory(50 * MS, 10_000 * MS)
    history.add(sample(NOW, 0.1))
    history.add(sample(NOW + 10_000 * MS, 0.2))
    refused = Refused('joint_states is 0.060 s from the image, at most 0.050 s')
    assert history.at(NOW + 60 * MS) == refused


@pytest.mark.parametrize('rate', [50, 200, 1000, 4000])
def test_joints_of_the_oldest_image_are_known_at_any_rate(history, rate):
    stamps = [NOW + i * nanoseconds(1 / rate) for i in range(2 * rate)]
    for stamp in stamps:
        history.add(sample(stamp, 0.0))
    assert isinstance(history.at(stamps[-1] - 500 * MS), JointSample)
    assert isinstance(history.at(stamps[-1] - 602 * MS), Refused)


def test_flood_of_joints_keeps_the_newest_and_bounds_memory():
    history = JointHistory(50 * MS, nanoseconds(10.0))
    for i in range(2 * KEPT):
        history.add(sample(NOW + i * MS // 10, 0.0))
    last = NOW + (2 * KEPT - 1) * MS // 10
    assert isinstance(history.at(last), JointSample)
    assert isinstance(history.at(last - (KEPT - 1) * MS // 10), JointSample)
    assert isinstance(history.at(last - (KEPT - 1) * MS // 10 - nanoseconds(0.06)), Refused)


def test_clear_forgets(history):
    history.add(sample(NOW, 0.1))
    history.clear()
    assert history.at(NOW) == Refused('no joint_states')
