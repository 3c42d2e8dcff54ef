# SPDX-License-Identifier: Apache-2.0
"""The planner node alone. `grasp-ros plan` gives the node the same arguments without launch."""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterFile, ParameterValue
from launch_ros.substitutions import FindPackageShare

from grasp_ros.nodes.arguments import robot_file

CONFIG = PathJoinSubstitution([FindPackageShare('grasp_ros'), 'config'])

# name, default, description
ARGUMENTS = (
    ('namespace', '', 'namespace of the node and of its topics'),
    ('use_sim_time', 'false', 'take the time from /clock'),
    ('params_file', PathJoinSubstitution([CONFIG, 'plan.yaml']), 'parameters of the planner'),
    ('robot', 'gantry', 'robot: a name in config/robots, or a file'),
    ('bundle', '', 'model bundle, a name in models/ or a folder; empty: as in params_file'),
    ('execute', 'false', 'send trajectories to the controller; false: only show plans'),
    ('controller', 'joint_trajectory_controller', 'controller that gets the trajectories'),
    ('log_level', 'info', 'debug, info, warn, error or fatal'),
    ('use_respawn', 'false', 'start the node again when it dies'),
)


def planner(context):
    overrides = {
        'control.execute': ParameterValue(LaunchConfiguration('execute'), value_type=bool),
        'use_sim_time': ParameterValue(LaunchConfiguration('use_sim_time'), value_type=bool),
    }
    # Known only at launch time: an empty argument must leave the file's value alone.
    if LaunchConfiguration('bundle').perform(context):
        overrides['model.bundle'] = ParameterValue(LaunchConfiguration('bundle'), value_type=str)
    node = Node(
        package='grasp_ros',
        executable='planner_node',
        namespace=LaunchConfiguration('namespace'),
        parameters=[
            ParameterFile(LaunchConfiguration('params_file'), allow_substs=True),
            ParameterFile(
                robot_file(LaunchConfiguration('robot').perform(context)), allow_substs=True
            ),
            overrides,
        ],
        remappings=[
            ('~/joint_trajectory', [LaunchConfiguration('controller'), '/joint_trajectory'])
        ],
        ros_arguments=['--log-level', LaunchConfiguration('log_level')],
        output='screen',
        respawn=LaunchConfiguration('use_respawn'),
        respawn_delay=2.0,
    )
    return [node]


def generate_launch_description():
    return LaunchDescription(
        [
            # One write a log line, also where the output is a pipe.
            SetEnvironmentVariable('RCUTILS_LOGGING_BUFFERED_STREAM', '1'),
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, default, description in ARGUMENTS
            ),
            OpaqueFunction(function=planner),
        ]
    )
