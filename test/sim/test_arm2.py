# SPDX-License-Identifier: Apache-2.0
"""The simulated arm: follows in free space, stays behind at the post, and shows both links."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from grasp_ros.control.trajectory import from_actions
from grasp_ros.robot.limits import Limits
from grasp_ros.share import share_directory
from grasp_ros.sim.explore import velocity_command
from grasp_ros.sim.robot import CONTROL_STEP, MujocoRobot
from grasp_ros.sim.worlds import load_world

WORLD = load_world('arm2')
TOLERANCE = np.array(WORLD.robot.tracking_tolerance)
FREE = replace(WORLD, task=replace(WORLD.task, surroundings=()))


@pytest.fixture(scope='module')
def arm():
    robot = MujocoRobot(WORLD)
    yield robot
    robot.close()


def follow(robot, start, actions):
    """One action (A,) a model step from `start`; yields the distance from the reference (J,)."""
    robot.reset(np.array(start))
    config, command = robot.world.robot, velocity_command(robot, 0.1)
    for action in actions:
        reference = robot.controller.reference(robot.now_ns)
        trajectory = from_actions(
            np.array([action]), reference, robot.now_ns, command, Limits.of(config), config.joints
        )
        assert robot.controller.accept(trajectory, robot.now_ns) is None
        for _ in range(round(0.1 / CONTROL_STEP)):
            robot.step()
            wanted = robot.controller.reference(robot.now_ns).position
            yield robot.joints().position - wanted


def test_urdf_has_the_limits_of_the_configuration():
    robot = WORLD.robot
    root = ElementTree.parse(share_directory() / 'urdf/arm2.urdf').getroot()
    found = {joint.get('name'): joint.find('limit') for joint in root.iter('joint')}
    for i, name in enumerate(robot.joints):
        ends = [float(found[name].get(end)) for end in ('lower', 'upper', 'velocity')]
        assert ends == [robot.position_min[i], robot.position_max[i], robot.max_velocity[i]]


def test_it_follows_in_free_space_within_two_thirds_of_the_tolerance():
    robot = MujocoRobot(FREE)
    rng = np.random.default_rng(0)
    for actions in (rng.choice([-1, 1], (150, 2)), [[1, 1]] * 40 + [[-1, -1]] * 40):
        errors = np.array(list(follow(robot, [-1.2, -2.2], actions)))
        assert (np.abs(errors) < 2 / 3 * TOLERANCE).all(), np.abs(errors).max(axis=0)


def test_the_post_stops_it_and_it_stays_behind(arm):
    errors = np.array(list(follow(arm, [-0.6, 0.0], [[1.0, 0.0]] * 25)))
    position = arm.joints().position
    assert position == pytest.approx([0.016, -0.02], abs=0.01)
    assert errors[-1, 0] < -0.5 and abs(errors[-1, 1]) < 0.03, 'it is the shoulder that is blocked'
    assert np.abs(arm.joints().velocity).max() < 1e-3
    back = np.array(list(follow(arm, position, [[-1.0, 0.0]] * 10)))
    assert (np.abs(back[-50:]) < TOLERANCE).all(), 'it comes off again'


def test_one_that_folds_passes_the_post(arm):
    turn = [[0.0, 1.0]] * 26 + [[1.0, 0.0]] * 31 + [[0.0, -1.0]] * 26
    errors = np.array(list(follow(arm, [-0.9, 0.2], turn)))
    assert (np.abs(errors) < TOLERANCE).all()
    assert arm.joints().position == pytest.approx([0.96, 0.2], abs=0.05)


def blob(image, channel):
    """Row and column of the middle of what has the colour, and how many pixels it has."""
    pixels = image.astype(int)
    others = np.delete(pixels, channel, axis=2).max(axis=2)
    found = np.argwhere(pixels[..., channel] - others > 50)
    return found.mean(axis=0), len(found)


@pytest.mark.parametrize('place', [(0.3, 0.1), (-1.2, 2.4), (1.3, -2.4), (0.8, 1.0), (-0.7, -1.5)])
def test_both_links_are_seen_where_they_are(arm, place):
    """In the small picture that the planner gets."""
    arm.reset(np.array(place))
    (camera,) = WORLD.description.cameras
    image = arm.render()
    assert image.shape == (64, 96, 3)
    line, _ = WORLD.task.outline(np.array(place))
    base, elbow, tool = line[-3], line[-2], line[-1]
    base = base + [0.0, 0.0, 0.055]
    for channel, ends in ((0, (base, elbow)), (2, (elbow, tool))):
        middle, count = blob(image, channel)
        assert count > 30
        column, row = camera.pixels(np.mean(ends, axis=0)) - 0.5
        np.testing.assert_allclose(middle, [row, column], atol=2.5)
