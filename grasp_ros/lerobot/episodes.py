# SPDX-License-Identifier: Apache-2.0
"""meta/episodes: in which files each episode is, and where in them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from grasp_ros.lerobot.info import Camera, Info
from grasp_ros.lerobot.layout import EPISODE
from grasp_ros.lerobot.reading import inside, readable
from grasp_ros.types import BadInput


@dataclass(frozen=True)
class Episode:
    """Frames of one take. videos: camera's key -> (file, where it begins in the file, s)."""

    number: int
    length: int
    data: Path
    videos: dict[str, tuple[Path, float]]


def read_episodes(info: Info, cameras: Iterable[Camera]) -> dict[int, Episode]:
    """The episodes by number, in order. Raises BadInput for none, and for files not there."""
    keys = [camera.key for camera in cameras if camera.video]
    columns = [EPISODE, 'length', 'data/chunk_index', 'data/file_index']
    columns += [
        f'videos/{key}/{name}'
        for key in keys
        for name in ('chunk_index', 'file_index', 'from_timestamp')
    ]
    rows: list[dict[str, Any]] = []
    for path in sorted((info.root / 'meta/episodes').glob('*/*.parquet')):
        with readable(path), pq.ParquetFile(path) as file:
            if missing := [name for name in columns if name not in file.schema_arrow.names]:
                raise BadInput(f'{path}: no column {missing}; it has {file.schema_arrow.names}')
            rows += file.read(columns=columns).to_pylist()
    if not rows:
        raise BadInput(f'{info.root}: no episodes in meta/episodes/*/*.parquet')
    with readable(info.root / 'meta/episodes'):
        found = [_episode(info, row, keys) for row in rows]
    files = {one.data for one in found} | {
        path for one in found for path, _ in one.videos.values()
    }
    if missing := sorted(str(path) for path in files if not path.is_file()):
        raise BadInput(f'{info.root}: {len(missing)} files are not there, {missing[0]} for one')
    return {one.number: one for one in sorted(found, key=lambda one: one.number)}


def _episode(info: Info, row: dict[str, Any], keys: list[str]) -> Episode:
    videos = {
        key: (
            inside(info.root, info.video_path, video_key=key, **_place(row, f'videos/{key}')),
            float(row[f'videos/{key}/from_timestamp']),
        )
        for key in keys
    }
    data = inside(info.root, info.data_path, **_place(row, 'data'))
    return Episode(int(row[EPISODE]), int(row['length']), data, videos)


def _place(row: dict[str, Any], group: str) -> dict[str, int]:
    return {name: int(row[f'{group}/{name}']) for name in ('chunk_index', 'file_index')}
