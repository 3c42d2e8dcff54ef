# SPDX-License-Identifier: Apache-2.0
"""Another robot, other cameras and another task are files: nothing in the package knows them."""

import numpy as np
import pytest
import swing
import yaml
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rig import COMMANDS, EVERYTHING, LATCHED, running, wait_until
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from grasp_ros.bench.episodes import summary
from grasp_ros.cli import demo
from grasp_ros.nodes import messages
from grasp_ros.nodes.arguments import simulator_ros_arguments
from grasp_ros.nodes.episode_runner import EpisodeRunner
from grasp_ros.nodes.simulator_node import SimulatorNode
from grasp_ros.sim.explore import explore, velocity_command
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import BadInput, JointTrajectory, nanoseconds
from grasp_ros.viz.episodes import ROW, SIDE, SIZE, save

SPEED = 0.5  # rad/s of the planner that the test plays


@pytest.fixture(scope='module')
def world_file(tmp_path_factory):
    """The world's file, as a user would write it."""
    return swing.write(tmp_path_factory.mktemp('yard'))


@pytest.fixture
def robot(world_file):
    """The arm in MuJoCo."""
    robot = MujocoRobot(load_world(str(world_file)))
    yield robot
    robot.close()


def turn(robot, angle, seconds):
    """Drive the arm through its controller."""
    times = np.array([nanoseconds(seconds)])
    there = JointTrajectory(('hinge',), robot.now_ns, times, np.array([[angle]]))
    assert robot.controller.accept(there, robot.now_ns) is None
    for _ in range(round((seconds + 0.5) / robot.control_step)):
        robot.step()


def test_state_is_joints_and_objects(robot):
    assert robot.world.states == ('hinge', 'puck_x')
    robot.reset(np.array([-0.5, 0.3]))
    turn(robot, 0.2, 2.0)
    assert robot.joints().position == pytest.approx([0.2], abs=0.01)
    assert robot.state() == pytest.approx([0.2, 0.3], abs=0.01)
    task = robot.world.task
    assert task.words(task.error(robot.state(), np.array([0.5, 0.0]))) == '0.30 rad'


def test_objects_are_moved_by_the_robot(robot):
    robot.reset(np.array([0.0, 0.1]))
    turn(robot, 1.4, 4.0)
    angle, puck = robot.state()
    assert angle == pytest.approx(1.4, abs=0.1) and puck < 0.05, 'pushed along its rail'


@pytest.mark.parametrize('state', [[0.0], [2.0, 0.0], [0.0, np.nan]])
def test_refuses_a_state_that_cannot_be(robot, state):
    with pytest.raises(BadInput, match='reset to'):
        robot.reset(np.array(state))


def test_every_camera_has_its_size(robot):
    assert robot.render('side').shape == (64, 96, 3)
    assert robot.render('above').shape == (32, 32, 3)


def test_exploration_moves_within_the_limits(robot):
    class Recorder:
        positions, frames = [], []

        def frame(self, frame):
            self.frames.append(frame.rgb)

        def joints(self, sample):
            self.positions.append(sample.position)

        def trajectory(self, trajectory, received_ns):
            assert trajectory.joints == ('hinge',)

    for _ in explore(robot, velocity_command(robot, 0.1), Recorder(), 40, seed=3):
        pass
    assert np.ptp(Recorder.positions) > 0.2 and np.abs(Recorder.positions).max() < 1.51
    assert Recorder.frames[0].shape == (64, 96, 3)


def test_collect_records_every_camera(world_file, tmp_path):
    pytest.importorskip('rosbags', reason='grasp_ros[train] is not installed')
    from rosbags.highlevel import AnyReader

    from grasp_ros.cli.main import main

    bag = tmp_path / 'bag'
    assert main(['collect', str(bag), '--world', str(world_file), '--steps', '5']) == 0
    with AnyReader([bag]) as reader:
        counts = {one.topic: one.msgcount for one in reader.connections}
    commands = counts.pop('/joint_trajectory_controller/joint_trajectory')
    assert counts == {'/side/compressed': 5, '/above/compressed': 5, '/joint_states': 25}
    assert commands > 2


def test_demo_shows_the_planner_the_worlds_camera(world_file, bundle):
    assert demo._cameras(bundle, load_world(str(world_file))) == {'image': 'side'}
    assert demo._cameras(bundle, load_world('maze')) == {'image': 'image'}


def seeing(bundle, folder, names):
    """The manifest of a bundle as if it had been trained on cameras of these names."""
    seen = yaml.safe_load((bundle / 'model.yaml').read_text())
    seen['inputs'] = dict.fromkeys(names, seen['inputs']['image'])
    seen['trust']['pictures'] = dict.fromkeys(names, seen['trust']['pictures']['image'])
    (folder / 'model.yaml').write_text(yaml.safe_dump(seen, sort_keys=False))
    return folder


