# SPDX-License-Identifier: Apache-2.0
"""Bags to transitions on the model's time grid: images, joints, and the commanded actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grasp_ros.config import RobotConfig
from grasp_ros.observation.image import resize
from grasp_ros.robot.command import Command
from grasp_ros.robot.jtc import JointTrajectoryController
from grasp_ros.training.bags import read_bag
from grasp_ros.types import (
    BadInput,
    FloatArray,
    Frame,
    ImageArray,
    JointSample,
    JointTrajectory,
    nanoseconds,
)


@dataclass(frozen=True)
class Dataset:
    """N frames on a grid of one model step, in recorded order.

    images (N, H, W, 3) uint8; positions (N, J); actions (N, A): what was commanded from frame i to
    i + 1, measured on the controller's reference (from the measured position where a blocked robot
    stays behind it); follows (N,): whether frame i + 1 is one model step later; recordings (N,):
    which bag the frame is from. source: the camera's own (height, width).
    """

    images: NDArray[np.uint8]
    positions: FloatArray
    actions: FloatArray
    follows: NDArray[np.bool_]
    recordings: NDArray[np.int64]
    source: tuple[int, int]

    def split(self, share: float) -> tuple[Dataset, Dataset]:
        """Without the last `share` of each recording, and these ends."""
        late = np.zeros(len(self.images), dtype=bool)
        for recording in np.unique(self.recordings):
            frames = np.flatnonzero(self.recordings == recording)
            late[frames[int(len(frames) * (1 - share)) :]] = True
        return self._only(~late), self._only(late)

    def _only(self, kept: NDArray[np.bool_]) -> Dataset:
        index = np.flatnonzero(kept)
        return Dataset(
            self.images[index],
            self.positions[index],
            self.actions[index],
            self.follows[index] & np.append(np.diff(index) == 1, False),
            self.recordings[index],
            self.source,
        )


def load_bags(
    paths: list[Path],
    robot: RobotConfig,
    command: Command,
    height: int,
    width: int,
    progress: Callable[[int], None] = lambda frames: None,
) -> Dataset:
    """All transitions of the bags. Raises BadInput for a bag without a single one."""
    parts = [_load_bag(path, robot, command, (height, width), progress) for path in paths]
    sources = {part.source for part in parts}
    if len(sources) > 1:
        raise BadInput(f'bags with different image sizes: {sorted(sources)} (height, width)')
    return Dataset(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.positions for part in parts]),
        np.concatenate([part.actions for part in parts]),
        np.concatenate([part.follows for part in parts]),
        np.repeat(np.arange(len(parts)), [len(part.images) for part in parts]),
        sources.pop(),
    )


def _load_bag(
    path: Path,
    robot: RobotConfig,
    command: Command,
    shape: tuple[int, int],
    progress: Callable[[int], None],
) -> Dataset:
    step_ns = nanoseconds(command.dt)
    images: list[ImageArray] = []
    stamps: list[int] = []
    samples: list[JointSample] = []
    commands: list[tuple[int, JointTrajectory]] = []
    source: tuple[int, int] | None = None
    for record in read_bag(path, robot.joints):
        if isinstance(record, Frame):
            # Keep the frames nearest to a grid of one model step; a gap starts a new grid.
            if stamps and record.stamp_ns - stamps[-1] < 0.75 * step_ns:
                continue
            height, width = record.rgb.shape[:2]
            source = source or (height, width)
            if source != (height, width):
                raise BadInput(f'{path}: image size changes from {source} to {(height, width)}')
            images.append(resize(record.rgb, *shape))
            stamps.append(record.stamp_ns)
            progress(len(images))
        elif isinstance(record, JointSample):
            if np.isfinite(record.position).all():  # NaN until the driver has read its encoders
                samples.append(record)
        else:
            commands.append(record)
    if len(stamps) < 2 or not samples or not commands or source is None:
        raise BadInput(
            f'{path}: {len(stamps)} images, {len(samples)} joint states and {len(commands)} '
            'trajectories; at least 2, 1 and 1 expected'
        )
    at = np.array(stamps)
    times = np.array([sample.stamp_ns for sample in samples])
    measured = np.stack([sample.position for sample in samples])
    positions = np.stack([np.interp(at, times, column) for column in measured.T], axis=1)
    follows = np.append(np.abs(np.diff(at) - step_ns) < 0.25 * step_ns, False)

    controller = JointTrajectoryController(robot.joints, positions[0])
    tolerance = np.array(robot.tracking_tolerance)
    actions = np.zeros((len(at), command.size))
    queue = iter(commands)
    coming = next(queue, None)
    for i in range(len(at) - 1):
        while coming is not None and (coming[1].start_ns or coming[0]) <= at[i]:
            controller.accept(coming[1], coming[1].start_ns or coming[0])
            coming = next(queue, None)
        before = controller.reference(int(at[i])).position
        if (np.abs(before - positions[i]) > tolerance).any():
            before = positions[i]
        # Commands that arrive within the step change its reference as the robot felt it.
        while coming is not None and (coming[1].start_ns or coming[0]) < at[i + 1]:
            controller.accept(coming[1], coming[1].start_ns or coming[0])
            coming = next(queue, None)
        after = controller.reference(int(at[i + 1])).position
        actions[i] = command.actions(np.stack([before, after]))[0]
    recordings = np.zeros(len(at), dtype=np.int64)
    return Dataset(np.stack(images), positions, actions, follows, recordings, source)
