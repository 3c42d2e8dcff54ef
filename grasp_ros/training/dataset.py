# SPDX-License-Identifier: Apache-2.0
"""Bags to transitions on the model's time grid: images, joints, and the commanded actions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grasp_ros.observation.image import resize
from grasp_ros.training.pictures import Chosen, Pictures, on_disk
from grasp_ros.training.recording import read_images
from grasp_ros.training.timeline import Timeline
from grasp_ros.types import BadInput, FloatArray

CAMERA = 'image'  # the name of the pictures in the bundle, and of their topic in the node
JOINTS = 'joints'  # the name of the joint positions in the bundle, where they are an input


@dataclass(frozen=True)
class Dataset:
    """N frames on a grid of one model step, in recorded order.

    images (N, H, W, 3); positions (N, J); actions (N, A): what was commanded from frame i to
    i + 1, measured on the controller's reference (from the measured position where a blocked robot
    stays behind it); follows (N,): whether frame i + 1 is one model step later; recordings (N,):
    which bag the frame is from. source: the camera's own (height, width).
    """

    images: Pictures
    positions: FloatArray
    actions: FloatArray
    follows: NDArray[np.bool_]
    recordings: NDArray[np.int64]
    source: tuple[int, int]

    def moves(self) -> FloatArray:
        """How far each joint moves (M, J) from one frame to the next, gaps left out, m or rad."""
        return np.abs(np.diff(self.positions, axis=0))[self.follows[:-1]]

    def fastest(self) -> FloatArray:
        """The fastest steps (J,) of each joint, but for 5 % of them, m or rad; never 0."""
        return np.maximum(np.percentile(self.moves(), 95, axis=0), 1e-9)

    def full_step(self) -> float:
        """A joint's largest travel in one model step, but for the fastest 5 %, m or rad."""
        return float(np.percentile(self.moves().max(axis=1), 95))

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
            Chosen(self.images, index),
            self.positions[index],
            self.actions[index],
            self.follows[index] & np.append(np.diff(index) == 1, False),
            self.recordings[index],
            self.source,
        )


def source_size(lines: list[Timeline]) -> tuple[int, int]:
    """Height and width of the camera's pictures, px."""
    first = lines[0]
    height, width, _ = next(read_images(first.recording, first.frames[:1])).shape
    return height, width


def encoder_size(source: tuple[int, int], side: int) -> tuple[int, int]:
    """Height and width of the encoder's picture, px: the camera's aspect, about side * side px.

    In multiples of 8. A wide picture that is squeezed into a square loses what moves across.
    """
    aspect = (source[1] / source[0]) ** 0.5
    height, width = (max(1, round(one / 8)) * 8 for one in (side / aspect, side * aspect))
    return height, width


def load_images(
    lines: list[Timeline],
    height: int,
    width: int,
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Dataset:
    """The timelines with their pictures, at the encoder's size. progress(done, total) in frames.

    folder: where the pictures lie meanwhile. Raises BadInput for a picture that cannot be decoded,
    for sizes that change, and where there is no room.
    """
    total = sum(len(line.frames) for line in lines)
    images = on_disk(folder, (total, height, width, 3))
    source: tuple[int, int] | None = None
    done = 0
    for line in lines:
        # Sections are in the order of their clocks, pictures in that of their reception.
        places = done + np.argsort(line.frames, kind='stable')
        for place, rgb in zip(places, read_images(line.recording, line.frames), strict=True):
            size = (rgb.shape[0], rgb.shape[1])
            source = source or size
            if size != source:
                raise BadInput(
                    f'{line.recording.path}: image size changes from {source} to {size} '
                    '(height, width)'
                )
            images[place] = resize(rgb, height, width)
            done += 1
            progress(done, total)
    assert source is not None
    return Dataset(
        images,
        np.concatenate([line.positions for line in lines]),
        np.concatenate([line.actions for line in lines]),
        np.concatenate([line.follows for line in lines]),
        np.repeat(np.arange(len(lines)), [len(line.frames) for line in lines]),
        source,
    )