@pytest.mark.parametrize(
    ('known', 'chosen'),
    [
        (['above'], {'above': 'above'}),
        (['image', 'side'], {'image': 'above', 'side': 'side'}),
        (['front', 'top'], {'front': 'side', 'top': 'above'}),
    ],
)
def test_cameras_go_by_name_and_then_in_order(world_file, bundle, tmp_path, known, chosen):
    other = seeing(bundle, tmp_path, known)
    assert demo._cameras(other, load_world(str(world_file))) == chosen


def test_demo_refuses_a_bundle_of_more_cameras_than_there_are(bundle, tmp_path):
    other = seeing(bundle, tmp_path, ['image', 'side'])
    with pytest.raises(BadInput, match=r"\['image', 'side'\], world maze has only \['image'\]"):
        demo._cameras(other, load_world('maze'))


class Planner:
    """What the runner hears of a planner; it knows each goal's state, and drives there."""

    def __init__(self, peer, task):
        self._task, self._goal_number, self.goal, self.images = task, 0, None, []
        self._status = peer.create_publisher(DiagnosticStatus, 'planner/status', LATCHED)
        self._commands = peer.create_publisher(JointTrajectoryMessage, COMMANDS, EVERYTHING)
        for name in ('cancel', 'clear_fault'):
            peer.create_service(Trigger, f'planner/{name}', self._answer)
        peer.create_subscription(Image, 'planner/goal_image', self._on_goal, EVERYTHING)
        peer.create_subscription(JointState, 'simulator/state', self._on_state, EVERYTHING)
        self._say('WAITING')
        wait_until(self._commands.get_subscription_count, 'the controller')

    def _answer(self, _, response):
        self.goal = None
        response.success = True
        return response

    def _on_goal(self, message):
        self._goal_number += 1
        self.goal = self.next_goals.pop(0)
        self.images.append(messages.to_rgb(message))
        angle = self.goal[0]
        times = np.array([nanoseconds(1.0 + 2.0 / SPEED)])
        there = JointTrajectory(('hinge',), 0, times, np.array([[angle]]))
        self._commands.publish(messages.from_trajectory(there))
        self._say('PLANNING')

    def _on_state(self, message):
        if self.goal is None:
            return
        error = self._task.error(np.array(message.position), self.goal)
        self._say('REACHED' if error < 0.01 else 'PLANNING')

    def _say(self, state):
        values = {'state': state, 'goal': str(self._goal_number)}
        pairs = [KeyValue(key=key, value=value) for key, value in values.items()]
        self._status.publish(DiagnosticStatus(name='planner', values=pairs))


def test_episodes_are_run_judged_and_drawn(world_file, own_domain, tmp_path):
    world = load_world(str(world_file))
    with running(SimulatorNode, simulator_ros_arguments(str(world_file), 4.0, '')) as (_, peer, _):
        peer.listen(CompressedImage, 'above/compressed')
        planner, runner = Planner(peer, world.task), EpisodeRunner(world, {'image': 'side'})
        runner.wait_for_nodes()
        episodes = []
        for problem in world.task.sample(2, seed=1):
            planner.next_goals = [problem.start, problem.goal]  # held there first
            episodes.append(runner.run(problem))
        wait_until(lambda: peer.heard['above/compressed'], 'the second camera')
        runner.destroy_node()
    assert all(episode.success and episode.reached for episode in episodes)
    for episode, seen in zip(episodes, planner.images[1::2], strict=True):
        assert np.array_equal(episode.goal_image, seen) and seen.shape == (64, 96, 3)
        assert episode.path.shape[1] == 2 and len(episode.path) > 10
        assert episode.path[0] == pytest.approx(episode.start, abs=0.05)
        assert episode.path[:, 1] == pytest.approx(0.3, abs=0.01)
    report = summary(episodes, world=world.name)
    assert report['successes'] == 2 and report['time_over_shortest_median'] > 1
    assert [run['shortest_time'] for run in report['runs']] == pytest.approx(
        [abs(episode.goal[0] - episode.start[0]) for episode in episodes], abs=1e-3
    )
    sheet, film, *pictures = save(
        episodes, world, 'mujoco', tmp_path, 'yard', [None] * len(episodes)
    )
    import imageio.v2 as imageio

    assert imageio.imread(pictures[0]).shape == (SIZE + ROW, SIZE * 3 // 2 + SIDE, 3)
    assert film.stat().st_size > 5_000 and sheet.is_file()
