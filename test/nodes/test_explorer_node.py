# SPDX-License-Identifier: Apache-2.0
"""The explorer moves a robot about over ROS: within limits, away from what blocks it, or not."""

import contextlib
import os
import signal
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rig import COMMANDS, EVERYTHING, LATCHED, TIMEOUT, running, wait_until
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState
from trajectory_msgs.msg import JointTrajectory

from grasp_ros.nodes import messages
from grasp_ros.nodes.arguments import explorer_ros_arguments, simulator_ros_arguments
from grasp_ros.nodes.explorer import ExplorerNode
from grasp_ros.nodes.simulator_node import SimulatorNode
from grasp_ros.types import nanoseconds

PERIOD = 0.02  # s between joint states


class ExplorerRig:
    """A running explorer node and a simulated gantry, which moves only in `tick`."""

    def __init__(self, node, peer, end, gantry):
        self.node, self.peer, self.end, self.gantry = node, peer, end, gantry
        self._clock = peer.create_publisher(Clock, '/clock', EVERYTHING)
        self._joints = peer.create_publisher(JointState, 'joint_states', EVERYTHING)
        peer.listen(DiagnosticStatus, 'explorer/status', LATCHED)
        peer.listen(JointTrajectory, COMMANDS)
        self.statuses, self.trajectories = peer.heard.values()
        self.sent, self._applied = 0, 0
        self.positions, self.velocities, self.told = [], [], []
        publish = node.send

        def send(trajectory):
            self.sent += 1
            publish(trajectory)

        node.send = send
        for publisher in (self._clock, self._joints):
            wait_until(publisher.get_subscription_count, 'the explorer')
        wait_until(lambda: node.count_subscribers(COMMANDS) == 1, 'the controller to be seen')

    def said(self, text: str) -> bool:
        """Whether any ~/status had this text."""
        return any(text in status.message for status in self.statuses)

    def wait_for(self, text: str) -> None:
        """Until ~/status says so."""
        wait_until(
            lambda: self.said(text), f'{text!r}; heard {[s.message for s in self.statuses]}'
        )

    def move(self) -> None:
        """The gantry follows what it was told for a period."""
        wait_until(lambda: len(self.trajectories) == self.sent, 'what was sent to be heard')
        controller = self.gantry.controller
        for message in self.trajectories[self._applied :]:
            trajectory = messages.to_trajectory(message)
            assert controller.accept(trajectory, self.gantry.now_ns) is None
        self._applied = len(self.trajectories)
        for _ in range(round(PERIOD / self.gantry.control_step)):
            self.gantry.step()
        sample = self.gantry.joints()
        self.positions.append(sample.position)
        self.velocities.append(sample.velocity)
        self.told.append(controller.reference(self.gantry.now_ns))

    @property
    def behind(self) -> np.ndarray:
        """How far the gantry was from where it was told to be, at each period."""
        told = np.array([motion.position for motion in self.told])
        return np.abs(told - self.positions).max(axis=1)

    def tick(self, seconds: float = PERIOD, **joints) -> None:
        """Move, show the time and the joints; returns when the explorer has taken them in."""
        for _ in range(round(seconds / PERIOD)):
            self.move()
            self.set_clock()
            self.show_joints(**joints)

    def set_clock(self, jump: float = 0.0) -> None:
        """Publish /clock; returns when the explorer has it."""
        now_ns = self.gantry.now_ns + nanoseconds(jump)
        self._clock.publish(Clock(clock=messages.to_time(now_ns)))
        wait_until(
            lambda: self.node.get_clock().now().nanoseconds == now_ns, 'the clock to be set'
        )

    def show_joints(self, position=None) -> None:
        """Publish the gantry's joints, or others; returns when the explorer has taken them in."""
        sample = self.gantry.joints()
        message = messages.from_joints(sample, self.gantry.world.robot.joints)
        if position is not None:
            message.position = list(position)
        taken = []
        take = self.node._pilot.joints
        self.node._pilot.joints = lambda *fields: (take(*fields), taken.append(True))
        self._joints.publish(message)
        wait_until(lambda: taken, 'the joints to be seen')
        self.node._pilot.joints = take


@pytest.fixture
def start_explorer(gantry):
    """Starts explorer nodes: start_explorer(execute, speed) gives an ExplorerRig."""
    gantry.reset(np.array([-0.2, -0.2]))
    with contextlib.ExitStack() as stack:

        def start(execute: bool = True, speed: float = 1.0, seed: int = 0) -> ExplorerRig:
            controller = COMMANDS.split('/')[0]
            arguments = explorer_ros_arguments(
                'gantry', execute, speed, seed, controller, True, ''
            )
            make = partial(ExplorerNode, arguments)
            return ExplorerRig(*stack.enter_context(running(make, arguments)), gantry)

        yield start


@pytest.mark.parametrize('speed', [1.0, 0.4])
def test_it_moves_within_limits_at_its_speed(start_explorer, robot, speed):
    rig = start_explorer(speed=speed)
    rig.tick(8.0)
    told = np.array([motion.position for motion in rig.told])
    fast = np.abs([motion.velocity for motion in rig.told])
    assert (np.ptp(rig.positions, axis=0) > 0.06 * speed).all()
    assert (told >= np.array(robot.position_min) - 1e-3).all()
    assert (told <= np.array(robot.position_max) + 1e-3).all()
    assert 0.6 * speed < fast.max() / 0.15 < 1.001
    blocked = (rig.behind > 0.002).any()
    assert blocked or fast.max() / 0.15 < 1.001 * speed
    assert rig.statuses[-1].message.startswith('EXPLORING: ')


