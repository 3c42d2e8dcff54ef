# SPDX-License-Identifier: Apache-2.0
"""The two nodes of the demo, while the real gzserver is stopped, woken, reset, slow and killed."""

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from grasp_ros.control.states import PLANNING, REACHED, WAITING
from grasp_ros.nodes.arguments import (
    PLANNER_NODE,
    SIMULATOR_NODE,
    planner_ros_arguments,
    simulator_ros_arguments,
)
from grasp_ros.share import share_directory
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import seconds

START, GOAL = np.array([0.2, -0.2]), np.array([-0.2, 0.2])
NEAR = np.array([0.2, -0.1])
LIMIT = 60.0  # s that the loaded machine of a test run gets for what takes a second


class Running:
    """Simulator and planner as processes, and the demo's runner to talk with them."""

    def __init__(self, bundle):
        from rosgraph_msgs.msg import Clock

        from grasp_ros.nodes import qos
        from grasp_ros.nodes.episode_runner import EpisodeRunner

        planner = planner_ros_arguments(
            'gantry', 'plan.yaml', str(bundle), True, 'joint_trajectory_controller', True, ''
        )
        self.planner = self._start(PLANNER_NODE, planner)
        self.runner = EpisodeRunner(load_world('maze'), {'image': 'image'})
        self.clock_s = []  # as it was seen
        self.runner.create_subscription(Clock, '/clock', self._on_clock, qos.CAMERA)

    def _on_clock(self, message):
        self.clock_s.append(message.clock.sec + message.clock.nanosec * 1e-9)

    def start_simulator(self, real_time_factor=1.0):
        arguments = simulator_ros_arguments('maze', real_time_factor, '', 'gazebo')
        self.simulator = self._start(SIMULATOR_NODE, arguments)
        self.runner.wait_for_nodes()

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

    def head_for(self, goal):
        """Until the robot is under way from START."""
        image = self.runner.place(goal)
        self.runner.place(START)
        plans = self.plans()
        self.runner.send_goal(image)
        self.wait(lambda: self.plans() >= plans + 3)

    def reach(self, goal):
        """Until the planner says so, and it is true."""
        self.wait(lambda: self.state() == REACHED)
        self.spin(0.5)
        assert np.linalg.norm(self.runner.state - goal) < 0.025

    def plans(self):
        return int(self.runner.status.get('plans', '0'))

    def state(self):
        return self.runner.status.get('state')

    def has_begun_anew(self, seen):
        """Whether the clock went back after so many messages of it."""
        return any(later < earlier for earlier, later in pairwise(self.clock_s[seen - 1 :]))

    def wait(self, done):
        self.runner.wait(done, LIMIT, 'the nodes')

    def spin(self, duration):
        until = time.monotonic() + duration
        self.runner.wait(lambda: time.monotonic() > until, LIMIT, 'time to pass')

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


def test_stopped_and_woken_then_killed_and_started_again(running):
    running.start_simulator()
    running.head_for(GOAL)
    gzserver = running.gzserver()

    os.kill(gzserver, signal.SIGSTOP)
    running.spin(1.0)  # what is under way ends
    plans, now_ns = running.plans(), running.runner.now_ns
    running.spin(3.5)
    assert running.runner.now_ns == now_ns, 'the clock stands still'
    assert running.state() == WAITING, 'and the planner says so'
    assert running.plans() == plans, 'nothing new to plan from'
    running.alive()

    os.kill(gzserver, signal.SIGCONT)
    running.wait(lambda: running.plans() >= plans + 3)
    assert running.runner.now_ns > now_ns and running.state() == PLANNING

    os.kill(gzserver, signal.SIGKILL)
    assert running.simulator.wait(20) == 1
    said = running.simulator.stderr.read()
    assert 'gzserver has ended' in said, said
    running.spin(1.0)
    plans = running.plans()
    running.wait(lambda: running.state() == WAITING)
    running.spin(1.0)
    assert running.plans() == plans and running.planner.poll() is None

    seen = len(running.clock_s)
    running.start_simulator()
    running.wait(lambda: running.has_begun_anew(seen))  # its clock may be found after its images
    running.head_for(NEAR)
    running.reach(NEAR)


def test_reset_on_the_way(running):
    running.start_simulator()
    running.head_for(NEAR)
    running.runner.place(np.array([0.2, 0.1]))
    running.reach(NEAR)


def test_slow_simulation(running):
    running.start_simulator(real_time_factor=0.2)
    running.head_for(NEAR)
    begin, began_ns = time.monotonic(), running.runner.now_ns
    running.reach(NEAR)
    rate = seconds(running.runner.now_ns - began_ns) / (time.monotonic() - begin)
    assert 0.1 < rate < 0.21


def test_ends_with_its_node(running):
    running.start_simulator()
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
