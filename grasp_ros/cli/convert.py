# SPDX-License-Identifier: Apache-2.0
"""grasp-ros convert: a LeRobotDataset (v3) to a rosbag, or a rosbag to a LeRobotDataset."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from grasp_ros.cli import data
from grasp_ros.cli.progress import bars, console
from grasp_ros.config import RobotConfig, load_robot
from grasp_ros.nodes.arguments import robot_file
from grasp_ros.types import BadInput

if TYPE_CHECKING:
    from grasp_ros.lerobot.units import Unit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        'source', type=Path, help='a LeRobotDataset, a folder with meta/info.json; or a bag'
    )
    parser.add_argument('target', type=Path, help='folder of the new bag or dataset')
    parser.add_argument(
        '--unit',
        default='degrees',
        choices=('radians', 'degrees', 'normalised'),
        help="the dataset's; normalised: LeRobot's -100 to 100 (default: %(default)s)",
    )
    parser.add_argument(
        '--calibration', type=Path, help="LeRobot's calibration of the arm, for normalised"
    )
    parser.add_argument(
        '--camera', help='of a dataset with several: only this one, such as observation.images.top'
    )
    data.add_choices(parser)


def run(options: argparse.Namespace) -> int:
    """Convert, and say what was written and what to do with it."""
    from grasp_ros.lerobot.info import is_dataset
    from grasp_ros.lerobot.units import make_unit

    if not options.source.exists():
        raise BadInput(f'{options.source} is not there; a dataset or a bag expected')
    robot = load_robot(robot_file(options.robot))
    unit = make_unit(options.unit, robot.joints, options.calibration)
    if is_dataset(options.source):
        _to_bag(options, robot, unit)
    else:
        _from_bag(options, robot, unit)
    return 0


def _to_bag(options: argparse.Namespace, robot: RobotConfig, unit: Unit) -> None:
    from grasp_ros.lerobot.info import read_info
    from grasp_ros.lerobot.to_bag import choose, to_bag

    info = read_info(options.source)
    cameras = choose(info, options.camera)
    with bars() as report:
        written = to_bag(
            info,
            cameras,
            options.target,
            unit,
            options.command_line,
            lambda done, total: report('frames', done, total),
        )
    _say(f'{options.target}: {written.episodes} episodes, {written.frames} frames')
    if written.left_out:
        _say(f'left out, no joints of the robot: {", ".join(written.left_out)}')
    late = np.greater(written.behind, robot.tracking_tolerance)
    if late.any():
        needed = [
            max(known, round(1.5 * float(one), 3))
            for known, one in zip(robot.tracking_tolerance, written.behind, strict=True)
        ]
        _say(
            f'the joints are up to {written.behind.max():.2g} rad from their actions, more than '
            f'{options.robot} has as tracking_tolerance: in a copy of its file set {needed}, and '
            'name the copy by --robot'
        )
    words = [str(options.target), '--robot', options.robot]
    for camera in cameras:
        words += ['--image-topic', f'{camera.name}/compressed']
    _say(f'next: {shlex.join(["grasp-ros", "check", *words])}')
    _say(f'then: {shlex.join(["grasp-ros", "train", *words, "--out", "models/new"])}')


def _from_bag(options: argparse.Namespace, robot: RobotConfig, unit: Unit) -> None:
    from grasp_ros.lerobot.from_bag import from_bag
    from grasp_ros.training.recording import read_recording
    from grasp_ros.training.timing import model_step

    topics = data.topics(options)
    if len(topics.images) > 1:
        raise BadInput(f'--image-topic is given {len(topics.images)} times; a dataset gets one')
    recording = read_recording(options.source, robot.joints, topics)
    dt = model_step([recording]) if options.dt is None else options.dt
    with bars() as report:
        written = from_bag(
            recording,
            options.target,
            robot,
            unit,
            dt,
            lambda done, total: report('frames', done, total),
        )
    _say(
        f'{options.target}: {written.episodes} episodes, {written.frames} frames, '
        f'{written.fps} a second, in {unit.name}'
    )
    if written.lost:
        _say(f'left out: {written.lost} frames that no other follows one step later')
    _say(f"next: LeRobotDataset('me/{robot.name}', root={str(options.target)!r})")


def _say(line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
