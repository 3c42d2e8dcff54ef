# SPDX-License-Identifier: Apache-2.0
"""A LeRobotDataset as LeRobot writes it of a teleoperated SO-101, made without the package."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from grasp_ros.observation.image import encode_png

JOINTS = ('shoulder_pan', 'shoulder_lift', 'elbow_flex', 'wrist_flex', 'wrist_roll')
NAMES = [f'{joint}.pos' for joint in (*JOINTS, 'gripper')]
FPS, LENGTHS = 10, (14, 9)
HEIGHT, WIDTH = 32, 48
TOP, SIDE = 'observation.images.top', 'observation.images.side'


def state(episode: int, frame: int) -> np.ndarray:
    """What is measured (6,), degrees and, of the gripper, percent."""
    return 20 * np.sin(0.2 * frame + np.arange(6) + episode)


def action(episode: int, frame: int) -> np.ndarray:
    """Where the joints are sent: they get there in a frame."""
    return state(episode, frame + 1)


def picture(key: str, episode: int, frame: int) -> np.ndarray:
    """Of one colour, by which it is known."""
    colour = (40 + 12 * frame, 60 + 90 * episode, 200 if key == TOP else 50)
    return np.full((HEIGHT, WIDTH, 3), colour, np.uint8)


def write(
    root: Path,
    cameras: tuple[str, ...] = (TOP,),
    video: bool = True,
    files: bool = False,
    scale: float = 1.0,
    **info: Any,
) -> Path:
    """The dataset: with video, or with PNGs in the data; with files for each episode, or for all.

    scale: of the joints' values. info: what is otherwise in info.json.
    """
    vector = {'dtype': 'float32', 'shape': [6], 'names': NAMES}
    image = {'dtype': 'video' if video else 'image', 'shape': [HEIGHT, WIDTH, 3]}
    content = {
        'codebase_version': 'v3.0',
        'robot_type': 'so101_follower',
        'fps': FPS,
        'total_episodes': 2,
        'total_frames': sum(LENGTHS),
        'data_path': 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet',
        'video_path': 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4',
        'features': {
            'action': vector,
            'observation.state': vector,
            **dict.fromkeys(cameras, image),
            'timestamp': {'dtype': 'float32', 'shape': [1], 'names': None},
        },
    }
    (root / 'meta').mkdir(parents=True)
    (root / 'meta/info.json').write_text(json.dumps(content | info))
    episodes = []
    for number, length in enumerate(LENGTHS):
        row: dict[str, Any] = {'episode_index': number, 'tasks': ['take'], 'length': length}
        row |= {'data/chunk_index': 0, 'data/file_index': number if files else 0}
        for key in cameras if video else ():
            row |= {f'videos/{key}/chunk_index': 0, f'videos/{key}/file_index': number * files}
            start = 0.0 if files else sum(LENGTHS[:number]) / FPS
            row |= {f'videos/{key}/from_timestamp': start}
        episodes.append(row)
    save(root / 'meta/episodes/chunk-000/file-000.parquet', episodes)
    for index, group in enumerate([[0], [1]] if files else [[0, 1]]):
        rows = [row for number in group for row in frames(number, cameras, video, scale)]
        save(root / f'data/chunk-000/file-{index:03d}.parquet', rows)
        for key in cameras if video else ():
            shots = [picture(key, number, i) for number in group for i in range(LENGTHS[number])]
            film(root / f'videos/{key}/chunk-000/file-{index:03d}.mp4', shots)
    return root


def frames(number: int, cameras: tuple[str, ...], video: bool, scale: float) -> list[dict]:
    """The rows of an episode."""
    rows = []
    for i in range(LENGTHS[number]):
        row = {'observation.state': scale * state(number, i), 'action': scale * action(number, i)}
        row |= {'timestamp': i / FPS, 'frame_index': i, 'episode_index': number}
        for key in () if video else cameras:
            row[key] = {'bytes': encode_png(picture(key, number, i)), 'path': None}
        rows.append(row)
    return rows


def save(path: Path, rows: list[dict]) -> None:
    """Rows as a parquet file, vectors in single precision."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    arrays = {
        key: pa.array(list(map(list, values)), pa.list_(pa.float32(), 6))
        if isinstance(values[0], np.ndarray)
        else pa.array(values, pa.float32() if key == 'timestamp' else None)
        for key, values in columns.items()
    }
    pq.write_table(pa.table(arrays), path)


def film(path: Path, pictures: list[np.ndarray]) -> None:
    """Pictures as an mp4 file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), 'w') as out:
        stream = out.add_stream('h264', rate=FPS, options={'g': '2', 'crf': '15'})
        stream.pix_fmt, stream.width, stream.height = 'yuv420p', WIDTH, HEIGHT
        for count, rgb in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(rgb, format='rgb24')
            frame.pts, frame.time_base = count, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode())
