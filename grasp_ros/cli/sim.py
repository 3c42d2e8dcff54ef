# SPDX-License-Identifier: Apache-2.0
"""grasp-ros sim: the simulator node."""

from __future__ import annotations

import argparse

from grasp_ros.nodes.arguments import simulator_ros_arguments
from grasp_ros.sim.interface import ENGINES


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        '--world', default='wall', help='world: a name in config/worlds/, or a file'
    )
    parser.add_argument('--simulator', default='mujoco', choices=tuple(ENGINES))
    parser.add_argument('--real-time-factor', type=float, default=1.0)
    parser.add_argument('--namespace', default='', help='ROS namespace, such as /cell1')
    parser.add_argument('ros', nargs='*', help='more ROS arguments, after --')


def run(options: argparse.Namespace) -> int:
    """Run the node until it is interrupted."""
    from grasp_ros.nodes.simulator_node import main

    arguments = simulator_ros_arguments(
        options.world,
        options.real_time_factor,
        options.namespace,
        options.simulator,
    )
    return main([*arguments, *options.ros])
