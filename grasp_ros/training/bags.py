# SPDX-License-Identifier: Apache-2.0
"""rosbag2 files (mcap), written and read without a ROS installation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import yaml
from rosbags.highlevel import AnyReader
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from grasp_ros.observation.image import decode_compressed, decode_raw, encode_png
from grasp_ros.types import NS, BadInput, Frame, JointSample, JointTrajectory

STORE = get_typestore(Stores.ROS2_JAZZY)
IMAGE, JOINTS = 'image/compressed', 'joint_states'
TRAJECTORY = 'joint_trajectory_controller/joint_trajectory'
COMMAND = 'grasp_ros_command'
TYPES = {
    IMAGE: 'sensor_msgs/msg/CompressedImage',
    JOINTS: 'sensor_msgs/msg/JointState',
    TRAJECTORY: 'trajectory_msgs/msg/JointTrajectory',
}


class BagWriter:
    """Writes the three topics that training reads. A context manager.

    command: how the bag was made, kept in its metadata for the bundles made from it.
    """

    def __init__(self, path: Path, joints: tuple[str, ...], command: str = ''):
        if path.exists():
            raise BadInput(f'{path} exists already; a bag is never overwritten')
        self._joints = list(joints)
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.set_custom_data(COMMAND, command)

    def __enter__(self) -> BagWriter:
        self._writer.open()
        self._connections = {
            topic: self._writer.add_connection(f'/{topic}', kind, typestore=STORE)
            for topic, kind in TYPES.items()
        }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._writer.close()

    def frame(self, frame: Frame) -> None:
        """Record an image, as PNG."""
        data = np.frombuffer(encode_png(frame.rgb), dtype=np.uint8)
        message = _type(IMAGE)(
            _header(frame.stamp_ns, 'overhead_camera'), 'rgb8; png compressed', data
        )
        self._write(IMAGE, frame.stamp_ns, message)

    def joints(self, sample: JointSample) -> None:
        """Record measured joints."""
        header = _header(sample.stamp_ns, '')
        message = _type(JOINTS)(
            header, self._joints, sample.position, sample.velocity, np.zeros(0)
        )
        self._write(JOINTS, sample.stamp_ns, message)

    def trajectory(self, trajectory: JointTrajectory, received_ns: int) -> None:
        """Record a command to the controller."""
        one = STORE.types['trajectory_msgs/msg/JointTrajectoryPoint']
        duration = STORE.types['builtin_interfaces/msg/Duration']
        none = np.zeros(0)
        points = [
            one(
                trajectory.positions[i],
                none if trajectory.velocities is None else trajectory.velocities[i],
                none if trajectory.accelerations is None else trajectory.accelerations[i],
                none,
                duration(*divmod(int(time), NS)),
            )
            for i, time in enumerate(trajectory.times_ns)
        ]
        header = _header(trajectory.start_ns, '')
        message = _type(TRAJECTORY)(header, list(trajectory.joints), points)
        self._write(TRAJECTORY, received_ns, message)

    def _write(self, topic: str, stamp_ns: int, message: Any) -> None:
        data = STORE.serialize_cdr(message, TYPES[topic])
        self._writer.write(self._connections[topic], stamp_ns, data)


def recorded_command(path: Path) -> str:
    """How `grasp-ros collect` made a bag, or an empty text for another bag."""
    try:
        metadata = yaml.safe_load((path / 'metadata.yaml').read_text())
        return str(
            (metadata['rosbag2_bagfile_information'].get('custom_data') or {}).get(COMMAND, '')
        )
    except (OSError, yaml.YAMLError, KeyError, TypeError):
        return ''


def read_bag(
    path: Path,
    joints: tuple[str, ...],
    image: str = IMAGE,
    trajectory: str = TRAJECTORY,
) -> Iterator[Frame | JointSample | tuple[int, JointTrajectory]]:
    """A bag's images, joint states and (received_ns, trajectory), in recorded order.

    Topics may carry a namespace before the names given. Raises BadInput when the bag cannot be
    read or a topic or joint is missing.
    """
    try:
        yield from _records(path, joints, (image, JOINTS, trajectory))
    except BadInput:
        raise
    except Exception as error:  # a damaged bag: whatever rosbags, zstd or struct raise
        raise BadInput(f'{path}: not a readable bag: {error!r}') from error


def _records(
    path: Path, joints: tuple[str, ...], wanted: tuple[str, str, str]
) -> Iterator[Frame | JointSample | tuple[int, JointTrajectory]]:
    with AnyReader([path], default_typestore=STORE) as reader:
        chosen = {}
        for topic in wanted:
            found = [c for c in reader.connections if f'/{topic}' == c.topic[-len(topic) - 1 :]]
            if not found:
                topics = sorted(reader.topics)
                raise BadInput(f'{path}: no topic {topic}; the bag has {topics}')
            chosen.update({connection.id: topic for connection in found})
        connections = [c for c in reader.connections if c.id in chosen]
        for connection, received_ns, raw in reader.messages(connections):
            message = reader.deserialize(raw, connection.msgtype)
            topic = chosen[connection.id]
            if topic == wanted[0]:
                yield _read_frame(message)
            elif topic == JOINTS:
                yield _read_joints(message, joints, path)
            else:
                yield received_ns, _read_trajectory(message)


def _type(topic: str) -> Any:
    return STORE.types[TYPES[topic]]


def _header(stamp_ns: int, frame: str) -> Any:
    time = STORE.types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, NS))
    return STORE.types['std_msgs/msg/Header'](time, frame)


def _stamp(message: Any) -> int:
    return int(message.header.stamp.sec) * NS + int(message.header.stamp.nanosec)


def _read_frame(message: Any) -> Frame:
    data = message.data.tobytes()
    if hasattr(message, 'format'):
        return Frame(_stamp(message), decode_compressed(message.format, data))
    shape = (message.height, message.width, message.step)
    return Frame(_stamp(message), decode_raw(*shape, message.encoding, data))


def _read_joints(message: Any, joints: tuple[str, ...], path: Path) -> JointSample:
    index = _order(message.name, joints, path)
    position = np.asarray(message.position)[index]
    known = len(message.velocity) == len(message.name)
    velocity = np.asarray(message.velocity)[index] if known else np.zeros(len(joints))
    return JointSample(_stamp(message), position, velocity)


def _order(names: Sequence[str], joints: tuple[str, ...], path: Path) -> list[int]:
    if missing := [name for name in joints if name not in names]:
        raise BadInput(f'{path}: joint_states without {missing}; it has {list(names)}')
    return [list(names).index(name) for name in joints]


def _read_trajectory(message: Any) -> JointTrajectory:
    points = message.points
    times = [int(p.time_from_start.sec) * NS + int(p.time_from_start.nanosec) for p in points]

    def rows(field: str) -> Any:
        values = [getattr(one, field) for one in points]
        return np.array(values, dtype=float) if points and len(values[0]) else None

    positions = rows('positions')
    return JointTrajectory(
        tuple(message.joint_names),
        _stamp(message),
        np.array(times, dtype=np.int64),
        np.zeros((0, len(message.joint_names))) if positions is None else positions,
        rows('velocities'),
        rows('accelerations'),
    )
