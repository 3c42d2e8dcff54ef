# SPDX-License-Identifier: Apache-2.0
"""The ROS arguments of the nodes: what the launch files say, for machines without launch."""

from __future__ import annotations

from grasp_ros.share import find, find_yaml

SIMULATOR_NODE, PLANNER_NODE = 'grasp_ros.nodes.simulator_node', 'grasp_ros.nodes.planner_node'


def robot_file(robot: str) -> str:
    """The parameter file of a robot: a file anywhere, or a name in config/robots/.

    The suffix .yaml may be left out. Raises BadInput naming all places that were looked at.
    """
    return str(find_yaml('config/robots', robot))


def planner_ros_arguments(
    robot: str,
    params_file: str,
    bundle: str,
    execute: bool,
    controller: str,
    use_sim_time: bool,
    namespace: str,
) -> list[str]:
    """Arguments of the planner node; an empty bundle leaves the one of params_file."""
    arguments = [
        *_start(namespace),
        *_file(str(find('config', params_file))),
        *_file(robot_file(robot)),
        *_parameter('control.execute', str(execute).lower()),
        *_parameter('use_sim_time', str(use_sim_time).lower()),
    ]
    if bundle:
        arguments += _parameter('model.bundle', bundle)
    return [*arguments, '-r', f'~/joint_trajectory:={controller}/joint_trajectory']


def explorer_ros_arguments(
    robot: str,
    execute: bool,
    speed: float,
    seed: int,
    controller: str,
    use_sim_time: bool,
    namespace: str,
) -> list[str]:
    """Arguments of the explorer node."""
    return [
        *_start(namespace),
        *_file(robot_file(robot)),
        *_parameter('exploration.execute', str(execute).lower()),
        *_parameter('exploration.speed', str(float(speed))),
        *_parameter('exploration.seed', str(seed)),
        *_parameter('use_sim_time', str(use_sim_time).lower()),
        *('-r', f'~/joint_trajectory:={controller}/joint_trajectory'),
    ]


def simulator_ros_arguments(
    world: str, real_time_factor: float, namespace: str, engine: str = ''
) -> list[str]:
    """Arguments of the simulator node; an empty engine leaves the default."""
    return [
        *_start(namespace),
        *(_parameter('simulator.engine', engine) if engine else []),
        *_parameter('simulator.world', world),
        *_parameter('simulator.real_time_factor', str(real_time_factor)),
    ]


def _start(namespace: str) -> list[str]:
    return ['--ros-args', *(['-r', f'__ns:={namespace}'] if namespace else [])]


def _file(path: str) -> list[str]:
    return ['--params-file', path]


def _parameter(name: str, value: str) -> list[str]:
    return ['-p', f'{name}:={value}']
