# SPDX-License-Identifier: Apache-2.0
"""The UR5 in its world: a description and meshes of another package."""

import numpy as np
import pytest

from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import World, load_world

UPRIGHT = np.array([1.0, -1.57, 0.4, -1.57, -1.57, 0.0])


@pytest.fixture(scope='module')
def world() -> World:
    """The world with a wall, a bar above it, and a shelf."""
    return load_world('ur5')


def test_limits_lie_within_the_driver_s(world: World):
    robot = world.robot
    assert robot.joints[0] == 'shoulder_pan_joint' and len(robot.joints) == 6
    assert (np.abs([robot.position_min, robot.position_max]) <= np.pi).all()
    assert max(robot.max_velocity) <= 3.15


def test_links_that_are_joined_do_not_collide(world: World):
    geometry = world.task.geometry
    assert not geometry.near(UPRIGHT, 0.01)
    folded = UPRIGHT.copy()
    folded[2] = 3.0  # the forearm into the upper arm
    assert geometry.near(folded, 0.0)


def test_wall_and_bar_are_in_the_way(world: World):
    low = np.array([0.0, -0.8, 1.2, -1.0, -1.57, 0.0])  # over the table, in the wall's plane
    assert world.task.geometry.near(low, 0.0)
    beside = low.copy()
    beside[0] = 1.0
    assert not world.task.geometry.near(beside, 0.0)


def test_problems_lead_around_something(world: World):
    task = world.task
    for problem in task.sample(3, 5):
        assert not task.space.open(problem.start, problem.goal)
        assert 3.0 <= problem.shortest_time < 20.0


def test_arm_follows_its_controller_and_shows_its_colours(world: World):
    robot = MujocoRobot(world)
    try:
        robot.reset(UPRIGHT)
        for _ in range(100):
            robot.step()
        assert np.abs(robot.joints().position - UPRIGHT).max() < 2e-3
        seen = robot.render().reshape(-1, 3).astype(int)
    finally:
        robot.close()
    red = (seen[:, 0] > 1.5 * seen[:, 1]) & (seen[:, 0] > 1.5 * seen[:, 2])
    blue = (seen[:, 2] > 1.5 * seen[:, 0]) & (seen[:, 2] > 1.3 * seen[:, 1])
    assert red.sum() > 30 and blue.sum() > 30
