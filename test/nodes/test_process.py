# SPDX-License-Identifier: Apache-2.0
"""The nodes as processes: bad files end them with code 2 and the reason, signals with code 0."""

import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
import rclpy
import yaml
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.signals import SignalHandlerOptions
from rig import COMMANDS, LATCHED, TIMEOUT, Peer, wait_until
from trajectory_msgs.msg import JointTrajectory

from grasp_ros.nodes.arguments import planner_ros_arguments, simulator_ros_arguments
from grasp_ros.nodes.signals import SIGNALS

PLANNER, SIMULATOR = 'grasp_ros.nodes.planner_node', 'grasp_ros.nodes.simulator_node'
END = 2.0  # s from a signal to the end of the process


@pytest.fixture(scope='module')
def peer(own_domain):
    """Listens to all that a planner says and sends."""
    rclpy.init(signal_handler_options=SignalHandlerOptions.NO)
    peer, executor = Peer(), SingleThreadedExecutor()
    peer.listen(JointTrajectory, COMMANDS)
    peer.listen(JointTrajectory, 'planner/plan')
    peer.listen(DiagnosticStatus, 'planner/status', LATCHED)
    executor.add_node(peer)
    thread = threading.Thread(target=executor.spin)
    thread.start()
    yield peer
    executor.shutdown()
    thread.join(TIMEOUT)
    peer.destroy_node()
    rclpy.try_shutdown()


@pytest.fixture
def planner_arguments(bundle):
    """Arguments with which the planner starts."""
    return planner_ros_arguments('gantry', 'plan.yaml', str(bundle), True, 'c', False, '')


@pytest.fixture
def copied(bundle, tmp_path):
    """A copy of the bundle, to be damaged."""
    return shutil.copytree(bundle, tmp_path / 'copied')


