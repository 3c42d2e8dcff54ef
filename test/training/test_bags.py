# SPDX-License-Identifier: Apache-2.0
"""What is written to a bag comes out of it; what is no usable bag is refused."""

import contextlib

import numpy as np
import pytest

from grasp_ros.observation.image import encode_png
from grasp_ros.training.bags import BagWriter, read_bag, recorded_command
from grasp_ros.types import BadInput, Frame, JointSample, JointTrajectory

JOINTS = ('x_joint', 'y_joint')
NOW = 1_700_000_000_000_000_001
RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
FRAME = Frame(NOW, RGB)
SAMPLE = JointSample(NOW + 1, np.array([0.1, 0.2]), np.array([0.3, -0.4]))
TRAJECTORY = JointTrajectory(
    JOINTS, NOW + 2, np.array([10**9, 3 * 10**9 + 1]), np.ones((2, 2)), np.zeros((2, 2))
)


@pytest.fixture
def bag(tmp_path):
    """A bag with one message of each topic."""
    path = tmp_path / 'bag'
    with BagWriter(path, JOINTS, command='grasp-ros collect bag') as writer:
        writer.frame(FRAME)
        writer.joints(SAMPLE)
        writer.trajectory(TRAJECTORY, NOW + 3)
    return path


def test_what_was_written_is_read(bag):
    frame, sample, (received_ns, trajectory) = read_bag(bag, JOINTS)
    assert frame.stamp_ns == NOW and np.array_equal(frame.rgb, RGB)
    assert sample.stamp_ns == NOW + 1
    assert np.array_equal(sample.position, SAMPLE.position)
    assert np.array_equal(sample.velocity, SAMPLE.velocity)
    assert received_ns == NOW + 3
    assert trajectory.joints == JOINTS and trajectory.start_ns == TRAJECTORY.start_ns
    assert trajectory.times_ns.tolist() == TRAJECTORY.times_ns.tolist()
    assert np.array_equal(trajectory.positions, TRAJECTORY.positions)
    assert np.array_equal(trajectory.velocities, TRAJECTORY.velocities)
    assert trajectory.accelerations is None


def test_joints_are_read_by_name(bag):
    sample = list(read_bag(bag, JOINTS[::-1]))[1]
    assert sample.position.tolist() == [0.2, 0.1] and sample.velocity.tolist() == [-0.4, 0.3]


def test_command_that_made_the_bag_is_kept(bag, tmp_path):
    assert recorded_command(bag) == 'grasp-ros collect bag'
    assert recorded_command(tmp_path) == ''


def test_bag_is_never_overwritten(bag):
    before = sorted((path.name, path.stat().st_size) for path in bag.iterdir())
    with pytest.raises(BadInput, match='exists already'):
        BagWriter(bag, JOINTS)
    assert sorted((path.name, path.stat().st_size) for path in bag.iterdir()) == before


def test_refuses_missing_topic_and_names_those_there_are(bag):
    with pytest.raises(BadInput) as refusal:
        list(read_bag(bag, JOINTS, image='camera/image_raw'))
    for named in ('camera/image_raw', '/image/compressed', '/joint_states'):
        assert named in str(refusal.value)


def test_refuses_missing_joint_and_names_those_there_are(bag):
    with pytest.raises(BadInput, match=r"without \['elbow'\]; it has \['x_joint', 'y_joint'\]"):
        list(read_bag(bag, ('x_joint', 'elbow')))


@pytest.mark.parametrize('path', ['missing', 'empty'])
def test_refuses_folder_that_is_no_bag(tmp_path, path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(BadInput, match=path):
        list(read_bag(tmp_path / path, JOINTS))


@pytest.mark.parametrize('share', [0.0, 0.1, 0.5, 0.9, 0.99])
def test_refuses_truncated_bag(bag, share):
    (content,) = [path for path in bag.iterdir() if 'mcap' in path.name]
    data = content.read_bytes()
    content.write_bytes(data[: int(share * len(data))])
    with pytest.raises(BadInput, match='bag'):
        list(read_bag(bag, JOINTS))


def test_refuses_bag_with_broken_metadata(bag):
    (bag / 'metadata.yaml').write_text('rosbag2_bagfile_information: [')
    with pytest.raises(BadInput, match='bag'):
        list(read_bag(bag, JOINTS))


def test_refuses_image_that_cannot_be_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr('grasp_ros.training.bags.encode_png', lambda rgb: encode_png(rgb)[:50])
    with BagWriter(tmp_path / 'bag', JOINTS) as writer:
        writer.frame(FRAME)
        writer.joints(SAMPLE)
        writer.trajectory(TRAJECTORY, NOW)
    with pytest.raises(BadInput, match='decoded'):
        list(read_bag(tmp_path / 'bag', JOINTS))


def test_damaged_bag_is_refused_or_read_and_raises_nothing_else(bag):
    (content,) = [path for path in bag.iterdir() if 'mcap' in path.name]
    data, rng = content.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        content.write_bytes(damaged)
        with contextlib.suppress(BadInput):
            list(read_bag(bag, JOINTS))
