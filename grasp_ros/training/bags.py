# SPDX-License-Identifier: Apache-2.0
"""rosbag2 files (mcap) of the topics that training reads, written without a ROS installation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import yaml
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from grasp_ros.observation.image import encode_png
from grasp_ros.types import NS, BadInput, Frame, JointSample, JointTrajectory

STORE = get_typestore(Stores.ROS2_JAZZY)
IMAGE, JOINTS = 'image/compressed', 'joint_states'
TRAJECTORY = 'joint_trajectory_controller/joint_trajectory'
COMMAND = 'grasp_ros_command'
IMAGE_TYPE = 'sensor_msgs/msg/CompressedImage'
TYPES = {
    JOINTS: 'sensor_msgs/msg/JointState',
    TRAJECTORY: 'trajectory_msgs/msg/JointTrajectory',
}


class BagWriter:
    """Writes the topics that training reads, images under each camera's name. A context manager.

    command: how the bag was made, kept in its metadata for the bundles made from it.
    """

    def __init__(
        self,
        path: Path,
        joints: tuple[str, ...],
        command: str = '',
        cameras: Sequence[str] = ('image',),
    ):
        if path.exists():
            raise BadInput(f'{path} exists already; a bag is never overwritten')
        self._joints, self._cameras = list(joints), cameras
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self._writer.set_compression(CompressionMode.STORAGE, CompressionFormat.ZSTD)
        self._writer.set_custom_data(COMMAND, command)

    def __enter__(self) -> BagWriter:
        self._writer.open()
        images = {_images(camera): IMAGE_TYPE for camera in self._cameras}
        self._connections = {
            topic: self._writer.add_connection(f'/{topic}', kind, typestore=STORE)
            for topic, kind in {**images, **TYPES}.items()
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
        header = _header(frame.stamp_ns, f'{frame.camera}_camera')
        message = STORE.types[IMAGE_TYPE](header, 'rgb8; png compressed', data)
        self._write(_images(frame.camera), frame.stamp_ns, message)

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
        data = STORE.serialize_cdr(message, message.__msgtype__)
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


def _images(camera: str) -> str:
    return f'{camera}/compressed'


def _type(topic: str) -> Any:
    return STORE.types[TYPES[topic]]


def _header(stamp_ns: int, frame: str) -> Any:
    time = STORE.types['builtin_interfaces/msg/Time'](*divmod(stamp_ns, NS))
    return STORE.types['std_msgs/msg/Header'](time, frame)
