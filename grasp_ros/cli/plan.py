# SPDX-License-Identifier: Apache-2.0
"""grasp-ros plan: the planner node."""

from __future__ import annotations

import argparse

from grasp_ros.nodes.arguments import planner_ros_arguments


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    parser.add_argument(
        '--robot', default='gantry', help='robot: a name in config/robots/, or a file'
    )
    parser.add_argument('--params-file', default='plan.yaml', help='a name in config/, or a file')
    parser.add_argument('--bundle', default='', help='model bundle; default: the one of the file')
    parser.add_argument(
        '--execute', action='store_true', help='send trajectories to the controller'
    )
    parser.add_argument('--controller', default='joint_trajectory_controller', help='its ROS name')
    parser.add_argument('--use-sim-time', action='store_true', help='take the time from /clock')
    parser.add_argument('--namespace', default='', help='ROS namespace, such as /cell1')
    parser.add_argument('ros', nargs='*', help='more ROS arguments, after --')


def run(options: argparse.Namespace) -> int:
    """Run the node until it is interrupted."""
    from grasp_ros.nodes.planner_node import main

    arguments = planner_ros_arguments(
        robot=options.robot,
        params_file=options.params_file,
        bundle=options.bundle,
        execute=options.execute,
        controller=options.controller,
        use_sim_time=options.use_sim_time,
        namespace=options.namespace,
    )
    return main([*arguments, *options.ros])
