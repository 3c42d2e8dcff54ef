# SPDX-License-Identifier: Apache-2.0
"""Bags to a dataset in one call, without the checks that the commands make in between."""

from pathlib import Path

from grasp_ros.config import RobotConfig
from grasp_ros.robot.command import Command
from grasp_ros.training.dataset import Dataset, load_images
from grasp_ros.training.recording import read_recording
from grasp_ros.training.timeline import timelines
from grasp_ros.training.topics import USUAL, Topics


def load_bags(
    paths: list[Path],
    robot: RobotConfig,
    command: Command,
    height: int,
    width: int,
    topics: Topics = USUAL,
) -> Dataset:
    """All transitions of the bags, all pictures of one size; BadInput for a bag without one."""
    recordings = [read_recording(path, robot.joints, topics) for path in paths]
    lines = timelines(recordings, robot, command)[0]
    sizes = dict.fromkeys(recordings[0].cameras, (height, width))
    return load_images(lines, sizes, paths[0].parent)
