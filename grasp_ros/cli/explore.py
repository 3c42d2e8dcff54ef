# SPDX-License-Identifier: Apache-2.0
"""grasp-ros explore: the explorer node."""

from __future__ import annotations

import argparse

from grasp_ros.nodes.arguments import explorer_ros_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        '--robot', default='gantry', help='robot: a name in config/robots/, or a file'
    )
    parser.add_argument(
        '--execute', action='store_true', help='send trajectories to the controller'
    )
    parser.add_argument(
        '--speed', type=float, default=1.0, help="share of the robot's max_velocity"
    )
    parser.add_argument('--seed', type=int, default=0, help='seed of the motion')
    parser.add_argument('--controller', default='joint_trajectory_controller', help='its ROS name')
    parser.add_argument('--use-sim-time', action='store_true', help='take the time from /clock')
    parser.add_argument('--namespace', default='', help='ROS namespace, such as /cell1')
    parser.add_argument('ros', nargs='*', help='more ROS arguments, after --')


def run(options: argparse.Namespace) -> int:
    """Run the node until it is interrupted."""
    from grasp_ros.nodes.explorer_node import main

    arguments = explorer_ros_arguments(
        robot=options.robot,
        execute=options.execute,
        speed=options.speed,
        seed=options.seed,
        controller=options.controller,
        use_sim_time=options.use_sim_time,
        namespace=options.namespace,
    )
    return main([*arguments, *options.ros])
