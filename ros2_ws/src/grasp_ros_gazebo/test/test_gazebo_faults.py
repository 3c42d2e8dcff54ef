# SPDX-License-Identifier: Apache-2.0
"""The two nodes of the demo, while the real gzserver is stopped, woken and killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from grasp_ros.cli import nodes
from grasp_ros.share import share_directory

START, GOAL = np.array([0.2, -0.2]), np.array([-0.2, 0.2])
LIMIT = 60.0  # s that the loaded machine of a test run gets for what takes a second


class Running:
    """Simulator and planner as processes, and the demo's runner to talk with them."""

    def __init__(self, bundle):
        from grasp_ros.nodes.episode_runner import EpisodeRunner

        simulator = nodes.simulator_ros_arguments('gantry', 'maze', 1.0, '', 'gazebo')
        planner = nodes.planner_ros_arguments(
            'gantry', 'plan.yaml', str(bundle), True, 'joint_trajectory_controller', True, ''
        )
        self.simulator = self._start(nodes.SIMULATOR_NODE, simulator)
        self.planner = self._start(nodes.PLANNER_NODE, planner)
        self.runner = EpisodeRunner(('x_joint', 'y_joint'), 0.15)

    def _start(self, module, arguments):
        command = [sys.executable, '-m', module, *arguments]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def alive(self):
        for process in (self.simulator, self.planner):
            assert process.poll() is None, process.stderr.read()

    def gzserver(self):
        """Its process id: a descendant of the simulator node."""
        pids = [self.simulator.pid]
        while pids:
            pid = pids.pop()
            if Path(f'/proc/{pid}/comm').read_text().strip() == 'gzserver':
                return pid
            for task in Path(f'/proc/{pid}/task').iterdir():
                pids += map(int, (task / 'children').read_text().split())
        raise AssertionError('no gzserver below the simulator node')

    def head_for_the_goal(self):
        self.runner.wait_for_nodes(self.alive)
        image = self.runner._place(GOAL)
        self.runner._place(START)
        self.runner._goal_pub.publish(image)
        self.wait(lambda: self.plans() >= 3)

    def plans(self):
        return int(self.runner._status.get('plans', '0'))

    def wait(self, done):
        self.runner._wait(done, LIMIT, 'the nodes')

    def spin(self, duration):
        until = time.monotonic() + duration
        while time.monotonic() < until:
            self.runner._executor.spin_once(timeout_sec=0.05)

    def stop(self):
        for process in (self.simulator, self.planner):
            process.send_signal(signal.SIGINT)
        for process in (self.simulator, self.planner):
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self.runner.destroy_node()


@pytest.fixture
def running(gazebo_root, monkeypatch):
    bundle = share_directory() / 'models/gantry_maze'
    if not (bundle / 'model.yaml').is_file():
        pytest.skip(f'no model bundle in {bundle}')
    monkeypatch.setenv('ROS_DOMAIN_ID', str(1 + os.getpid() % 100))
    monkeypatch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    rclpy = pytest.importorskip('rclpy', reason='the ROS client library is not installed')
    rclpy.init()
    made = Running(bundle)
    yield made
    made.stop()
    rclpy.try_shutdown()


def test_stopped_and_woken_then_killed(running):
    running.head_for_the_goal()
    gzserver = running.gzserver()

    os.kill(gzserver, signal.SIGSTOP)
    running.spin(1.0)  # what is under way ends
    plans, now_ns = running.plans(), running.runner._now_ns
    running.spin(2.0)
    assert running.runner._now_ns == now_ns, 'the clock stands still'
    assert running.plans() == plans, 'nothing new to plan from'
    running.alive()

    os.kill(gzserver, signal.SIGCONT)
    running.wait(lambda: running.plans() >= plans + 3)
    assert running.runner._now_ns > now_ns

    os.kill(gzserver, signal.SIGKILL)
    assert running.simulator.wait(20) == 1
    said = running.simulator.stderr.read()
    assert 'gzserver has ended' in said or 'closed' in said, said
    running.spin(1.0)
    plans = running.plans()
    running.spin(1.0)
    assert running.plans() == plans and running.planner.poll() is None


def test_ends_with_its_node(running):
    running.runner.wait_for_nodes(running.alive)
    gzserver = running.gzserver()
    running.simulator.kill()  # not even a handler runs
    running.simulator.wait(10)
    until = time.monotonic() + 10
    while _runs(gzserver) and time.monotonic() < until:
        time.sleep(0.05)
    assert not _runs(gzserver)


def _runs(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False
