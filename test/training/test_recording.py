# SPDX-License-Identifier: Apache-2.0
"""What was written to a bag is read; what is no usable bag is refused, with what to do."""

import contextlib

import numpy as np
import pytest
from arm import COMMAND, JOINT_STATES, ArmBag
from rosbags.rosbag2 import StoragePlugin, Writer

from grasp_ros.observation.image import encode_png
from grasp_ros.training.bags import BagWriter
from grasp_ros.training.recording import read_images, read_recording
from grasp_ros.training.topics import Topics
from grasp_ros.types import BadInput, Frame, JointSample, JointTrajectory

JOINTS = ('x_joint', 'y_joint')
NOW = 1_700_000_000_000_000_001
RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
TRAJECTORY = JointTrajectory(
    JOINTS, NOW + 2, np.array([10**9, 3 * 10**9 + 1]), np.ones((2, 2)), np.zeros((2, 2))
)


@pytest.fixture
def bag(tmp_path):
    """A bag with one message of each topic."""
    path = tmp_path / 'bag'
    with BagWriter(path, JOINTS) as writer:
        writer.frame(Frame(NOW, RGB))
        writer.joints(JointSample(NOW + 1, np.array([0.1, 0.2]), np.array([0.3, -0.4])))
        writer.trajectory(TRAJECTORY, NOW + 3)
    return path


def test_what_was_written_is_read(bag):
    seen = read_recording(bag, JOINTS)
    assert seen.image_stamps.tolist() == [NOW] and seen.joint_stamps.tolist() == [NOW + 1]
    assert seen.positions.tolist() == [[0.1, 0.2]]
    ((received_ns, trajectory),) = seen.commands
    assert received_ns == NOW + 3
    assert trajectory.joints == JOINTS and trajectory.start_ns == TRAJECTORY.start_ns
    assert trajectory.times_ns.tolist() == TRAJECTORY.times_ns.tolist()
    assert np.array_equal(trajectory.positions, TRAJECTORY.positions)
    assert np.array_equal(trajectory.velocities, TRAJECTORY.velocities)
    assert trajectory.accelerations is None
    (rgb,) = read_images(seen, [0])
    assert np.array_equal(rgb, RGB)


def test_joints_are_read_by_name(bag):
    assert read_recording(bag, JOINTS[::-1]).positions.tolist() == [[0.2, 0.1]]


def test_only_the_wanted_images_are_decoded(tmp_path):
    with BagWriter(tmp_path / 'bag', JOINTS) as writer:
        for shade in range(4):
            writer.frame(Frame(NOW + shade, np.full((4, 4, 3), shade, np.uint8)))
        writer.joints(JointSample(NOW, np.zeros(2), np.zeros(2)))
        writer.trajectory(TRAJECTORY, NOW)
    seen = read_recording(tmp_path / 'bag', JOINTS)
    assert [image[0, 0, 0] for image in read_images(seen, [1, 3])] == [1, 3]


@pytest.mark.parametrize('raw', [True, False])
def test_raw_and_compressed_images_of_own_topics_show_the_same(tmp_path, raw):
    with ArmBag(tmp_path / 'bag', raw=raw) as writer:
        writer.image(NOW, RGB)
        writer.joints(NOW, (0.1, 0.2))
        writer.command(NOW, (0.1, 0.2), 1.0)
    topics = Topics((writer.image_topic,), JOINT_STATES, COMMAND)
    seen = read_recording(tmp_path / 'bag', ('shoulder', 'elbow'), topics)
    assert seen.positions.tolist() == [[0.1, 0.2]], 'whatever the order and the other joints'
    (rgb,) = read_images(seen, [0])
    assert np.array_equal(rgb, RGB)


def test_refuses_all_missing_topics_at_once_and_names_those_there_are(bag):
    topics = Topics(('camera/image_raw',), 'joint_states', 'arm/joint_trajectory')
    with pytest.raises(BadInput) as refusal:
        read_recording(bag, JOINTS, topics)
    for named in (
        'camera/image_raw', '--image-topic', 'arm/joint_trajectory', '--command-topic',
        '/image/compressed (sensor_msgs/msg/CompressedImage)', '/joint_states (',
    ):  # fmt: skip
        assert named in str(refusal.value)
    assert '--joints-topic' not in str(refusal.value)


def test_two_topics_with_one_ending_must_be_told_apart(tmp_path):
    with ArmBag(tmp_path / 'bag', second_joints='/other/joint_states') as writer:
        writer.image(NOW, RGB)
        writer.joints(NOW, (0.1, 0.2))
        writer.command(NOW, (0.1, 0.2), 1.0)
    topics = Topics(('camera/image_raw',), 'joint_states', 'arm_controller/joint_trajectory')
    with pytest.raises(
        BadInput, match=r"may be each of .*/my_arm/joint_states', '/other.*--joints"
    ):
        read_recording(tmp_path / 'bag', ('shoulder', 'elbow'), topics)
    topics = Topics(('camera/image_raw',), JOINT_STATES, COMMAND)
    assert len(read_recording(tmp_path / 'bag', ('shoulder', 'elbow'), topics).positions) == 1


