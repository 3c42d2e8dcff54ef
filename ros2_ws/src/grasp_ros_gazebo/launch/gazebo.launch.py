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

from grasp_ros.sim.worlds import load_world
from grasp_ros_gazebo import ros2_control, sdf

SHARE = FindPackageShare('grasp_ros_gazebo')
SIMULATED_TIME = {'use_sim_time': True}
PHYSICS = sdf.Physics(step=0.001, rate=1000.0)
CONTROLLERS = ('joint_state_broadcaster', 'joint_trajectory_controller')
START_UP = '60'  # s that Gazebo gets to load the world and the controller manager

# name, default, description
ARGUMENTS = (
    ('world', 'wall', 'world: a name in config/worlds, or a file; it names the robot'),
    ('bundle', '', 'model bundle; empty: ROBOT_WORLD'),
    ('execute', 'true', 'move the robot; false: only show plans'),
    ('headless', 'true', 'no window'),
    ('rviz', 'false', 'show robot and camera in RViz'),
)


def gazebo(context):
    """All nodes; Gazebo's files are written now, from those of world, robot and simulator.

    The planner comes first: when its files are missing, all ends.
    """
    value = {name: LaunchConfiguration(name).perform(context) for name, _, _ in ARGUMENTS}
    world = load_world(value['world'])
    planner = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(
            PathJoinSubstitution([FindPackageShare('grasp_ros'), 'launch', 'plan.launch.py'])
        ),
        launch_arguments={
            'robot': str(world.robot_file),
            'bundle': value['bundle'] or world.bundle,
            'execute': value['execute'],
            'use_sim_time': 'true',
        }.items(),
    )
    written = Path(tempfile.mkdtemp(prefix='grasp_ros_'))
    controllers, world_file = written / 'controllers.yaml', written / f'{world.name}.sdf'
    template = Path(SHARE.perform(context)) / 'config/controllers.yaml'
    controllers.write_text(ros2_control.controllers(template, world))
    world_file.write_text(sdf.build(world, PHYSICS, 'gz', controllers))
    # The robot's zero may lie inside a wall: start where an episode could.
    start = world.task.sample(1, 0)[0].start
    text = ros2_control.describe(world.description.urdf, world.robot, start)
    description = {'robot_description': text}

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
    # Only the clock and the cameras pass the bridge, from Gazebo to ROS ('['): gz_ros2_control
    # runs the controller manager inside Gazebo.
    cameras = [camera.name for camera in world.description.cameras]
    bridge = Node(
        package='ros_gz_bridge',
        executable='parameter_bridge',
        arguments=[
            '/clock@rosgraph_msgs/msg/Clock[gz.msgs.Clock',
            *(f'/{name}@sensor_msgs/msg/Image[gz.msgs.Image' for name in cameras),
        ],
        parameters=[SIMULATED_TIME],
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
    return [planner, simulator, state_publisher, bridge, spawner]


def generate_launch_description():
    """Declares the arguments; what they mean is known only when they are given."""
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
    return LaunchDescription([*declared, OpaqueFunction(function=gazebo), rviz])
