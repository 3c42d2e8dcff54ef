# SPDX-License-Identifier: Apache-2.0
"""Bags to transitions on the model's time grid: images, joints, and the commanded actions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grasp_ros.observation.image import resize
from grasp_ros.training.pictures import Chosen, Pictures, Size, on_disk
from grasp_ros.training.recording import read_images
from grasp_ros.training.timeline import Timeline
from grasp_ros.types import BadInput, FloatArray

JOINTS = 'joints'  # the name of the joint positions in the bundle, where they are an input
MOVING = 0.05  # of a full action's travel: a joint that goes less far in a step stands or trembles
FEWEST = 30  # steps of a joint's motion, to say how fast it is


@dataclass(frozen=True)
class Dataset:
    """N frames on a grid of one model step, in recorded order.

    images: camera -> (N, H, W, 3), by the name of the topic in the node; positions (N, J); actions
    (N, A): what was commanded from frame i to i + 1, measured on the controller's reference (from
    the measured position where a blocked robot stays behind it); follows (N,): whether frame i + 1
    is one model step later; recordings (N,): which bag the frame is from. sources: the cameras'
    own (height, width). travel (J,): how far a full action takes each joint, m or rad.
    """

    images: dict[str, Pictures]
    positions: FloatArray
    actions: FloatArray
    follows: NDArray[np.bool_]
    recordings: NDArray[np.int64]
    sources: dict[str, Size]
    travel: FloatArray

    def __len__(self) -> int:
        """N."""
        return len(self.positions)

    def moves(self) -> FloatArray:
        """How far each joint moves (M, J) from one frame to the next, gaps left out, m or rad."""
        return np.abs(np.diff(self.positions, axis=0))[self.follows[:-1]]

    def used(self) -> NDArray[np.bool_]:
        """Which joints (J,) move often enough to say anything about their motion."""
        return np.asarray((self.moves() > MOVING * self.travel).sum(axis=0) >= FEWEST)

    def full_step(self) -> FloatArray:
        """The fastest steps (J,) of each joint in motion, but for 5 % of them, m or rad.

        A full action's travel where it hardly ever moves. Distances of frames are counted in it:
        metres do not compare with radians, and how long a joint stands says nothing of its speed.
        """
        moves = self.moves()
        moving = np.where(moves > MOVING * self.travel, moves, np.nan)
        steps, used = self.travel.copy(), self.used()
        steps[used] = np.nanpercentile(moving[:, used], 95, axis=0)
        return steps

    def split(self, share: float) -> tuple[Dataset, Dataset]:
        """Without the last `share` of each recording, and these ends."""
        late = np.zeros(len(self), dtype=bool)
        for recording in np.unique(self.recordings):
            frames = np.flatnonzero(self.recordings == recording)
            late[frames[int(len(frames) * (1 - share)) :]] = True
        return self._only(~late), self._only(late)

    def _only(self, kept: NDArray[np.bool_]) -> Dataset:
        index = np.flatnonzero(kept)
        return Dataset(
            {name: Chosen(pictures, index) for name, pictures in self.images.items()},
            self.positions[index],
            self.actions[index],
            self.follows[index] & np.append(np.diff(index) == 1, False),
            self.recordings[index],
            self.sources,
            self.travel,
        )


def encoder_sizes(lines: list[Timeline], side: int) -> dict[str, Size]:
    """By camera: height and width of the encoder's picture, see encoder_size."""
    sizes, first = {}, lines[0].recording
    for name, role in _cameras(lines).items():
        height, width, _ = next(
            read_images(first, first.messages[role][lines[0].frames[:1]], role)
        ).shape
        sizes[name] = encoder_size((height, width), side)
    return sizes


def encoder_size(source: Size, side: int) -> Size:
    """Height and width of the encoder's picture, px: the camera's aspect, about side * side px.

    In multiples of 8. A wide picture that is squeezed into a square loses what moves across.
    """
    aspect = (source[1] / source[0]) ** 0.5
    height, width = (max(1, round(one / 8)) * 8 for one in (side / aspect, side * aspect))
    return height, width


def load_images(
    lines: list[Timeline],
    sizes: Mapping[str, Size],
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Dataset:
    """The timelines with their pictures, at the encoder's sizes. progress(done, total) in frames.

    folder: where the pictures lie meanwhile. Raises BadInput for cameras other than those of
    `sizes`, for a picture that cannot be decoded, for sizes that change, and where there is no
    room.
    """
    roles = _cameras(lines)
    if list(roles) != list(sizes):
        raise BadInput(
            f'{lines[0].recording.path} is read with the cameras {list(roles)}, expected '
            f'{list(sizes)}: name their topics in this order'
        )
    total = sum(len(line.frames) for line in lines)
    images: dict[str, Pictures] = {}
    sources = {}
    for before, (name, role) in enumerate(roles.items()):
        so_far = before * total

        def told(done: int, so_far: int = so_far) -> None:
            progress(so_far + done, total * len(roles))

        images[name], sources[name] = _load(lines, role, sizes[name], folder, told)
    return replace(motion(lines), images=images, sources=sources)


def motion(lines: list[Timeline]) -> Dataset:
    """The timelines without pictures."""
    return Dataset(
        {},
        np.concatenate([line.positions for line in lines]),
        np.concatenate([line.actions for line in lines]),
        np.concatenate([line.follows for line in lines]),
        np.repeat(np.arange(len(lines)), [len(line.frames) for line in lines]),
        {},
        lines[0].travel,
    )


def _cameras(lines: list[Timeline]) -> dict[str, str]:
    """The roles of the cameras' topics by their names; BadInput unless all bags have the same."""
    first = lines[0].recording
    for line in lines[1:]:
        if list(line.recording.cameras) != list(first.cameras):
            raise BadInput(
                f'{line.recording.path} has the cameras {list(line.recording.cameras)}, '
                f'{first.path} has {list(first.cameras)}; several are known by their topics'
            )
    return first.cameras


def _load(
    lines: list[Timeline],
    role: str,
    size: Size,
    folder: Path,
    progress: Callable[[int], None],
) -> tuple[Pictures, Size]:
    """The pictures of one camera (N, *size, 3), and its own size."""
    images = on_disk(folder, (sum(len(line.frames) for line in lines), *size, 3))
    source: Size | None = None
    begin = done = 0
    for line in lines:
        # Sections are in the order of their clocks, pictures in that of their reception; and one
        # picture of a slow camera may go with several of a fast one.
        wanted = line.recording.messages[role][line.frames]
        known, counts = np.unique(wanted, return_counts=True)
        places = np.split(begin + np.argsort(wanted, kind='stable'), np.cumsum(counts)[:-1])
        pictures = read_images(line.recording, known, role)
        for where, rgb in zip(places, pictures, strict=True):
            seen = (rgb.shape[0], rgb.shape[1])
            source = source or seen
            if seen != source:
                raise BadInput(
                    f'{line.recording.path}: image size changes from {source} to {seen} '
                    '(height, width)'
                )
            images[where] = resize(rgb, *size)
            done += len(where)
            progress(done)
        begin += len(line.frames)
    assert source is not None
    return images, source