def test_it_leaves_what_blocks_it(start_explorer):
    rig = start_explorer(seed=1)
    until = 60.0
    while 'blocked 0' in (rig.statuses or [DiagnosticStatus(message='blocked 0')])[-1].message:
        rig.tick(0.5)
        until -= 0.5
        assert until > 0, 'never blocked in a minute of a maze'
    rig.tick(6.0)
    behind = rig.behind > 0.01
    assert behind.any()
    longest = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], behind, [0]]))))[::2].max()
    assert longest * PERIOD < 0.5, 'it presses for less than half a second'
    first = int(np.flatnonzero(behind)[0])
    away = np.abs(np.array(rig.positions[first : first + 150]) - rig.positions[first]).max()
    assert away > 0.02, 'and leaves'


def test_nothing_is_sent_before_it_may_execute(start_explorer):
    rig = start_explorer(execute=False)
    rig.tick(1.0)
    rig.wait_for('WAITING: not told to execute')
    assert rig.sent == 0
    assert rig.peer.set_parameter('explorer', 'exploration.execute', True)[0]
    rig.tick(1.0)
    assert rig.sent > 5
    assert rig.peer.set_parameter('explorer', 'exploration.execute', False)[0]
    sent = rig.sent
    rig.tick(1.0)
    assert rig.sent <= sent + 1 and np.abs(rig.velocities[-1]).max() < 1e-3


def move_on(rig) -> None:
    """Until the gantry moves."""
    rig.tick(0.6)
    while np.abs(rig.velocities[-1]).max() < 0.03:
        rig.tick()


def test_it_stops_when_told_to_end(start_explorer):
    rig = start_explorer()
    move_on(rig)
    sent = rig.sent
    assert rig.end()
    wait_until(lambda: len(rig.trajectories) == sent + 1, 'the stop')
    for _ in range(15):
        rig.move()
    assert np.abs(rig.velocities[-1]).max() < 1e-3
    assert not messages.to_trajectory(rig.trajectories[-1]).velocities[-1].any()


def test_joints_that_do_not_come_stop_it_until_they_do(start_explorer):
    rig = start_explorer()
    move_on(rig)
    for _ in range(30):
        rig.move()
    rig.set_clock()
    rig.wait_for('WAITING: no usable joint_states for 0.6 s')
    sent = rig.sent
    rig.move()
    assert np.abs(rig.velocities[-1]).max() < 1e-3
    rig.tick(1.0)
    assert rig.sent > sent + 3


def test_impossible_joints_are_a_fault_until_a_person_clears_it(start_explorer):
    rig = start_explorer()
    move_on(rig)
    for _ in range(3):
        rig.tick(position=[11.5, 0.0])
    rig.wait_for('FAULT: x_joint is measured at 11.5000')
    sent = rig.sent
    rig.tick(0.5)
    assert rig.sent == sent and np.abs(rig.velocities[-1]).max() < 1e-3
    assert rig.peer.call('explorer/clear_fault').message.startswith('cleared: x_joint')
    rig.tick(1.0)
    assert rig.sent > sent + 3


def test_it_does_not_share_a_controller(start_explorer):
    rig = start_explorer()
    move_on(rig)
    other = rig.peer.create_publisher(JointTrajectory, COMMANDS, 1)
    wait_until(lambda: rig.node.count_publishers(COMMANDS) == 2, 'the other publisher')
    rig.tick(0.5)
    rig.wait_for(f'HOLDING: /peer publishes to /{COMMANDS}, too')
    assert np.abs(rig.velocities[-1]).max() < 1e-3
    rig.peer.destroy_publisher(other)


def test_the_command_explores_a_simulated_robot_and_ends_on_sigint(own_domain, tmp_path):
    with running(SimulatorNode, simulator_ros_arguments('maze', 2.0, '')) as (_, peer, _):
        peer.listen(JointState, 'joint_states')
        peer.listen(DiagnosticStatus, 'explorer/status', LATCHED)
        command = ['explore', '--robot', 'gantry', '--execute', '--use-sim-time']
        with (tmp_path / 'log').open('w') as log:
            process = subprocess.Popen(
                [sys.executable, '-m', 'grasp_ros.cli.main', *command],
                env=dict(os.environ),
                stdout=log,
                stderr=log,
            )
            try:
                states = peer.heard['joint_states']

                def travelled() -> bool:
                    seen = np.array([state.position for state in states[:]])
                    return len(seen) > 1 and np.ptp(seen, axis=0).max() > 0.05

                wait_until(travelled, f'motion; {(tmp_path / "log").read_text()}', 2 * TIMEOUT)
                process.send_signal(signal.SIGINT)
                assert process.wait(TIMEOUT) == 0, (tmp_path / 'log').read_text()
            finally:
                process.kill()
                process.wait(TIMEOUT)
        count = len(states)
        wait_until(lambda: len(states) > count + 30, 'the robot to rest')
        rest = np.array([state.position for state in states[count + 20 :]])
        assert np.ptp(rest, axis=0).max() < 1e-3
    assert 'Traceback' not in (tmp_path / 'log').read_text()
