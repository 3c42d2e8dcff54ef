# SPDX-License-Identifier: Apache-2.0
"""Records survive the way through messages; bad messages are refused, whoever decodes."""

import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_cases import BAD, GOOD, RGB, Raw
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CompressedImage, Image, JointState
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from grasp_ros.nodes import messages
from grasp_ros.types import BadInput, JointSample, JointTrajectory

NOW = 1_700_000_000_999_999_999
DECODERS = [
    pytest.param(messages.to_rgb_by_own, id='own'),
    pytest.param(
        messages.to_rgb_by_bridge,
        id='cv_bridge',
        marks=pytest.mark.skipif(messages.BRIDGE is None, reason='no distribution cv_bridge'),
    ),
]
FLOATS = st.floats(allow_nan=False)


def image(raw: Raw) -> Image:
    """A message of a raw image's fields."""
    message = Image(height=raw.height, width=raw.width, step=raw.step, encoding=raw.encoding)
    message.data = array.array('B', raw.data)
    return message


def over_the_wire(message):
    """The message as the other side receives it."""
    return deserialize_message(serialize_message(message), type(message))


@pytest.mark.parametrize('decode', DECODERS)
@pytest.mark.parametrize('raw, rgb', GOOD)
def test_decodes_image(decode, raw, rgb):
    assert np.array_equal(decode(over_the_wire(image(raw))), rgb)


@pytest.mark.parametrize('decode', DECODERS)
@pytest.mark.parametrize('raw, named', BAD)
def test_refuses_image(decode, raw, named):
    with pytest.raises(BadInput, match='image'):
        decode(image(raw))


@pytest.mark.parametrize('decode', DECODERS)
@given(st.integers(0, 4), st.integers(0, 4), st.integers(0, 15), st.integers(0, 70))
def test_never_reads_past_the_data(decode, height, width, step, length):
    data = np.arange(length, dtype=np.uint8)
    message = image(Raw(height, width, step, 'rgb8', data.tobytes()))
    if height > 0 and 0 < 3 * width <= step and length >= height * step:
        rows = data[: height * step].reshape(height, step)[:, : 3 * width]
        assert np.array_equal(decode(message), rows.reshape(height, width, 3))
    else:
        with pytest.raises(BadInput):
            decode(message)


def test_image_round_trip():
    message = over_the_wire(messages.from_rgb(RGB, NOW, 'camera'))
    assert np.array_equal(messages.to_rgb(message), RGB)
    assert messages.stamp_ns(message) == NOW and message.header.frame_id == 'camera'
    assert (message.height, message.width, message.step) == (3, 5, 15)


def test_compressed_image_round_trip():
    message = over_the_wire(messages.from_rgb_compressed(RGB, NOW, 'camera'))
    assert np.array_equal(messages.to_rgb(message), RGB)
    assert messages.stamp_ns(message) == NOW and message.header.frame_id == 'camera'


def test_refuses_compressed_garbage():
    with pytest.raises(BadInput):
        messages.to_rgb(CompressedImage(format='jpeg', data=array.array('B', b'no image')))


@given(st.integers(0, 2**31 * 10**9 - 1))
def test_stamps_are_exact_to_the_nanosecond(time_ns):
    message = JointState()
    message.header.stamp = messages.to_time(time_ns)
    assert message.header.stamp.nanosec < 10**9
    assert messages.stamp_ns(over_the_wire(message)) == time_ns


@given(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=7))
def test_joints_round_trip(values):
    names = tuple(f'j{i}' for i in range(len(values)))
    position, velocity = np.array(values).T
    message = over_the_wire(messages.from_joints(JointSample(NOW, position, velocity), names))
    assert tuple(message.name) == names and messages.stamp_ns(message) == NOW
    assert list(message.position) == position.tolist()
    assert list(message.velocity) == velocity.tolist()


@st.composite
def trajectories(draw):
    shape = draw(st.integers(1, 6)), draw(st.integers(1, 4))
    names = draw(st.permutations([f'j{i}' for i in range(shape[1])]))

    def table():
        values = [draw(FLOATS) for _ in range(shape[0] * shape[1])]
        return np.array(values).reshape(shape)

    times = draw(st.lists(st.integers(0, 10**12), min_size=shape[0], max_size=shape[0]))
    velocities, accelerations = (table() if draw(st.booleans()) else None for _ in range(2))
    start = draw(st.sampled_from([0, NOW]))
    return JointTrajectory(
        tuple(names), start, np.array(sorted(times)), table(), velocities, accelerations
    )


@given(trajectories())
def test_trajectory_round_trip(trajectory):
    message = over_the_wire(messages.from_trajectory(trajectory))
    assert all(point.time_from_start.nanosec < 10**9 for point in message.points)
    back = messages.to_trajectory(message)
    assert back.joints == trajectory.joints and back.start_ns == trajectory.start_ns
    for name in ('times_ns', 'positions', 'velocities', 'accelerations'):
        sent, received = getattr(trajectory, name), getattr(back, name)
        assert (sent is None) == (received is None)
        assert sent is None or np.array_equal(sent, received)


def test_trajectory_without_points_is_read():
    message = JointTrajectoryMessage(joint_names=['a', 'b'])
    assert messages.to_trajectory(message).positions.shape == (0, 2)


@pytest.mark.parametrize('field', ['positions', 'velocities', 'accelerations'])
def test_refuses_uneven_points(field):
    values = np.ones((3, 2))
    trajectory = JointTrajectory(('a', 'b'), NOW, np.arange(3), values, values, values)
    message = messages.from_trajectory(trajectory)
    setattr(message.points[1], field, [1.0])
    with pytest.raises(BadInput, match=rf'{field} differ in length: \[2, 1, 2\]'):
        messages.to_trajectory(message)


def test_refuses_efforts():
    message = messages.from_trajectory(JointTrajectory(('a',), NOW, np.arange(2), np.ones((2, 1))))
    message.points[0].effort = [1.0]
    with pytest.raises(BadInput, match='effort'):
        messages.to_trajectory(message)
