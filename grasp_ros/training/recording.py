# SPDX-License-Identifier: Apache-2.0
"""A bag as training reads it: stamps, joint states and commands; images on demand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader

from grasp_ros.observation.image import decode_compressed, decode_raw
from grasp_ros.training.bags import IMAGE, JOINTS, STORE, TRAJECTORY
from grasp_ros.types import NS, BadInput, FloatArray, ImageArray, JointTrajectory, TimeArray

IMAGE_TYPES = ('sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/Image')
# what a topic is read for -> the types it may have, and the option that names it
ROLES = {
    'image': (IMAGE_TYPES, '--image-topic'),
    'joints': (('sensor_msgs/msg/JointState',), '--joints-topic'),
    'command': (('trajectory_msgs/msg/JointTrajectory',), '--command-topic'),
}


@dataclass(frozen=True)
class Topics:
    """The topics to read. A name with a leading slash is exact, others may have a namespace."""

    image: str = IMAGE
    joints: str = JOINTS
    command: str = TRAJECTORY


USUAL = Topics()


@dataclass(frozen=True)
class Recording:
    """All of a bag but its pictures, in the order of reception.

    topics: role -> (name, type). image_stamps, image_received (N,); joint_stamps, joint_received
    (M,) and positions (M, J), m or rad; commands: (received_ns, trajectory).
    """

    path: Path
    topics: dict[str, tuple[str, str]]
    image_stamps: TimeArray
    image_received: TimeArray
    joint_stamps: TimeArray
    joint_received: TimeArray
    positions: FloatArray
    commands: list[tuple[int, JointTrajectory]]


def read_recording(path: Path, joints: tuple[str, ...], topics: Topics = USUAL) -> Recording:
    """Read a bag, but for its pictures. `joints` gives the order of the positions' columns.

    Raises BadInput when the bag cannot be read, naming all topics or joints that are missing.
    """
    images: list[tuple[int, int]] = []
    samples: list[tuple[int, int, FloatArray]] = []
    commands: list[tuple[int, JointTrajectory]] = []
    foreign: set[tuple[str, ...]] = set()
    with _opened(path) as reader:
        chosen = _choose(path, reader, topics)
        for connection, received_ns, raw in reader.messages(_connections(reader, chosen)):
            message: Any = reader.deserialize(raw, connection.msgtype)
            if connection.topic == chosen['image'][0]:
                images.append((_stamp(message), received_ns))
            elif connection.topic == chosen['joints'][0]:
                position = _positions(message, joints)
                if position is None:
                    foreign.add(tuple(message.name))
                elif np.isfinite(position).all():  # NaN until the driver has read its encoders
                    samples.append((_stamp(message), received_ns, position))
            else:
                commands.append((received_ns, _trajectory(message)))
    if not samples and foreign:  # another publisher's joints beside the robot's are no fault
        missing = sorted(set(joints) - max(map(set, foreign), key=set(joints).intersection))
        raise BadInput(
            f'{path}: {chosen["joints"][0]} without {missing}; it has '
            f"{[list(names) for names in sorted(foreign)]}, the robot's file {list(joints)}"
        )
    return Recording(
        path,
        chosen,
        *_columns([image[:2] for image in images]),
        *_columns([sample[:2] for sample in samples]),
        np.array([sample[2] for sample in samples]).reshape(-1, len(joints)),
        commands,
    )


def read_images(recording: Recording, wanted: Collection[int]) -> Iterator[ImageArray]:
    """The images (H, W, 3) rgb of the given indices into image_stamps, in recorded order."""
    indices = set(wanted)
    topic = recording.topics['image']
    with _opened(recording.path) as reader:
        messages = reader.messages(_connections(reader, {'image': topic}))
        for index, (connection, _, raw) in enumerate(messages):
            if index in indices:
                message: Any = reader.deserialize(raw, connection.msgtype)
                data = message.data.tobytes()
                if hasattr(message, 'format'):
                    yield decode_compressed(message.format, data)
                else:
                    shape = (message.height, message.width, message.step)
                    yield decode_raw(*shape, message.encoding, data)


@contextmanager
def _opened(path: Path) -> Iterator[AnyReader]:
    try:
        with AnyReader([path], default_typestore=STORE) as reader:
            yield reader
    except BadInput as error:
        raise BadInput(str(error) if str(path) in str(error) else f'{path}: {error}') from error
    except Exception as error:  # a damaged bag: whatever rosbags, zstd or struct raise
        raise BadInput(f'{path}: not a readable bag: {error!r}{_repair(path)}') from error


def _repair(path: Path) -> str:
    """What brings back a bag whose recording was cut off."""
    files = sorted(path.glob('*.mcap')) if path.is_dir() else [path][: path.is_file()]
    if not files:
        return '' if not path.is_dir() else '; a folder with a .mcap or .db3 file expected'
    steps = [f'mcap recover {file} -o {file.stem}_recovered.mcap' for file in files]
    return (
        f'. Was the recording cut off? Repair it with `{steps[0]}`, put the new file in place of '
        f'the old one, then `ros2 bag reindex -s mcap {path if path.is_dir() else path.parent}`'
    )


def _choose(path: Path, reader: AnyReader, topics: Topics) -> dict[str, tuple[str, str]]:
    """Role -> (topic, type); raises BadInput for all that are missing or not clear, at once."""
    kinds = {connection.topic: connection.msgtype for connection in reader.connections}
    chosen, wrong = {}, []
    for role, (types, option) in ROLES.items():
        name = getattr(topics, role)
        found = [topic for topic in kinds if topic == name or _ends(topic, name)]
        if not found:
            wrong.append(f'no topic {name} ({_or(types)}): name yours with {option}')
        elif len(found) > 1:
            wrong.append(f'{name} may be each of {sorted(found)}: choose with {option} {found[0]}')
        elif kinds[found[0]] not in types:
            wrong.append(f'{found[0]} is {kinds[found[0]]}, {_or(types)} expected: see {option}')
        else:
            chosen[role] = (found[0], kinds[found[0]])
    if wrong:
        there = [f'{topic} ({kind})' for topic, kind in sorted(kinds.items())]
        raise BadInput('\n  '.join([f'{path}:', *wrong, f'the bag has {", ".join(there)}']))
    return chosen


def _ends(topic: str, name: str) -> bool:
    return not name.startswith('/') and topic.endswith(f'/{name}')


def _or(types: Sequence[str]) -> str:
    return ' or '.join(types)


def _connections(reader: AnyReader, chosen: dict[str, tuple[str, str]]) -> list[Any]:
    names = {topic for topic, _ in chosen.values()}
    return [connection for connection in reader.connections if connection.topic in names]


def _columns(rows: list[tuple[int, int]]) -> tuple[TimeArray, TimeArray]:
    table = np.array(rows, dtype=np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]


def _stamp(message: Any) -> int:
    return int(message.header.stamp.sec) * NS + int(message.header.stamp.nanosec)


def _positions(message: Any, joints: tuple[str, ...]) -> FloatArray | None:
    """The joints' positions (J,), or None in a message that does not have them all."""
    names = list(message.name)
    if len(message.position) != len(names) or not set(joints) <= set(names):
        return None
    return np.asarray(message.position, dtype=float)[[names.index(name) for name in joints]]


def _trajectory(message: Any) -> JointTrajectory:
    points = message.points
    times = [int(p.time_from_start.sec) * NS + int(p.time_from_start.nanosec) for p in points]

    def rows(field: str) -> Any:
        values = [getattr(one, field) for one in points]
        if not points or not len(values[0]):
            return None
        if len({len(value) for value in values}) > 1:
            return np.zeros((0, 0))  # the controller refuses it, and says why
        return np.array(values, dtype=float)

    positions = rows('positions')
    return JointTrajectory(
        tuple(message.joint_names),
        _stamp(message),
        np.array(times, dtype=np.int64),
        np.zeros((0, len(message.joint_names))) if positions is None else positions,
        rows('velocities'),
        rows('accelerations'),
    )
