# SPDX-License-Identifier: Apache-2.0
"""ROS messages to the package's records, and back."""

from __future__ import annotations

import array
from typing import Any, TypeAlias

import numpy as np
from builtin_interfaces.msg import Duration, Time
from sensor_msgs.msg import CompressedImage, Image, JointState
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage
from trajectory_msgs.msg import JointTrajectoryPoint

from grasp_ros.observation.header import compressed_size
from grasp_ros.observation.image import ENCODINGS, decode_compressed, decode_raw, encode_png
from grasp_ros.types import NS, BadInput, FloatArray, ImageArray, JointSample, JointTrajectory

try:
    from cv_bridge import CvBridge, CvBridgeError

    # PyPI's wheel is a port of ROS 1's and ignores row padding; distributions ship 3.x and newer.
    BRIDGE: Any = CvBridge() if hasattr(CvBridge, 'encoding_to_cvtype2') else None
except ImportError:
    BRIDGE, CvBridgeError = None, ValueError

AnyImage: TypeAlias = Image | CompressedImage


def stamp_ns(message: Any) -> int:
    """A message's header stamp as integer ns."""
    return int(message.header.stamp.sec) * NS + int(message.header.stamp.nanosec)


def to_time(time_ns: int) -> Time:
    """Integer ns as a message."""
    sec, nanosec = divmod(time_ns, NS)
    return Time(sec=sec, nanosec=nanosec)


def size(message: AnyImage) -> tuple[int, int]:
    """(height, width) by the message's or the file's header, nothing decoded.

    Raises BadInput where a compressed image has none.
    """
    if isinstance(message, CompressedImage):
        return compressed_size(bytes(message.data))
    return message.height, message.width


def to_rgb(message: AnyImage) -> ImageArray:
    """An image message as rgb (H, W, 3): by the distribution's cv_bridge where there is one.

    Raises BadInput for what decode_raw and decode_compressed refuse, whoever decodes.
    """
    if isinstance(message, CompressedImage):
        return decode_compressed(message.format, bytes(message.data))
    return to_rgb_by_bridge(message) if BRIDGE is not None else to_rgb_by_own(message)


def to_rgb_by_own(message: Image) -> ImageArray:
    """By this package's converter, which needs no ROS distribution."""
    shape = (message.height, message.width, message.step)
    return decode_raw(*shape, message.encoding, memoryview(message.data).tobytes())


def to_rgb_by_bridge(message: Image) -> ImageArray:
    """By cv_bridge, behind the same checks: it would take any encoding and any size."""
    if message.encoding not in ENCODINGS:
        raise BadInput(f'image encoding {message.encoding!r} is not one of {list(ENCODINGS)}')
    channels = ENCODINGS[message.encoding][0]
    if not 0 < message.width * channels <= message.step or message.height <= 0:
        raise BadInput(f'image of {message.width}x{message.height} with step {message.step}')
    if len(message.data) < message.height * message.step:
        raise BadInput(
            f'image has {len(message.data)} bytes, {message.height * message.step} expected'
        )
    try:
        return np.asarray(BRIDGE.imgmsg_to_cv2(message, 'rgb8'), dtype=np.uint8)
    except CvBridgeError as error:
        raise BadInput(f'image: {error}') from error


def from_rgb(rgb: ImageArray, time_ns: int, frame: str) -> Image:
    """An rgb image as a message."""
    message = Image(height=rgb.shape[0], width=rgb.shape[1], encoding='rgb8')
    message.step = 3 * rgb.shape[1]
    message.header.stamp, message.header.frame_id = to_time(time_ns), frame
    # An array.array is a thousand times faster than an ndarray, which is checked byte by byte.
    message.data = array.array('B', rgb.tobytes())
    return message


def from_rgb_compressed(rgb: ImageArray, time_ns: int, frame: str) -> CompressedImage:
    """An rgb image as a PNG message."""
    message = CompressedImage(format='rgb8; png compressed')
    message.header.stamp, message.header.frame_id = to_time(time_ns), frame
    message.data = array.array('B', encode_png(rgb))
    return message


def from_joints(sample: JointSample, joints: tuple[str, ...]) -> JointState:
    """Measured joints as a message."""
    message = JointState(name=list(joints))
    message.header.stamp = to_time(sample.stamp_ns)
    message.position, message.velocity = sample.position.tolist(), sample.velocity.tolist()
    return message


def from_trajectory(trajectory: JointTrajectory) -> JointTrajectoryMessage:
    """A trajectory as the controller's message."""
    message = JointTrajectoryMessage(joint_names=list(trajectory.joints))
    message.header.stamp = to_time(trajectory.start_ns)
    for index, time_ns in enumerate(trajectory.times_ns):
        sec, nanosec = divmod(int(time_ns), NS)
        point = JointTrajectoryPoint(time_from_start=Duration(sec=sec, nanosec=nanosec))
        for field in ('positions', 'velocities', 'accelerations'):
            values = getattr(trajectory, field)
            if values is not None:
                setattr(point, field, values[index].tolist())
        message.points.append(point)
    return message


def to_trajectory(message: JointTrajectoryMessage) -> JointTrajectory:
    """The controller's message as a record.

    Raises BadInput for points of uneven lengths, and for efforts: the controller commands none.
    """
    if any(point.effort for point in message.points):
        raise BadInput('effort is given, and no joint takes it')
    times = [p.time_from_start.sec * NS + p.time_from_start.nanosec for p in message.points]

    def rows(field: str) -> FloatArray | None:
        values = [list(getattr(point, field)) for point in message.points]
        if not any(values):
            return None
        if len({len(row) for row in values}) != 1:
            raise BadInput(f'{field} differ in length: {[len(row) for row in values]}')
        return np.array(values, dtype=float)

    positions = rows('positions')
    return JointTrajectory(
        tuple(message.joint_names),
        stamp_ns(message),
        np.array(times, dtype=np.int64),
        np.zeros((0, len(message.joint_names))) if positions is None else positions,
        rows('velocities'),
        rows('accelerations'),
    )
