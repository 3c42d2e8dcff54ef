# SPDX-License-Identifier: Apache-2.0
"""Where the files of a LeRobotDataset are, and how its columns are called."""

VERSION = 'v3.0'
INFO, STATS = 'meta/info.json', 'meta/stats.json'
TASKS = 'meta/tasks.parquet'
EPISODES = 'meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
DATA = 'data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet'
VIDEO = 'videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4'
STATE, ACTION = 'observation.state', 'action'
IMAGE = 'observation.images.image'  # the camera of what is written
TIME, FRAME, EPISODE, INDEX, TASK = (
    'timestamp',
    'frame_index',
    'episode_index',
    'index',
    'task_index',
)
SUFFIX = '.pos'  # of a joint's name, in the names of state and action
