# SPDX-License-Identifier: Apache-2.0
"""grasp-ros collect: explore in simulation into a rosbag2 file."""

from __future__ import annotations

import argparse
import contextlib
from pathlib import Path

from rich.table import Table

from grasp_ros.cli.progress import bars, console
from grasp_ros.exploration.figures import Figures
from grasp_ros.sim.interface import ENGINES, make_robot
from grasp_ros.types import BadInput

FASTEST = 100.0  # real-time factor: nobody watches


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument('bag', type=Path, help='folder of the new bag')
    parser.add_argument(
        '--world', default='wall', help='world: a name in config/worlds/, or a file'
    )
    parser.add_argument('--simulator', default='mujoco', choices=tuple(ENGINES))
    parser.add_argument('--steps', type=int, default=40_000, help='model steps to record')
    parser.add_argument('--dt', type=float, default=0.1, help='model step, s')
    parser.add_argument('--seed', type=int, default=0, help='seed of start and actions')


def run(options: argparse.Namespace) -> int:
    """Record the bag."""
    if options.steps < 1:
        raise BadInput(f'--steps {options.steps} is below 1')
    from grasp_ros.sim.explore import explore, velocity_command
    from grasp_ros.sim.worlds import load_world
    from grasp_ros.training.bags import BagWriter

    world = load_world(options.world)
    cameras = [camera.name for camera in world.description.cameras]
    start = world.task.sample(1, options.seed)[0].start
    with (
        contextlib.closing(make_robot(options.simulator, world, FASTEST)) as robot,
        BagWriter(options.bag, world.robot.joints, options.command_line, cameras) as bag,
        bars() as report,
    ):
        robot.reset(start)
        command = velocity_command(robot, options.dt)
        for drive in explore(robot, command, bag, options.steps, options.seed):
            report(f'exploring {world.name}', drive.figures.steps, options.steps)
    console.print(table(drive.figures))
    console.print(f'{options.steps} steps of {options.dt} s in {options.bag}')
    return 0


def table(figures: Figures) -> Table:
    """What the robot did in these steps."""
    table = Table(title='exploration', title_justify='left', show_header=False)
    rows = {
        'blocked': f'{figures.blocks} times',
        'stuck for good, put back to the start': f'{figures.freed} times',
        'in contact, behind its command': f'{100 * figures.behind_share:.1f} % of the steps',
        'held after a block': f'{100 * figures.held_share:.1f} % of the steps',
        'visited': f'{100 * figures.covered_share:.0f} % of the joint space within the limits',
    }
    for row in rows.items():
        table.add_row(*row)
    return table
