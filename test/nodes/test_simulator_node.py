# SPDX-License-Identifier: Apache-2.0
"""The simulator node looks to ROS like a robot with its controller and camera, in any engine."""

import time
from dataclasses import replace

import numpy as np
import pytest
from rcl_interfaces.msg import Log
from rig import COMMANDS, EVERYTHING, running, wait_until
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from grasp_ros.nodes import messages
from grasp_ros.nodes.arguments import simulator_ros_arguments
from grasp_ros.nodes.simulator_node import SimulatorNode
from grasp_ros.share import share_directory
from grasp_ros.types import NS, BadInput, JointTrajectory, nanoseconds, seconds

JOINTS = ('x_joint', 'y_joint')
TOPICS = {
    '/clock': Clock,
    'joint_states': JointState,
    'simulator/state': JointState,
    'simulator/reference': JointState,
    'image': Image,
}
HOME = np.array([-0.2, -0.2])
MM = 0.001
SPAN = 0.8  # s of a move
STEP = {'mujoco': 0.01, 'gazebo': 0.02}  # s, of the clock
EXACT = {'mujoco': 0.1 * MM, 'gazebo': 0.2 * MM}  # Gazebo's joints are driven to where they start


class SimulatorRig:
    """A running simulator node, and ears on its topics."""

    def __init__(self, node, peer, engine: str):
        self.node, self.peer = node, peer
        self.step, self.exact = STEP[engine], EXACT[engine]
        for topic, kind in TOPICS.items():
            peer.listen(kind, topic)
        self._commands = peer.create_publisher(JointTrajectoryMessage, COMMANDS, EVERYTHING)
        wait_until(lambda: all(peer.heard.values()), 'all topics')
        peer.listen(Log, '/rosout')
        wait_until(self._commands.get_subscription_count, 'the controller')

    @property
    def position(self):
        """Where the joints were last seen."""
        return np.array(self.peer.heard['joint_states'][-1].position)

    def wait_for_joint_states(self, count: int) -> None:
        """Until so many more have come."""
        states = self.peer.heard['joint_states']
        enough = len(states) + count
        wait_until(lambda: len(states) >= enough, f'{count} joint states')

    def place(self, position) -> None:
        """Reset the robot to a position; returns when it is seen there."""
        assert self.peer.set_parameter('simulator', 'simulator.start', list(position))[0]
        answer = self.peer.call('simulator/reset')
        assert answer.success
        wait_until(lambda: messages.stamp_ns(self.newest()) >= int(answer.message), 'the reset')

    def newest(self, topic: str = 'joint_states'):
        """The last message of a topic."""
        return self.peer.heard[topic][-1]

    def send(self, trajectory: JointTrajectory) -> None:
        """A command to the controller."""
        self.send_message(messages.from_trajectory(trajectory))

    def send_message(self, message: JointTrajectoryMessage) -> None:
        """A command to the controller, right or wrong."""
        self._commands.publish(message)

    def logged(self, text: str) -> bool:
        """Whether the node has logged this."""
        return any(text in log.msg for log in self.peer.heard['/rosout'])


@pytest.fixture(scope='module')
def slow_camera(tmp_path_factory):
    """The maze's file, beside a simulator's file with images at 10 Hz."""
    config, folder = share_directory() / 'config', tmp_path_factory.mktemp('slow')
    text = (config / 'simulators/gantry.yaml').read_text()
    (folder / 'slow.yaml').write_text(text.replace('rate: 20.0', 'rate: 10.0'))
    text = (config / 'worlds/maze.yaml').read_text()
    world = folder / 'maze.yaml'
    world.write_text(text.replace('task:', 'simulator: slow\ntask:'))
    return world


@pytest.fixture(scope='module', params=STEP)
def simulator(request, own_domain, slow_camera):
    """One node for all tests of an engine: they leave it usable."""
    if request.param == 'gazebo':
        package = 'grasp_ros_gazebo.classic.root'
        root = pytest.importorskip(package, reason='no Gazebo: see scripts/gazebo')
        try:
            root.find()
        except BadInput as error:
            pytest.skip(str(error))
    arguments = simulator_ros_arguments(str(slow_camera), 1.0, '', request.param)
    with running(SimulatorNode, arguments) as (node, peer, _):
        yield SimulatorRig(node, peer, request.param)


@pytest.fixture
def at_home(simulator):
    """The simulator with its robot in the free corner of the maze."""
    simulator.place(HOME)
    return simulator


def move(goal=(0.0, 0.05)) -> JointTrajectory:
    """Motion from HOME to rest, starting on receipt."""
    positions = np.stack([HOME, HOME + goal])
    times = np.array([nanoseconds(0.1), nanoseconds(0.1 + SPAN)])
    return JointTrajectory(JOINTS, 0, times, positions, np.zeros((2, 2)))


def test_clock_advances_step_by_step(simulator):
    wait_until(lambda: len(simulator.peer.heard['/clock']) > 50, 'the clock')
    ticks = [m.clock.sec * 10**9 + m.clock.nanosec for m in simulator.peer.heard['/clock'][:50]]
    assert ticks[0] > 0 and set(np.diff(ticks)) == {nanoseconds(simulator.step)}


