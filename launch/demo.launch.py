# SPDX-License-Identifier: Apache-2.0
"""The MuJoCo simulator, and the planner that moves the robot in it."""

from launch import LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    IncludeLaunchDescription,
    OpaqueFunction,
    Shutdown,
)
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import FindPackageShare

SHARE = FindPackageShare('grasp_ros')
WORLD, ROBOT = LaunchConfiguration('world'), LaunchConfiguration('robot')

# name, default, description
ARGUMENTS = (
    ('namespace', '', 'namespace of both nodes and of their topics'),
    ('world', 'wall', 'world: a name in config/worlds'),
    ('robot', 'gantry', 'robot: a name in config/robots'),
    ('bundle', [ROBOT, '_', WORLD], 'model bundle: a name in models/, or a folder'),
    ('real_time_factor', '1.0', 'simulated seconds a second'),
)


def both(context):
    # When an action fails, launch leaves the processes behind that it has started so far. So what
    # can fail comes first: this number, then the planner's files.
    real_time_factor = float(LaunchConfiguration('real_time_factor').perform(context))
    planner = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([SHARE, 'launch', 'plan.launch.py'])),
        launch_arguments={
            'namespace': LaunchConfiguration('namespace'),
            'robot': ROBOT,
            'bundle': LaunchConfiguration('bundle'),
            'use_sim_time': 'true',
            'execute': 'true',
        }.items(),
    )
    robot_file = [PathJoinSubstitution([SHARE, 'config', 'robots', ROBOT]), '.yaml']
    # Not on simulated time itself: it is what publishes /clock.
    simulator = Node(
        package='grasp_ros',
        executable='simulator_node',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            ParameterFile(robot_file, allow_substs=True),
            {
                'simulator.world': ParameterValue(WORLD, value_type=str),
                'simulator.real_time_factor': real_time_factor,
            },
        ],
        output='screen',
        on_exit=Shutdown(reason='the simulator ended'),
    )
    return [planner, simulator]


def generate_launch_description():
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, default, description in ARGUMENTS
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=both)])
