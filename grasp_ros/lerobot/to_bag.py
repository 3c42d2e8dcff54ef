# SPDX-License-Identifier: Apache-2.0
"""A LeRobotDataset to a rosbag that training reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grasp_ros.lerobot.frames import Row, read_rows
from grasp_ros.lerobot.info import Camera, Info
from grasp_ros.lerobot.layout import ACTION, STATE
from grasp_ros.lerobot.units import Unit
from grasp_ros.lerobot.whole import whole
from grasp_ros.training.bags import BagWriter
from grasp_ros.types import (
    BadInput,
    FloatArray,
    Frame,
    JointSample,
    JointTrajectory,
    nanoseconds,
)

APART_NS = nanoseconds(10)  # between episodes: a gap at which training cuts, and starts afresh


@dataclass(frozen=True)
class Written:
    """What came of a dataset.

    left_out: names of state values that are no joint of the robot. behind (J,): how far each joint
    is from its action one frame later, rad, at most, but for 5 % of the frames.
    """

    episodes: int
    frames: int
    left_out: tuple[str, ...]
    behind: FloatArray


def choose(info: Info, key: str | None) -> list[Camera]:
    """The cameras to write: the one with this key, or all. Raises BadInput for one not there."""
    keys = [camera.key for camera in info.cameras]
    if key is not None and key not in keys:
        raise BadInput(f'{info.root}: no camera {key!r}; choose by --camera one of {keys}')
    cameras = [camera for camera in info.cameras if key in (None, camera.key)]
    if len({camera.name for camera in cameras}) < len(cameras):
        raise BadInput(f'{info.root}: cameras {keys} end alike; choose one by --camera')
    return cameras


def to_bag(
    info: Info,
    cameras: Sequence[Camera],
    target: Path,
    unit: Unit,
    command: str,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Written:
    """Write the bag. command: how it was made. progress(done, total) in frames.

    Each frame is one picture of each camera, one joint state and one trajectory: the action is
    where the joints are to be, and one frame later is when.
    """
    state, action = _places(info, STATE, unit), _places(info, ACTION, unit)
    step_ns = round(1e9 / info.fps)
    episodes, frames, largest = 0, 0, 0.0
    start_ns = last_ns = 0
    before: Row | None = None
    wanted = np.zeros(len(unit.joints))
    gaps: list[FloatArray] = []
    with (
        whole(target) as place,
        BagWriter(place, unit.joints, command, [camera.name for camera in cameras]) as bag,
    ):
        for row in read_rows(info, cameras):
            if before is None or row.episode != before.episode:
                episodes += 1
                start_ns = last_ns + APART_NS - nanoseconds(row.time)
                before = None
            stamp_ns = start_ns + nanoseconds(row.time)
            where = f'{info.root}: episode {row.episode} frame {row.frame}'
            position = unit.radians(row.state[state], f'{where}: {STATE}')
            if before is not None:
                gaps.append(np.abs(wanted - position))
            wanted = unit.radians(row.action[action], f'{where}: {ACTION}')
            for camera, rgb in row.images.items():
                bag.frame(Frame(stamp_ns, rgb, camera))
            bag.joints(JointSample(stamp_ns, position, np.zeros(0)))  # nobody measured velocities
            bag.trajectory(_trajectory(unit.joints, wanted, step_ns), stamp_ns)
            largest = max(largest, float(np.abs(row.state[state]).max()))
            before, last_ns, frames = row, stamp_ns, frames + 1
            progress(frames, max(info.frames, frames))
        unit.refuse_small(largest, info.root)
    left_out = tuple(name for name in info.state if name not in unit.joints)
    behind = np.percentile(gaps, 95, axis=0) if gaps else np.zeros(len(unit.joints))
    return Written(episodes, frames, left_out, behind)


def _places(info: Info, key: str, unit: Unit) -> list[int]:
    """Where the robot's joints are in a vector; raises BadInput naming those that are not."""
    names = info.state if key == STATE else info.action
    if missing := [joint for joint in unit.joints if joint not in names]:
        raise BadInput(
            f"{info.root}: {key} has {list(names)}, not {missing} of the robot's file; --robot "
            'names the robot'
        )
    return [names.index(joint) for joint in unit.joints]


def _trajectory(joints: tuple[str, ...], wanted: FloatArray, step_ns: int) -> JointTrajectory:
    return JointTrajectory(joints, 0, np.array([step_ns], dtype=np.int64), wanted[None])