def test_a_stall_is_not_made_up_for(simulator):
    robot, ended = simulator.node._robot, []
    step = robot.step

    def stall() -> None:
        time.sleep(0.5)
        robot.step = step
        ended.append((time.monotonic(), robot.now_ns))
        step()

    robot.step = stall
    wait_until(lambda: ended, 'the stall')
    time.sleep(0.1)
    ((begin, begin_ns),) = ended
    simulated = seconds(robot.now_ns - begin_ns)
    assert 0 < simulated <= time.monotonic() - begin + 0.06


@pytest.mark.parametrize('topic, period', [('joint_states', 0.02), ('image', 0.1)])
def test_topics_come_at_their_rates(simulator, topic, period):
    heard = simulator.peer.heard[topic]
    wait_until(lambda: len(heard) >= 8, topic)
    assert set(np.diff([messages.stamp_ns(m) for m in heard[:8]])) == {nanoseconds(period)}


def test_images_are_whole_and_stamped_by_the_camera(simulator):
    image = simulator.newest('image')
    assert messages.to_rgb(image).shape == (64, 64, 3)
    assert image.header.frame_id == 'overhead_camera_optical_frame'


def test_joint_states_name_the_joints(simulator):
    state = simulator.newest()
    assert tuple(state.name) == JOINTS and len(state.position) == len(state.velocity) == 2
    truth = simulator.newest('simulator/state')
    assert tuple(truth.name) == JOINTS and len(truth.position) == 2


def test_compressed_image_is_the_raw_one(simulator):
    simulator.peer.listen(CompressedImage, 'image/compressed')
    compressed = simulator.peer.heard['image/compressed']
    wait_until(lambda: len(compressed) >= 2, 'compressed images')
    stamp = messages.stamp_ns(compressed[1])

    def raw():
        return [m for m in simulator.peer.heard['image'] if messages.stamp_ns(m) == stamp]

    wait_until(raw, 'the raw image')
    assert np.array_equal(messages.to_rgb(compressed[1]), messages.to_rgb(raw()[0]))


@pytest.mark.parametrize('position', [(0.2, 0.2), (-0.2, -0.2)])
def test_reset_places_the_robot(simulator, position):
    simulator.place(position)
    np.testing.assert_allclose(simulator.position, position, atol=simulator.exact)


@pytest.mark.parametrize('position', [[0.3, 0.0], [0.0, float('nan')]])
def test_refuses_reset_outside_the_limits(at_home, position):
    taken, _ = at_home.peer.set_parameter('simulator', 'simulator.start', position)
    answer = at_home.peer.call('simulator/reset') if taken else None
    assert answer is None or (not answer.success and 'not within' in answer.message)
    at_home.wait_for_joint_states(8)
    np.testing.assert_allclose(at_home.position, HOME, atol=at_home.exact)


def test_refuses_start_of_another_robot(at_home):
    assert at_home.peer.set_parameter('simulator', 'simulator.start', [0.0] * 3)[0]
    answer = at_home.peer.call('simulator/reset')
    assert not answer.success and "expected 2 values, ('x_joint', 'y_joint')" in answer.message


def test_refuses_to_change_the_world(simulator):
    taken, reason = simulator.peer.set_parameter('simulator', 'simulator.world', 'wall')
    assert not taken and 'read-only' in reason


def test_follows_a_trajectory(at_home):
    at_home.send(move())
    wait_until(lambda: at_home.position[1] > HOME[1] + 0.049, 'the robot to arrive')
    at_home.wait_for_joint_states(25)
    np.testing.assert_allclose(at_home.position, HOME + (0.0, 0.05), atol=0.5 * MM)


def test_tells_each_step_of_what_it_commands(at_home):
    heard = at_home.peer.heard['simulator/reference']
    heard.clear()
    at_home.send(move())
    wait_until(lambda: heard and heard[-1].position[1] == HOME[1] + 0.05, 'the end')
    steps = np.diff([messages.stamp_ns(m) for m in heard])
    assert steps.min() == nanoseconds(at_home.step)  # a busy machine may lose some
    way = np.array([m.position for m in heard])
    np.testing.assert_allclose(way[0], HOME, atol=at_home.exact)
    # From rest to rest the controller's cubic is 1.5 times as fast in the middle.
    fastest = (np.diff(way[:, 1]) / steps * NS).max()
    assert fastest == pytest.approx(1.5 * 0.05 / SPAN, rel=0.05)


@pytest.mark.parametrize(
    'changes, reason',
    [
        ({'joints': ('x_joint', 'elbow')}, "['x_joint', 'elbow'] are not"),
        ({'velocities': np.ones((2, 2))}, 'velocity at the last point'),
        ({'start_ns': 1}, 'in the past'),
        ({'times_ns': np.array([2, 1])}, 'not strictly increasing'),
        ({'accelerations': np.zeros((2, 1))}, 'accelerations have shape'),
    ],
)
def test_rejects_bad_trajectory_and_holds(at_home, changes, reason):
    at_home.send(replace(move((0.0, 0.1)), **changes))
    wait_until(lambda: at_home.logged(reason), f'{reason!r} in the log')
    at_home.wait_for_joint_states(25)
    np.testing.assert_allclose(at_home.position, HOME, atol=at_home.exact)


def test_rejects_efforts_and_holds(at_home):
    message = messages.from_trajectory(move())
    message.points[0].effort = [1.0, 1.0]
    at_home.send_message(message)
    wait_until(lambda: at_home.logged('effort is given'), 'the reason in the log')
    at_home.wait_for_joint_states(25)
    np.testing.assert_allclose(at_home.position, HOME, atol=at_home.exact)
