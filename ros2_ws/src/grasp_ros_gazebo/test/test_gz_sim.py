# SPDX-License-Identifier: Apache-2.0
"""Runs test_gazebo.launch.py where ROS and gz-sim are: pytest cannot import a name with a dot."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TEST = Path(__file__).with_name('test_gazebo.launch.py')
PACKAGES = ('ros_gz_sim', 'ros_gz_bridge', 'gz_ros2_control', 'controller_manager')


@pytest.mark.timeout(600)
@pytest.mark.parametrize('world', ['wall', 'maze', 'arm2'])
def test_goals_are_reached(world):
    pytest.importorskip('launch_testing', reason='launch_testing is not installed')
    index = pytest.importorskip('ament_index_python', reason='ROS is not installed')
    if missing := set(PACKAGES) - set(index.get_packages_with_prefixes()):
        pytest.skip(f'ROS packages {missing} are not installed')
    ended = subprocess.run(
        [sys.executable, '-m', 'launch_testing.launch_test', str(TEST)],
        env={**os.environ, 'GRASP_ROS_TEST_WORLD': world},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert ended.returncode == 0, ended.stdout