def refusal(peer: Peer, module: str, arguments: list[str]) -> str:
    """What a node says on stderr when it ends with code 2, nothing published."""
    before = {topic: len(messages) for topic, messages in peer.heard.items()}
    command = [sys.executable, '-m', module, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 2, done.stderr
    assert 'Traceback' not in done.stderr
    assert {topic: len(messages) for topic, messages in peer.heard.items()} == before
    return done.stderr


def parameter_file(path, values) -> list[str]:
    """Arguments for a parameter file of these values."""
    path.write_text(yaml.safe_dump({'/**': {'ros__parameters': values}}))
    return ['--params-file', str(path)]


@pytest.mark.parametrize(
    'text, reason',
    [
        ('/**: {ros__parameters: {control: {replan_period: -1.0}}}', '-1.0 is below 0.01'),
        ('/**: {ros__parameters: {control: {replan_perid: 1.0}}}', 'control.replan_perid'),
        ('/**: {ros__parameters: {controll: {execute: true}}}', 'control.execute is one'),
        (
            '/**: {ros__parameters: {planner: {horizon: 1000000000}}}',
            '1000000000 steps, above 10000',
        ),
        ('/**: {ros__parameters: {control: {execute: [1, }', 'mine.yaml'),
        ('root:x:0:0:root:/root:/bin/bash', 'mine.yaml: expected node keys'),
    ],
    ids=['bad_value', 'misspelt_name', 'misspelt_group', 'horizon', 'unparsable', 'no_yaml_map'],
)
def test_planner_refuses_parameter_file(peer, planner_arguments, tmp_path, text, reason):
    (tmp_path / 'mine.yaml').write_text(text)
    arguments = [*planner_arguments, '--params-file', str(tmp_path / 'mine.yaml')]
    assert reason in refusal(peer, PLANNER, arguments)


@pytest.mark.parametrize(
    'assignment, reason',
    [
        ('control.replan_period:=fast', "control.replan_period: 'fast' is str"),
        ('planner.deadline:=[1.0,2.0]', 'planner.deadline: [1.0, 2.0] is list'),
        ('control.execute:=1', 'control.execute: 1 is int'),
        ('robot.joints:=[]', 'robot.joints: [] is empty'),
    ],
)
def test_planner_refuses_value_that_ros_would_lose(peer, planner_arguments, assignment, reason):
    assert reason in refusal(peer, PLANNER, [*planner_arguments, '-p', assignment])


def test_planner_refuses_value_that_a_file_for_this_node_hides(peer, planner_arguments, tmp_path):
    (tmp_path / 'mine.yaml').write_text('planner: {ros__parameters: {control: {execute: true}}}')
    arguments = [*planner_arguments, '--params-file', str(tmp_path / 'mine.yaml')]
    reason = refusal(peer, PLANNER, [*arguments, '-p', 'control.execute:=false'])
    assert 'control.execute: False is asked for, and ROS takes True' in reason


def test_planner_refuses_missing_parameter_file(peer, planner_arguments, tmp_path):
    arguments = [*planner_arguments, '--params-file', str(tmp_path / 'none.yaml')]
    assert 'none.yaml' in refusal(peer, PLANNER, arguments)


def test_planner_refuses_robot_that_the_bundle_does_not_know(peer, planner_arguments, tmp_path):
    names = parameter_file(tmp_path / 'other.yaml', {'robot': {'joints': ['a', 'b']}})
    reason = refusal(peer, PLANNER, [*planner_arguments, *names])
    assert "['x_joint', 'y_joint']" in reason and "['a', 'b']" in reason


def test_planner_refuses_missing_bundle(peer, planner_arguments, tmp_path):
    arguments = [*planner_arguments, '-p', f'model.bundle:={tmp_path}/none']
    assert f'{tmp_path}/none' in refusal(peer, PLANNER, arguments)


def test_planner_refuses_tampered_bundle(peer, planner_arguments, copied):
    content = bytearray((copied / 'encoder.onnx').read_bytes())
    content[len(content) // 2] ^= 1
    (copied / 'encoder.onnx').write_bytes(content)
    reason = refusal(peer, PLANNER, [*planner_arguments, '-p', f'model.bundle:={copied}'])
    assert 'encoder.onnx' in reason and 'sha256' in reason and f'{len(content)} bytes' in reason


def test_planner_refuses_bundle_that_lacks_a_file(peer, planner_arguments, copied):
    (copied / 'memory.safetensors').unlink()
    reason = refusal(peer, PLANNER, [*planner_arguments, '-p', f'model.bundle:={copied}'])
    assert 'memory.safetensors is missing' in reason


def test_planner_refuses_to_run_without_the_required_provider(peer, planner_arguments):
    arguments = [*planner_arguments, '-p', 'model.providers:=[NoSuchExecutionProvider]']
    reason = refusal(peer, PLANNER, [*arguments, '-p', 'model.require_provider:=true'])
    assert 'NoSuchExecutionProvider' in reason and 'CPUExecutionProvider' in reason


@pytest.mark.parametrize(
    'parameter, reason',
    [
        ('simulator.world:=nowhere', 'nowhere.yaml'),
        ('simulator.start:=[0.5, 0.0]', 'not within'),
    ],
)
def test_simulator_refuses(peer, parameter, reason):
    arguments = simulator_ros_arguments('wall', 1.0, '')
    assert reason in refusal(peer, SIMULATOR, [*arguments, '-p', parameter])


@pytest.mark.parametrize('number', SIGNALS)
def test_signal_ends_the_planner_in_order(peer, planner_arguments, number):
    heard = len(peer.heard['planner/status'])
    process = subprocess.Popen([sys.executable, '-m', PLANNER, *planner_arguments])
    try:
        wait_until(lambda: len(peer.heard['planner/status']) > heard, 'the planner')
        sent = time.monotonic()
        process.send_signal(number)
        assert process.wait(TIMEOUT) == 0
        assert time.monotonic() - sent < END
    finally:
        process.kill()
    wait_until(lambda: peer.count_publishers('/diagnostics') == 0, 'the planner to be gone')


@pytest.mark.parametrize('delay', [0.15, 0.5, 1.0, 1.5, 2.0])
def test_signal_while_the_planner_starts_is_no_traceback(planner_arguments, delay):
    command = [sys.executable, '-m', PLANNER, *planner_arguments]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(delay)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0 and 'Traceback' not in errors


def test_signal_ends_the_simulator_in_order(peer):
    arguments = simulator_ros_arguments('wall', 1.0, '')
    process = subprocess.Popen([sys.executable, '-m', SIMULATOR, *arguments])
    try:
        wait_until(lambda: peer.count_publishers('/clock') == 1, 'the simulator')
        sent = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) == 0
        assert time.monotonic() - sent < END
    finally:
        process.kill()
