# SPDX-License-Identifier: Apache-2.0
"""What gazebo.launch.py starts, and that its files agree with the robot's and the camera's."""

import os
import runpy
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from grasp_ros.share import share_directory
from grasp_ros.sim.worlds import load_world
from grasp_ros_gazebo import ros2_control

PACKAGE = Path(__file__).resolve().parent.parent
TEMPLATE = PACKAGE / 'config/controllers.yaml'
WORLD = load_world('maze')

# Stands in for every executable: notes its arguments, and the files that they name.
RECORDER = f"""#!{sys.executable}
import json, pathlib, sys, time
me = pathlib.Path(sys.argv[0])
paths = [word for argument in sys.argv[1:] for word in argument.split()]
files = {{p: pathlib.Path(p).read_text() for p in paths if pathlib.Path(p).is_file()}}
record = {{'arguments': sys.argv[1:], 'files': files}}
(pathlib.Path('@RECORDS@') / f'{{me.name}}.json').write_text(json.dumps(record))
until = time.monotonic() + 20
while me.name == 'gz' and len(list(pathlib.Path('@RECORDS@').iterdir())) < 5:
    if time.monotonic() > until: sys.exit(1)
    time.sleep(0.05)
if me.name in ('parameter_bridge', 'planner_node'):
    time.sleep(20)  # ended by the launch
"""
GZ_LAUNCH = """
from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, ExecuteProcess, Shutdown
from launch.substitutions import LaunchConfiguration
def generate_launch_description():
    return LaunchDescription([DeclareLaunchArgument(n) for n in ('gz_args', 'on_exit_shutdown')]
        + [ExecuteProcess(cmd=['@GZ@', LaunchConfiguration('gz_args')], on_exit=Shutdown())])
"""


@pytest.mark.parametrize('name', ['maze', 'arm2'])
def test_controllers_are_the_robots(name):
    world = load_world(name)
    joints, gains = list(world.robot.joints), world.description.body.position_gain
    written = yaml.safe_load(ros2_control.controllers(TEMPLATE, world))
    settings = written['joint_trajectory_controller']['ros__parameters']
    assert settings['joints'] == joints
    assert settings['interpolate_from_desired_state'] is True
    assert settings['open_loop_control'] is False
    assert settings['allow_nonzero_velocity_at_trajectory_end'] is False
    assert settings['cmd_timeout'] > settings['constraints']['goal_time'] > 0
    for joint, gain, tolerance in zip(joints, gains, world.robot.tracking_tolerance, strict=True):
        assert settings['gains'][joint]['p'] == gain
        assert settings['gains'][joint]['ff_velocity_scale'] == 1.0
        assert settings['constraints'][joint] == {
            'trajectory': 5 * tolerance,
            'goal': 2 * tolerance,
        }


def test_the_description_names_interfaces_and_start():
    path, robot = WORLD.description.urdf, WORLD.robot
    root = ElementTree.fromstring(ros2_control.describe(path, robot, np.array([0.1, -0.2])))
    assert len(root.findall('link')) == len(ElementTree.parse(path).getroot().findall('link'))
    joints = root.findall('ros2_control/joint')
    assert tuple(joint.get('name') for joint in joints) == robot.joints
    starts = [float(joint.find('state_interface/param').text) for joint in joints]
    assert starts == [0.1, -0.2]
    assert {joint.find('command_interface').get('name') for joint in joints} == {'velocity'}