def test_refuses_topic_of_another_type(bag):
    with pytest.raises(BadInput, match=r'/joint_states is sensor_msgs/msg/JointState.*Compressed'):
        read_recording(bag, JOINTS, Topics(('joint_states',)))


def test_refuses_missing_joint_and_names_those_there_are(bag):
    with pytest.raises(
        BadInput, match=r"without \['elbow'\]; it has \[\['x_joint', 'y_joint'\]\]"
    ):
        read_recording(bag, ('x_joint', 'elbow'))


def test_joint_states_of_another_publisher_are_left_out(tmp_path):
    with ArmBag(tmp_path / 'bag') as writer:
        writer.joints(NOW, (0.1, 0.2))
        writer.joints(NOW + 1, (0.7,), names=('gripper',))
        writer.image(NOW, RGB)
        writer.command(NOW, (0.1, 0.2), 1.0)
    topics = Topics(('camera/image_raw',), 'joint_states', 'arm_controller/joint_trajectory')
    assert len(read_recording(tmp_path / 'bag', ('shoulder', 'elbow'), topics).positions) == 1


@pytest.mark.parametrize('path', ['missing', 'empty'])
def test_refuses_folder_that_is_no_bag(tmp_path, path):
    (tmp_path / 'empty').mkdir()
    with pytest.raises(BadInput, match=path):
        read_recording(tmp_path / path, JOINTS)


@pytest.mark.parametrize('share', [0.0, 0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize('metadata', [True, False])
def test_truncated_bag_is_refused_with_the_commands_that_repair_it(bag, share, metadata):
    (content,) = [path for path in bag.iterdir() if 'mcap' in path.name]
    data = content.read_bytes()
    content.write_bytes(data[: int(share * len(data))])
    if not metadata:  # rosbag2 writes it last
        (bag / 'metadata.yaml').unlink()
    with pytest.raises(BadInput) as refusal:
        read_recording(bag, JOINTS)
    assert f'mcap recover {content}' in str(refusal.value)
    assert f'ros2 bag reindex -s mcap {bag}' in str(refusal.value)


def test_bag_of_sqlite_without_metadata_is_refused_with_the_command_that_repairs_it(tmp_path):
    with Writer(tmp_path / 'bag', version=9, storage_plugin=StoragePlugin.SQLITE3):
        pass
    (tmp_path / 'bag/metadata.yaml').unlink()
    with pytest.raises(BadInput, match=f'ros2 bag reindex -s sqlite3 {tmp_path}/bag`'):
        read_recording(tmp_path / 'bag', JOINTS)


def test_of_a_bag_in_several_files_the_one_is_named_that_does_not_open(bag):
    (content,) = bag.glob('*.mcap')
    last = content.with_name('bag_1.mcap')
    last.write_bytes(content.read_bytes()[:50])
    (bag / 'metadata.yaml').unlink()
    with pytest.raises(BadInput) as refusal:
        read_recording(bag, JOINTS)
    assert f'mcap recover {last} -o' in str(refusal.value)
    assert f'mcap recover {content}' not in str(refusal.value)


def test_packed_file_is_unpacked_first(bag):
    (content,) = bag.glob('*.mcap')
    content.rename(content.with_name('bag.mcap.zstd'))
    (bag / 'metadata.yaml').unlink()
    with pytest.raises(BadInput) as refusal:
        read_recording(bag, JOINTS)
    assert f'`zstd -d {bag}/bag.mcap.zstd && mcap recover {bag}/bag.mcap -o' in str(refusal.value)


def test_file_of_a_bag_without_metadata_is_read(bag):
    (content,) = [path for path in bag.iterdir() if 'mcap' in path.name]
    assert len(read_recording(content, JOINTS).positions) == 1


def test_refuses_bag_with_broken_metadata(bag):
    (bag / 'metadata.yaml').write_text('rosbag2_bagfile_information: [')
    with pytest.raises(BadInput, match='bag'):
        read_recording(bag, JOINTS)


def test_refuses_image_that_cannot_be_decoded(tmp_path, monkeypatch):
    monkeypatch.setattr('grasp_ros.training.bags.encode_png', lambda rgb: encode_png(rgb)[:50])
    with BagWriter(tmp_path / 'bag', JOINTS) as writer:
        writer.frame(Frame(NOW, RGB))
        writer.joints(JointSample(NOW, np.zeros(2), np.zeros(2)))
        writer.trajectory(TRAJECTORY, NOW)
    with pytest.raises(
        BadInput, match=r'bag: message 0 of /image/compressed.*(decoded|truncated|bytes)'
    ):
        list(read_images(read_recording(tmp_path / 'bag', JOINTS), [0]))


def test_damaged_bag_is_refused_or_read_and_raises_nothing_else(bag):
    (content,) = [path for path in bag.iterdir() if 'mcap' in path.name]
    data, rng = content.read_bytes(), np.random.default_rng(0)
    for _ in range(60):
        damaged = bytearray(data)
        damaged[rng.integers(len(data))] ^= int(rng.integers(1, 256))
        content.write_bytes(damaged)
        with contextlib.suppress(BadInput):
            list(read_images(read_recording(bag, JOINTS), [0]))
