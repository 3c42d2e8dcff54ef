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
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from grasp_ros.sim.worlds import load_world

SHARE = FindPackageShare('grasp_ros')

# name, default, description
ARGUMENTS = (
    ('namespace', '', 'namespace of both nodes and of their topics'),
    ('world', 'wall', 'world: a name in config/worlds, or a file; it names the robot'),
    ('bundle', '', 'model bundle: a name in models/, or a folder; empty: ROBOT_WORLD'),
    ('real_time_factor', '1.0', 'simulated seconds a second'),
)


def both(context):
    # When an action fails, launch leaves the processes behind that it has started so far. So what
    # can fail comes first: this number, the world's files, then the planner's.
    real_time_factor = float(LaunchConfiguration('real_time_factor').perform(context))
    name = LaunchConfiguration('world').perform(context)
    world = load_world(name)
    planner = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(PathJoinSubstitution([SHARE, 'launch', 'plan.launch.py'])),
        launch_arguments={
            'namespace': LaunchConfiguration('namespace'),
            'robot': str(world.robot_file),
            'bundle': LaunchConfiguration('bundle').perform(context) or world.bundle,
            'use_sim_time': 'true',
            'execute': 'true',
        }.items(),
    )
    # Not on simulated time itself: it is what publishes /clock.
    simulator = Node(
        package='grasp_ros',
        executable='simulator_node',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            {
                'simulator.world': ParameterValue(name, value_type=str),
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
