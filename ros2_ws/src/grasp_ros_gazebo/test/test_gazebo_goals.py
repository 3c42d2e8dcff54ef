# SPDX-License-Identifier: Apache-2.0
"""The demo in Gazebo, from pixels: every goal of some is reached."""

import json
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    'world, goals, seed',
    [('wall', 'picture', 7), ('maze', 'picture', 7), ('ur5', 'taught', 10606)],
)
def test_goals_are_reached(gazebo_root, world, goals, seed, tmp_path):
    pytest.importorskip('rclpy', reason='the ROS client library is not installed')
    options = ['--simulator', 'gazebo', '--world', world, '--goals', goals]
    problems = ['--episodes', '3', '--seed', str(seed)]
    outputs = ['--out', str(tmp_path), '--json', str(tmp_path / 'report.json')]
    command = [sys.executable, '-m', 'grasp_ros.cli.main', 'demo', *options, *problems, *outputs]
    ended = subprocess.run(command, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    report = json.loads((tmp_path / 'report.json').read_text())
    assert report['simulator'] == 'gazebo' and report['successes'] == 3
    assert report['limits_broken'] == []
    assert (tmp_path / f'{world}_grasp.mp4').stat().st_size > 10_000
