# SPDX-License-Identifier: Apache-2.0
"""What a written dataset says of its columns and its task."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from grasp_ros.lerobot.layout import (
    ACTION,
    EPISODE,
    FRAME,
    IMAGE,
    INDEX,
    STATE,
    SUFFIX,
    TASK,
    TIME,
)
from grasp_ros.lerobot.video import CODEC, PIXELS

COUNTERS = (FRAME, EPISODE, INDEX, TASK)


def features(joints: tuple[str, ...], size: tuple[int, int], fps: int) -> dict[str, Any]:
    """The columns of a dataset of these joints and one camera of this (height, width)."""
    height, width = size
    names = [joint + SUFFIX for joint in joints]
    vector = {'dtype': 'float32', 'shape': [len(names)], 'names': names}
    video = {
        'video.height': height,
        'video.width': width,
        'video.codec': 'av1' if CODEC == 'libsvtav1' else CODEC,
        'video.pix_fmt': PIXELS,
        'video.is_depth_map': False,
        'video.fps': fps,
        'video.channels': 3,
        'has_audio': False,
    }
    image = {
        'dtype': 'video',
        'shape': [height, width, 3],
        'names': ['height', 'width', 'channels'],
        'info': video,
    }
    counter = {'dtype': 'int64', 'shape': [1], 'names': None}
    return {
        STATE: vector,
        ACTION: vector,
        IMAGE: image,
        TIME: counter | {'dtype': 'float32'},
        **dict.fromkeys(COUNTERS, counter),
    }


def tasks(task: str) -> pa.Table:
    """The only task. LeRobot reads this file by pandas, and takes the index for the words."""
    index = '__index_level_0__'
    pandas = {
        'index_columns': [index],
        'column_indexes': [],
        'columns': [
            {
                'name': name,
                'field_name': field,
                'pandas_type': kind,
                'numpy_type': numpy_type,
                'metadata': None,
            }
            for name, field, kind, numpy_type in (
                (TASK, TASK, 'int64', 'int64'),
                (None, index, 'unicode', 'object'),
            )
        ],
        'pandas_version': '2.0.0',
    }
    table = pa.table({TASK: [0], index: [task]})
    return table.replace_schema_metadata({'pandas': json.dumps(pandas)})
