# SPDX-License-Identifier: Apache-2.0
"""Writes a LeRobotDataset: one data file, one video, and what describes them."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from grasp_ros.lerobot import layout
from grasp_ros.lerobot.features import COUNTERS, features, tasks
from grasp_ros.lerobot.layout import ACTION, EPISODE, FRAME, IMAGE, INDEX, STATE, TASK, TIME
from grasp_ros.lerobot.stats import Stats
from grasp_ros.lerobot.video import VideoWriter
from grasp_ros.types import FloatArray, ImageArray

FIRST = {'chunk_index': 0, 'file_index': 0}


class DatasetWriter:
    """Writes frames of one camera, episode by episode. A context manager.

    names: of the values of state and action. fps: frames a second. task: what is done, in words.
    """

    def __init__(
        self,
        root: Path,
        robot: str,
        names: tuple[str, ...],
        fps: int,
        task: str,
        size: tuple[int, int],
    ):
        self._root, self._robot, self._names = root, robot, names
        self._fps, self._task, self._size = fps, task, size
        vector = pa.list_(pa.float32(), len(names))
        types = {STATE: vector, ACTION: vector, TIME: pa.float32()}
        self._schema = pa.schema({**types, **dict.fromkeys(COUNTERS, pa.int64())})
        self._frames: list[tuple[FloatArray, FloatArray, Stats]] = []
        self._episodes: list[dict[str, Any]] = []
        self._stats: list[dict[str, Stats]] = []
        self._total = 0

    def __enter__(self) -> DatasetWriter:
        self._video = VideoWriter(
            self._root / layout.VIDEO.format(video_key=IMAGE, **FIRST), self._fps, *self._size
        )
        self._data = pq.ParquetWriter(_new(self._root / layout.DATA.format(**FIRST)), self._schema)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._data.close()
        self._video.__exit__(kind, value, trace)
        if kind is None:
            self._describe()

    def frame(self, rgb: ImageArray, state: FloatArray, action: FloatArray) -> None:
        """Add a frame: rgb (H, W, 3); state and action (J,) in the dataset's unit."""
        self._video.frame(rgb)
        self._frames.append((state, action, Stats.picture(rgb)))

    def end_episode(self) -> None:
        """The frames since the last episode are one."""
        number, length = len(self._episodes), len(self._frames)
        steps = np.arange(length)
        columns: dict[str, NDArray[Any]] = {
            STATE: np.array([frame[0] for frame in self._frames], dtype=np.float32),
            ACTION: np.array([frame[1] for frame in self._frames], dtype=np.float32),
            TIME: (steps / self._fps).astype(np.float32),
            FRAME: steps,
            EPISODE: np.full(length, number),
            INDEX: self._total + steps,
            TASK: np.zeros(length, dtype=int),
        }
        table = pa.table({key: list(one) for key, one in columns.items()}, schema=self._schema)
        self._data.write_table(table)
        stats = {
            key: Stats.of(one.reshape(length, -1).astype(float)) for key, one in columns.items()
        }
        stats[IMAGE] = Stats.merged([frame[2] for frame in self._frames])
        self._stats.append(stats)
        begin = self._video.seconds - length / self._fps
        self._episodes.append(
            {EPISODE: number, 'tasks': [self._task], 'length': length}
            | {f'data/{key}': value for key, value in FIRST.items()}
            | {'dataset_from_index': self._total, 'dataset_to_index': self._total + length}
            | {f'videos/{IMAGE}/{key}': value for key, value in FIRST.items()}
            | {
                f'videos/{IMAGE}/from_timestamp': begin,
                f'videos/{IMAGE}/to_timestamp': self._video.seconds,
            }
            | {
                f'stats/{key}/{name}': value
                for key, one in stats.items()
                for name, value in one.as_dict().items()
            }
            | {f'meta/episodes/{key}': value for key, value in FIRST.items()}
        )
        self._total += length
        self._frames = []

    def _describe(self) -> None:
        pq.write_table(
            pa.Table.from_pylist(self._episodes),
            _new(self._root / layout.EPISODES.format(**FIRST)),
        )
        pq.write_table(tasks(self._task), self._root / layout.TASKS)
        stats = {key: Stats.merged([one[key] for one in self._stats]) for key in self._stats[0]}
        _json(self._root / layout.STATS, {key: one.as_dict() for key, one in stats.items()})
        _json(
            self._root / layout.INFO,
            {
                'codebase_version': layout.VERSION,
                'robot_type': self._robot,
                'total_episodes': len(self._episodes),
                'total_frames': self._total,
                'total_tasks': 1,
                'chunks_size': 1000,
                'data_files_size_in_mb': 100,
                'video_files_size_in_mb': 200,
                'fps': self._fps,
                'splits': {'train': f'0:{len(self._episodes)}'},
                'data_path': layout.DATA,
                'video_path': layout.VIDEO,
                'features': features(self._names, self._size, self._fps),
            },
        )


def _new(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=4) + '\n')
