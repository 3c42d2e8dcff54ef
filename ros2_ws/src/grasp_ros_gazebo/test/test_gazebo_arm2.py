# SPDX-License-Identifier: Apache-2.0
"""The two-link arm in the real Gazebo 11: revolute joints move, stop and look as in MuJoCo."""

import numpy as np
import pytest

from grasp_ros.control.trajectory import from_actions
from grasp_ros.robot.limits import Limits
from grasp_ros.sim.explore import velocity_command
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world

DT = 0.1  # s, model step
PLACES = ([0.3, 0.1], [-1.2, 2.4], [0.8, 1.0], [-0.7, -1.5])


@pytest.fixture(scope='module')
def robot(make):
    return make('arm2')


@pytest.fixture(scope='module')
def twin():
    """The same in MuJoCo."""
    robot = MujocoRobot(load_world('arm2'))
    yield robot
    robot.close()


def follow(robot, start, actions):
    """One action (A,) a model step from `start`: distances from the reference, and positions."""
    robot.reset(np.array(start))
    config, command = robot.world.robot, velocity_command(robot, DT)
    behind, positions = [], []
    for action in actions:
        reference = robot.controller.reference(robot.now_ns)
        trajectory = from_actions(
            np.array([action]), reference, robot.now_ns, command, Limits.of(config), config.joints
        )
        assert robot.controller.accept(trajectory, robot.now_ns) is None
        for _ in range(round(DT / robot.control_step)):
            robot.step()
            wanted = robot.controller.reference(robot.now_ns).position
            behind.append(np.abs(robot.joints().position - wanted))
        positions.append(robot.joints().position)
    return np.array(behind), np.array(positions)


def middles(rgb):
    """Row and column of the middles of the red and of the blue link."""
    pixels = rgb.astype(int)
    found = []
    for channel in (0, 2):
        others = np.delete(pixels, channel, axis=2).max(axis=2)
        found.append(np.argwhere(pixels[..., channel] - others > 50).mean(axis=0))
    return np.array(found)


@pytest.mark.parametrize('place', PLACES)
def test_a_reset_is_exact_and_the_image_is_mujocos(robot, twin, place):
    for one in (robot, twin):
        one.reset(np.array(place))
    assert robot.joints().position == pytest.approx(place, abs=2e-4)
    ours, theirs = robot.render(), twin.render()
    assert ours.shape == theirs.shape == (64, 96, 3)
    np.testing.assert_allclose(middles(ours), middles(theirs), atol=1.0)
    assert np.abs(ours.astype(int) - theirs).mean() < 25


def test_it_follows_within_its_tolerance_and_as_mujoco_does(robot, twin):
    rng = np.random.default_rng(0)
    tolerance = np.array(robot.world.robot.tracking_tolerance)
    for actions in ([[1.0, 1.0]] * 15, rng.choice([-1.0, 1.0], (25, 2)) * [0.4, 1.0]):
        behind, positions = follow(robot, [-1.2, -1.8], actions)
        assert (behind < tolerance).all(), behind.max(axis=0)
        _, theirs = follow(twin, [-1.2, -1.8], actions)
        np.testing.assert_allclose(positions, theirs, atol=5e-3)


def test_the_post_stops_it_where_mujocos_does(robot, twin):
    behind, positions = follow(robot, [-0.6, 0.0], [[1.0, 0.0]] * 20)
    _, theirs = follow(twin, [-0.6, 0.0], [[1.0, 0.0]] * 20)
    np.testing.assert_allclose(positions, theirs, atol=8e-3)
    assert behind[-1, 0] > 0.5, 'it stays behind'
    assert np.abs(positions[-1] - positions[-5]).max() < 1e-3, 'it stands'


def test_poses_that_were_lost_are_asked_for(robot):
    """Gazebo drops messages when many wait; its answer must be about the robot, not the world."""
    robot.reset(np.array([0.3, 0.1]))
    robot.step()
    poses, before = robot._simulation._poses, robot._measure()
    poses._of_model, poses._links_ns, poses._links = b'', -1, {}
    robot._simulation._until(robot._simulation._at_rest, 20.0, 'an answer')
    assert robot._measure() == pytest.approx(before, abs=1e-9)
