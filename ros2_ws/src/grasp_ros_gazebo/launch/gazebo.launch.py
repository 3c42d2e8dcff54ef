# SPDX-License-Identifier: Apache-2.0
"""gz-sim with a world and the robot in it, ros2_control in the robot, and the planner."""

import tempfile
from pathlib import Path

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.conditions import IfCondition
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from grasp_ros.config import SimulatorNodeConfig, load
from grasp_ros.share import find
from grasp_ros.sim.worlds import load_world, sample_problems
from grasp_ros_gazebo import ros2_control, sdf, urdf

SHARE = FindPackageShare('grasp_ros_gazebo')
SIMULATED_TIME = {'use_sim_time': True}
PHYSICS = sdf.Physics(step=0.001, rate=1000.0)
CONTROLLERS = ('joint_state_broadcaster', 'joint_trajectory_controller')
START_UP = '60'  # s that Gazebo gets to load the world and the controller manager

# name, default, description
ARGUMENTS = (
    ('world', 'wall', 'world: a name in config/worlds'),
    ('robot', 'gantry', 'robot: a name in config/robots'),
    ('bundle', [LaunchConfiguration('robot'), '_', LaunchConfiguration('world')], 'model bundle'),
    ('execute', 'true', 'move the robot; false: only show plans'),
    ('headless', 'true', 'no window'),
    ('rviz', 'false', 'show robot and camera in RViz'),
)


def gazebo(context):
    """Everything but the planner: the files are written now, from the robot's and the world's."""
    value = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    robot_file = find('config/robots', f'{value["robot"]}.yaml')
    config = load(SimulatorNodeConfig, robot_file, simulator__world=value['world'])
    robot, sim, world = config.robot, config.simulator, load_world(value['world'])
    controllers = Path(SHARE.perform(context)) / 'config/controllers.yaml'
    path = find('urdf', sim.urdf)

    # The robot's zero may lie inside a wall: start where an episode could.
    reach = urdf.tool_radius(urdf.read(path))
    start = sample_problems(world, robot.position_min, robot.position_max, reach, 1, 0)[0].start
    description = {'robot_description': ros2_control.describe(path, robot, start)}
    world_file = Path(tempfile.mkdtemp(prefix='grasp_ros_')) / f'{world.name}.sdf'
    world_file.write_text(sdf.build(robot, sim, world, PHYSICS, 'gz', controllers))

    headless = '-s --headless-rendering ' if value['headless'] == 'true' else ''
    simulator = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare('ros_gz_sim'), 'launch', 'gz_sim.launch.py'])
        ),
        launch_arguments={
            'gz_args': f'-r {headless}{world_file}',
            'on_exit_shutdown': 'true',
        }.items(),
    )
    # Gazebo's controller manager waits for the description that this node publishes.
    state_publisher = Node(
        package='robot_state_publisher',
        executable='robot_state_publisher',
        parameters=[description, SIMULATED_TIME],
    )
    bridge = Node(
        package='ros_gz_bridge',
        executable='parameter_bridge',
        parameters=[
            {'config_file': PathJoinSubstitution([SHARE, 'config', 'bridge.yaml'])},
            SIMULATED_TIME,
        ],
        on_exit=Shutdown(reason='the bridge ended'),
    )
    spawner = Node(
        package='controller_manager',
        executable='spawner',
        arguments=[
            *CONTROLLERS,
            '--param-file',
            str(controllers),
            '--controller-manager-timeout',
            START_UP,
        ],
        parameters=[SIMULATED_TIME],
    )
    return [simulator, state_publisher, bridge, spawner]


def generate_launch_description():
    """Declares the arguments; the planner comes first: when its files are missing, all ends."""
    planner = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare('grasp_ros'), 'launch', 'plan.launch.py'])
        ),
        launch_arguments={
            'robot': LaunchConfiguration('robot'),
            'bundle': LaunchConfiguration('bundle'),
            'execute': LaunchConfiguration('execute'),
            'use_sim_time': 'true',
        }.items(),
    )
    rviz = Node(
        package='rviz2',
        executable='rviz2',
        arguments=['-d', PathJoinSubstitution([SHARE, 'config', 'gazebo.rviz'])],
        parameters=[SIMULATED_TIME],
        condition=IfCondition(LaunchConfiguration('rviz')),
    )
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in ARGUMENTS
    ]
    return LaunchDescription([*declared, planner, OpaqueFunction(function=gazebo), rviz])
