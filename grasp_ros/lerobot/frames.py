# SPDX-License-Identifier: Apache-2.0
"""A dataset frame by frame, in order: what does not fit the memory is read as it is needed."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from grasp_ros.lerobot.episodes import Episode, read_episodes
from grasp_ros.lerobot.info import Camera, Info
from grasp_ros.lerobot.layout import ACTION, EPISODE, FRAME, STATE, TIME
from grasp_ros.lerobot.reading import readable
from grasp_ros.lerobot.video import VideoReader
from grasp_ros.observation.image import decode_compressed
from grasp_ros.types import BadInput, FloatArray, ImageArray

BATCH = 64  # frames: their pictures may stand in the same file


@dataclass(frozen=True)
class Row:
    """A frame: its episode, its place and time in it, s; state and action, in their own unit.

    images: rgb (H, W, 3) by the camera's name.
    """

    episode: int
    frame: int
    time: float
    state: FloatArray
    action: FloatArray
    images: dict[str, ImageArray]


def read_rows(info: Info, cameras: Sequence[Camera]) -> Iterator[Row]:
    """All frames with the pictures of these cameras, episode by episode.

    Raises BadInput for files that are damaged, and for frames that are not there.
    """
    episodes = read_episodes(info, cameras)
    inline = [camera.key for camera in cameras if not camera.video]
    seen: set[int] = set()
    files = dict.fromkeys(one.data for one in episodes.values())
    rows = itertools.chain.from_iterable(_rows(path, inline) for path in files)
    for number, group in itertools.groupby(rows, key=lambda row: int(row[EPISODE])):
        if number not in episodes or number in seen:
            raise BadInput(f'{info.root}: episode {number} is twice, or not in meta/episodes')
        seen.add(number)
        yield from _episode(info, episodes[number], cameras, group)
    if missing := sorted(set(episodes) - seen):
        raise BadInput(f'{info.root}: no frames of the episodes {missing}')


def _episode(
    info: Info, episode: Episode, cameras: Sequence[Camera], rows: Iterator[dict[str, Any]]
) -> Iterator[Row]:
    count, last = 0, -np.inf
    with ExitStack() as stack:
        readers = {
            key: stack.enter_context(VideoReader(path, start, 0.5 / info.fps))
            for key, (path, start) in episode.videos.items()
        }
        for row in rows:
            where = f'{info.root}: episode {episode.number} frame {row[FRAME]}'
            time = float(row[TIME])
            if not np.isfinite(time) or time <= last:
                raise BadInput(f'{where}: timestamp {time}, a number above {last} expected')
            images = {
                camera.name: readers[camera.key].at(episode.videos[camera.key][1] + time)
                if camera.video
                else _picture(where, camera.key, row[camera.key])
                for camera in cameras
            }
            yield Row(episode.number, int(row[FRAME]), time, row[STATE], row[ACTION], images)
            count, last = count + 1, time
    if count != episode.length:
        raise BadInput(
            f'{episode.data}: {count} frames of episode {episode.number}, '
            f'{episode.length} expected'
        )


def _rows(path: Path, inline: list[str]) -> Iterator[dict[str, Any]]:
    """The rows of a data file, state and action as arrays."""
    columns = [EPISODE, FRAME, TIME, STATE, ACTION, *inline]
    with readable(path), pq.ParquetFile(path) as file:
        if missing := [name for name in columns if name not in file.schema_arrow.names]:
            raise BadInput(f'{path}: no column {missing}; it has {file.schema_arrow.names}')
        for batch in file.iter_batches(batch_size=BATCH, columns=columns):
            for row in batch.to_pylist():
                for key in (STATE, ACTION):  # a vector of one value is kept as a number
                    row[key] = np.array(row[key], dtype=float).reshape(-1)
                yield row


def _picture(where: str, key: str, cell: Any) -> ImageArray:
    data = cell.get('bytes') if isinstance(cell, dict) else None
    if not data:
        raise BadInput(f'{where}: {key} has no picture in the file; a PNG or JPEG expected')
    try:
        return decode_compressed('png or jpeg', data)
    except BadInput as error:
        raise BadInput(f'{where}: {key}: {error}') from error