@pytest.fixture
def run_launch(tmp_path, monkeypatch):
    """Launches gazebo.launch.py on stand-ins; returns {executable: arguments and files}."""
    pytest.importorskip('launch_ros', reason='launch_ros comes with a ROS installation only')
    import json

    from launch import LaunchService
    from launch.actions import IncludeLaunchDescription
    from launch.launch_description_sources import PythonLaunchDescriptionSource

    records = tmp_path / 'records'
    records.mkdir()
    executables = {
        'grasp_ros': 'planner_node',
        'robot_state_publisher': 'robot_state_publisher',
        'ros_gz_bridge': 'parameter_bridge',
        'controller_manager': 'spawner',
        'rviz2': 'rviz2',
        'ros_gz_sim': 'gz',
    }
    index = tmp_path / 'share/ament_index/resource_index/packages'
    index.mkdir(parents=True)
    for package, name in executables.items():
        folder = tmp_path / 'lib' / package
        folder.mkdir(parents=True)
        (folder / name).write_text(RECORDER.replace('@RECORDS@', str(records)))
        (folder / name).chmod(0o755)
        (index / package).touch()
    (index / 'grasp_ros_gazebo').touch()
    (tmp_path / 'share/grasp_ros').symlink_to(share_directory())
    (tmp_path / 'share/grasp_ros_gazebo').symlink_to(PACKAGE)
    launch = tmp_path / 'share/ros_gz_sim/launch'
    launch.mkdir(parents=True)
    text = GZ_LAUNCH.replace('@GZ@', str(tmp_path / 'lib/ros_gz_sim/gz'))
    (launch / 'gz_sim.launch.py').write_text(text)
    prefixes = [str(tmp_path), os.environ.get('AMENT_PREFIX_PATH', '')]
    monkeypatch.setenv('AMENT_PREFIX_PATH', os.pathsep.join(filter(None, prefixes)))
    monkeypatch.setenv('ROS_LOG_DIR', str(tmp_path / 'log'))
    monkeypatch.setenv('RCUTILS_LOGGING_BUFFERED_STREAM', '0')

    def run(**arguments):
        service = LaunchService()
        source = PythonLaunchDescriptionSource(str(PACKAGE / 'launch/gazebo.launch.py'))
        service.include_launch_description(
            IncludeLaunchDescription(source, launch_arguments=arguments.items())
        )
        service.run()
        return {path.stem: json.loads(path.read_text()) for path in records.glob('*.json')}

    return run


@pytest.mark.parametrize('headless', ['true', 'false'])
def test_gazebo_gets_the_world_and_the_nodes_get_simulated_time(run_launch, headless):
    started = run_launch(world='maze', headless=headless)
    assert set(started) == {
        'gz',
        'planner_node',
        'robot_state_publisher',
        'parameter_bridge',
        'spawner',
    }
    (gz_args,) = started['gz']['arguments']
    assert ('-s' in gz_args.split()) == (headless == 'true') and '-r' in gz_args.split()
    (world,) = started['gz']['files'].values()
    assert '<world name="maze_world">' in world
    assert '/controllers.yaml</parameters>' in world
    assert started['parameter_bridge']['arguments'][:2] == [
        '/clock@rosgraph_msgs/msg/Clock[gz.msgs.Clock',
        '/image@sensor_msgs/msg/Image[gz.msgs.Image',
    ]
    for name in ('planner_node', 'robot_state_publisher', 'parameter_bridge', 'spawner'):
        words = started[name]['arguments']
        texts = ' '.join([*words, *started[name]['files'].values()]).replace(':=', ': ')
        assert 'use_sim_time: true' in texts, name
    planner = ' '.join(started['planner_node']['arguments'])
    assert 'joint_trajectory_controller/joint_trajectory' in planner
    assert 'gantry_maze' in ' '.join([planner, *started['planner_node']['files'].values()])
    assert started['spawner']['arguments'][:2] == [
        'joint_state_broadcaster',
        'joint_trajectory_controller',
    ]


def test_the_package_installs_its_files():
    setup = (PACKAGE / 'setup.py').read_text()
    assert "installed('config')" in setup and "installed('launch')" in setup
    import setuptools

    taken = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(PACKAGE)
        patch.setattr(setuptools, 'setup', lambda **arguments: taken.update(arguments))
        runpy.run_path('setup.py')
    files = {file for _, names in taken['data_files'] for file in names}
    assert {'package.xml', 'config/controllers.yaml', 'launch/gazebo.launch.py'} <= files
