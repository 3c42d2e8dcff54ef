# SPDX-License-Identifier: Apache-2.0
"""The bags that train and check read: their options, and reading them as these say."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from grasp_ros.cli.progress import Report
from grasp_ros.config import RobotConfig, load_robot
from grasp_ros.nodes.arguments import robot_file
from grasp_ros.types import BadInput, FloatArray

if TYPE_CHECKING:
    from grasp_ros.robot.command import Command
    from grasp_ros.training.checks import Checked
    from grasp_ros.training.recording import Recording
    from grasp_ros.training.timeline import Timeline
    from grasp_ros.training.topics import Topics


@dataclass(frozen=True)
class Data:
    """Bags on the model's time grid, and whether they agree with the robot's file."""

    robot: RobotConfig
    command: Command
    recordings: list[Recording]
    lines: list[Timeline]
    lag: FloatArray
    checked: Checked


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that say what to read."""
    parser.add_argument('bags', type=Path, nargs='+', help='rosbag2 folders or .mcap files')
    add_choices(parser)


def add_choices(parser: argparse.ArgumentParser) -> None:
    """The options that say how to read it: robot, topics and model step."""
    parser.add_argument(
        '--robot', default='gantry', help='robot: a file, or a name in config/robots/'
    )
    parser.add_argument(
        '--image-topic',
        action='append',
        help='sensor_msgs/Image or CompressedImage; a name that does not begin with / may have '
        'a namespace in the bag (default: image/compressed); once for each of several cameras',
    )
    parser.add_argument('--joints-topic', default='joint_states', help='default: %(default)s')
    parser.add_argument(
        '--command-topic',
        default='joint_trajectory_controller/joint_trajectory',
        help='where the trajectories that move the robot are published (default: %(default)s)',
    )
    parser.add_argument(
        '--dt',
        type=float,
        help="model step, s; default: the multiple of the camera's period nearest to 0.1 s",
    )


def refuse_nowhere(file: Path | None) -> None:
    """Raise BadInput for a file in a folder that is not there: now, not after the work."""
    if file is not None and not file.parent.is_dir():
        raise BadInput(f'{file}: there is no folder {file.parent}')


def topics(options: argparse.Namespace) -> Topics:
    """The topics that the options name."""
    from grasp_ros.training.topics import USUAL, Topics

    images = tuple(options.image_topic or USUAL.images)
    return Topics(images, options.joints_topic, options.command_topic)


def read(options: argparse.Namespace, report: Report) -> Data:
    """Read all but the pictures, and check it."""
    from grasp_ros.robot.command import make_command
    from grasp_ros.training.checks import check
    from grasp_ros.training.recording import read_recording
    from grasp_ros.training.rest import without_rest
    from grasp_ros.training.timeline import timelines
    from grasp_ros.training.timing import model_step

    robot = load_robot(robot_file(options.robot))
    recordings = []
    for done, path in enumerate(options.bags):
        report('bags', done, len(options.bags))
        recordings.append(read_recording(path, robot.joints, topics(options)))
    report('bags', len(options.bags), len(options.bags))
    dt = model_step(recordings) if options.dt is None else options.dt
    bounds = robot.max_velocity
    command = make_command('joint_velocity', tuple(-one for one in bounds), tuple(bounds), dt)
    lines, lag = timelines(recordings, robot, command)
    lines = [without_rest(line, robot, dt) for line in lines]
    return Data(robot, command, recordings, lines, lag, check(lines, lag, robot, dt))
