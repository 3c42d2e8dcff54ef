# SPDX-License-Identifier: Apache-2.0
"""meta/info.json: what a dataset has in each frame."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from grasp_ros.lerobot.layout import ACTION, DATA, INFO, STATE, SUFFIX, VIDEO
from grasp_ros.lerobot.reading import readable
from grasp_ros.types import BadInput

UPGRADE = (
    'python -m lerobot.datasets.v30.convert_dataset_v21_to_v30 --repo-id=... '
    '--root=FOLDER --push-to-hub=false'
)


@dataclass(frozen=True)
class Camera:
    """A camera: its column in the dataset, its name in a bag, and whether it is kept as video."""

    key: str
    name: str
    video: bool


@dataclass(frozen=True)
class Info:
    """A dataset's folder, frames per second and in all, and what they hold.

    state, action: the names of both vectors' values, without `.pos`. data_path, video_path: the
    patterns of its files.
    """

    root: Path
    fps: float
    frames: int
    state: tuple[str, ...]
    action: tuple[str, ...]
    cameras: tuple[Camera, ...]
    data_path: str
    video_path: str


def is_dataset(folder: Path) -> bool:
    """Whether this is a LeRobotDataset of any version, not a bag."""
    return (folder / INFO).is_file()


def read_info(root: Path) -> Info:
    """Read meta/info.json; raises BadInput for other versions than 3 and for what is missing."""
    path = root / INFO
    with readable(path):
        info = json.loads(path.read_text())
        version = str(info['codebase_version'])
        if not re.fullmatch(r'v3(\.\d+)*', version):
            raise BadInput(
                f'{path}: version {version}, v3.0 expected; of v2.1 first make v3.0 by '
                f"LeRobot's own `{UPGRADE}`"
            )
        features = info['features']
        if missing := [key for key in (STATE, ACTION) if key not in features]:
            raise BadInput(f'{path}: no {" and no ".join(missing)}; it has {sorted(features)}')
        cameras = tuple(
            Camera(key, re.sub(r'\W', '_', key.rsplit('.', 1)[-1]), feature['dtype'] == 'video')
            for key, feature in features.items()
            if feature['dtype'] in ('video', 'image')
        )
        if not cameras:
            raise BadInput(f'{path}: no camera (dtype video or image); it has {sorted(features)}')
        fps = float(info['fps'])
        if not 0 < fps < 1000:
            raise BadInput(f'{path}: {fps} frames per second, between 0 and 1000 expected')
        return Info(
            root,
            fps,
            int(info['total_frames']),
            _names(path, STATE, features[STATE]),
            _names(path, ACTION, features[ACTION]),
            cameras,
            str(info.get('data_path') or DATA),
            str(info.get('video_path') or VIDEO),
        )


def _names(path: Path, key: str, feature: dict[str, Any]) -> tuple[str, ...]:
    """The names of a vector's values; those of converted datasets are grouped, under any name."""
    names = feature['names']
    if isinstance(names, dict):
        names = [one for group in names.values() for one in group]
    if not isinstance(names, list) or len(names) != feature['shape'][0]:
        raise BadInput(f'{path}: {key} has the names {names}, {feature["shape"]} expected')
    return tuple(str(name).removesuffix(SUFFIX) for name in names)
