# SPDX-License-Identifier: Apache-2.0
"""A bag as training reads it: stamps, joint states and commands; images on demand."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rosbags.highlevel import AnyReader

from grasp_ros.config import ObservationConfig
from grasp_ros.observation.image import decode_compressed, decode_raw
from grasp_ros.training.bags import STORE
from grasp_ros.training.repair import repair
from grasp_ros.training.topics import CAMERA, USUAL, Topics, choose
from grasp_ros.types import (
    NS,
    BadInput,
    FloatArray,
    ImageArray,
    JointTrajectory,
    TimeArray,
    nanoseconds,
    seconds,
)

SKEW_NS = nanoseconds(ObservationConfig().max_skew)  # what the node takes for one moment, too


@dataclass(frozen=True)
class Recording:
    """All of a bag but its pictures, in the order of reception.

    topics: role -> (name, type). image_stamps, image_received (N,): of the first camera's images,
    with which the others have one each of nearly the same time; joint_stamps, joint_received (M,)
    and positions (M, J), m or rad; commands: (received_ns, trajectory). messages: camera -> (N,),
    which of the messages on its topic the images are; lonely: how many images of the first camera
    were left out for want of the others'. streams: camera -> stamps and times of reception of all
    the messages on its topic.
    """

    path: Path
    topics: dict[str, tuple[str, str]]
    image_stamps: TimeArray
    image_received: TimeArray
    joint_stamps: TimeArray
    joint_received: TimeArray
    positions: FloatArray
    commands: list[tuple[int, JointTrajectory]]
    messages: dict[str, NDArray[np.int64]]
    lonely: int = 0
    streams: Mapping[str, tuple[TimeArray, TimeArray]] = field(default_factory=dict)

    @property
    def cameras(self) -> dict[str, str]:
        """The roles of the image topics, by the cameras' names: those of their topics.

        A camera that is the only one is called `image`, whatever its topic is.
        """
        if len(self.messages) == 1:
            return {CAMERA: CAMERA}
        topics = {role: self.topics[role][0] for role in self.messages}
        return {name.strip('/').removesuffix('/compressed'): role for role, name in topics.items()}


def read_recording(path: Path, joints: tuple[str, ...], topics: Topics = USUAL) -> Recording:
    """Read a bag, but for its pictures. `joints` gives the order of the positions' columns.

    Raises BadInput when the bag cannot be read, naming all topics or joints that are missing.
    """
    samples: list[tuple[int, int, FloatArray]] = []
    commands: list[tuple[int, JointTrajectory]] = []
    foreign: set[tuple[str, ...]] = set()
    with _opened(path) as reader:
        kinds = {one.topic: one.msgtype for one in reader.connections}
        chosen = choose(path, kinds, topics)
        images: dict[str, list[tuple[int, int]]] = {
            chosen[role][0]: [] for role in chosen if role.startswith(CAMERA)
        }
        for connection, received_ns, raw in reader.messages(_connections(reader, chosen)):
            message: Any = reader.deserialize(raw, connection.msgtype)
            if connection.topic in images:
                images[connection.topic].append((_stamp(message), received_ns))
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
    cameras = [role for role in chosen if role.startswith(CAMERA)]
    streams = dict(zip(cameras, map(_columns, images.values()), strict=True))
    together = _together(path, list(images), [stamps for stamps, _ in streams.values()])
    stamps, received = streams[CAMERA]
    return Recording(
        path,
        chosen,
        stamps[together[0]],
        received[together[0]],
        *_columns([sample[:2] for sample in samples]),
        np.array([sample[2] for sample in samples]).reshape(-1, len(joints)),
        commands,
        dict(zip(cameras, together, strict=True)),
        len(stamps) - len(together[0]),
        streams,
    )


def read_images(
    recording: Recording, wanted: Collection[int], role: str = CAMERA
) -> Iterator[ImageArray]:
    """The images (H, W, 3) rgb of some of `messages` of a role, in recorded order.

    Raises BadInput naming the message that cannot be decoded.
    """
    indices = set(wanted)
    with _opened(recording.path) as reader:
        messages = reader.messages(_connections(reader, {role: recording.topics[role]}))
        for index, (connection, _, raw) in enumerate(messages):
            if index in indices:
                message: Any = reader.deserialize(raw, connection.msgtype)
                try:
                    rgb = _decoded(message)
                except BadInput as error:
                    raise BadInput(
                        f'{recording.path}: message {index} of {connection.topic}, stamped '
                        f'{seconds(_stamp(message)):.3f} s: {error}'
                    ) from error
                yield rgb


def _decoded(message: Any) -> ImageArray:
    data = message.data.tobytes()
    if hasattr(message, 'format'):
        return decode_compressed(message.format, data)
    return decode_raw(message.height, message.width, message.step, message.encoding, data)


@contextmanager
def _opened(path: Path) -> Iterator[AnyReader]:
    try:
        with AnyReader([path], default_typestore=STORE) as reader:
            yield reader
    except BadInput as error:
        raise BadInput(str(error) if str(path) in str(error) else f'{path}: {error}') from error
    except Exception as error:  # a damaged bag: whatever rosbags, zstd or struct raise
        raise BadInput(f'{path}: not a readable bag: {error!r}{repair(path)}') from error


def _together(path: Path, topics: list[str], stamps: list[TimeArray]) -> list[NDArray[np.int64]]:
    """Which images of each camera show one moment: (N,) each. Raises BadInput where none do."""
    found = [np.arange(len(stamps[0]))]
    near = np.ones(len(stamps[0]), dtype=bool)
    for other in stamps[1:]:
        order = np.argsort(other, kind='stable')
        known = other[order]
        if not len(known):
            near[:] = False
            break
        right = np.searchsorted(known, stamps[0]).clip(0, len(known) - 1)
        left = (right - 1).clip(0)
        nearer = np.abs(known[left] - stamps[0]) < np.abs(known[right] - stamps[0])
        best = np.where(nearer, left, right)
        near &= np.abs(known[best] - stamps[0]) <= SKEW_NS
        found.append(order[best])
    if len(near) and not near.any():
        raise BadInput(
            f'{path}: no images of {", ".join(topics)} whose stamps are at most '
            f'{seconds(SKEW_NS)} s apart'
        )
    return [one[near] for one in found]


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
