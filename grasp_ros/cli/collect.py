# SPDX-License-Identifier: Apache-2.0
"""grasp-ros collect: explore in simulation into a rosbag2 file."""

from __future__ import annotations

import argparse
from pathlib import Path

from grasp_ros.cli.progress import bars, console
from grasp_ros.config import SimulatorNodeConfig, load
from grasp_ros.share import find
from grasp_ros.sim.interface import ENGINES, make_robot

FASTEST = 100.0  # real-time factor: nobody watches


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument('bag', type=Path, help='folder of the new bag')
    parser.add_argument(
        '--robot', default='gantry', help='robot: a name in config/robots/, or a file'
    )
    parser.add_argument(
        '--world', default='wall', help='world: a name in config/worlds/, or a file'
    )
    parser.add_argument('--simulator', default='mujoco', choices=tuple(ENGINES))
    parser.add_argument('--steps', type=int, default=40_000, help='model steps to record')
    parser.add_argument('--dt', type=float, default=0.1, help='model step, s')
    parser.add_argument('--seed', type=int, default=0, help='seed of start and actions')


def run(options: argparse.Namespace) -> int:
    """Record the bag."""
    from grasp_ros.sim.explore import explore, velocity_command
    from grasp_ros.sim.worlds import load_world, sample_problems
    from grasp_ros.training.bags import BagWriter

    robot_file = find('config/robots', f'{options.robot}.yaml')
    overrides = {'engine': options.simulator, 'world': options.world, 'real_time_factor': FASTEST}
    config = load(
        SimulatorNodeConfig, robot_file, **{f'simulator__{k}': v for k, v in overrides.items()}
    )
    world = load_world(options.world)
    robot = make_robot(config.robot, config.simulator, world)
    robot.reset(
        sample_problems(world, robot.low, robot.high, robot.tool_radius, 1, options.seed)[0].start
    )
    command = velocity_command(robot, options.dt)
    with (
        BagWriter(options.bag, config.robot.joints, options.command_line) as bag,
        bars() as report,
    ):
        for done in explore(robot, command, bag, options.steps, options.seed):
            report(f'exploring {world.name}', done, options.steps)
    robot.close()
    console.print(f'{options.steps} steps of {options.dt} s in {options.bag}')
    return 0
