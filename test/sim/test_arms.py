# SPDX-License-Identifier: Apache-2.0
"""Arms that people own, in their worlds: descriptions and meshes of another package."""

from dataclasses import replace

import numpy as np
import pytest

from grasp_ros.config import load_robot
from grasp_ros.share import find_yaml
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.tasks.rrt_connect import shortest_time
from grasp_ros.sim.urdf import package_path, read_urdf
from grasp_ros.sim.worlds import World, load_world
from grasp_ros.types import BadInput

ROBOTS = 'package://example-robot-data/robots'
URDFS = {
    'ur5': f'{ROBOTS}/ur_description/urdf/ur5_joint_limited_robot.urdf',
    'so101': f'{ROBOTS}/so_arm_description/urdf/so101.urdf',
    'panda': f'{ROBOTS}/panda_description/urdf/panda.urdf',
}
# free; into the obstacle in front of the arm; and the arm into itself
PLACES = {
    'ur5': ([1.0, -1.57, 0.4, -1.57, -1.57, 0.0], [0.0, -0.8, 1.2, -1.0, -1.57, 0.0], (2, 3.0)),
    'so101': ([1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.4, 0.0, 0.0, 0.0], (3, -3.0)),
}


@pytest.mark.parametrize('name', URDFS)
def test_limits_lie_within_those_of_the_description(name):
    robot = load_robot(find_yaml('config/robots', name))
    joints = {
        one.get('name'): one for one in read_urdf(package_path(URDFS[name])).findall('joint')
    }
    for index, joint in enumerate(robot.joints):
        limit = joints[joint].find('limit')
        low, high, speed = (float(limit.get(end)) for end in ('lower', 'upper', 'velocity'))
        assert low <= robot.position_min[index] < robot.position_max[index] <= high
        assert robot.max_velocity[index] <= speed / 2


@pytest.fixture(scope='module', params=PLACES)
def world(request) -> World:
    """Each arm's own world."""
    return load_world(request.param)


def test_links_that_are_joined_do_not_collide_and_others_do(world: World):
    geometry, (free, _, (joint, folded)) = world.task.geometry, PLACES[world.name]
    assert not geometry.near(np.array(free), 0.005)
    place = np.array(free)
    place[joint] = folded
    assert geometry.near(place, 0.0)


def test_obstacles_are_in_the_way(world: World):
    _, blocked, _ = PLACES[world.name]
    place = np.array(blocked)
    assert world.task.geometry.near(place, 0.0)
    place[0] = 1.0
    assert not world.task.geometry.near(place, 0.0)


def test_problems_lead_around_something(world: World):
    task = world.task
    for problem in task.sample(3, 5):
        assert not task.space.open(problem.start, problem.goal)
        assert task.min_time <= problem.shortest_time < 20.0


def test_a_camera_on_a_wrist_rides_on_it(world: World):
    camera, robot = world.description.cameras[-1], MujocoRobot(world)
    assert camera.link
    try:
        free = np.array(PLACES[world.name][0])
        for turn in (0.0, -1.0):
            robot.reset(free + turn * np.eye(len(free))[0])
            link, seen = robot.data.body(camera.link), robot.data.cam(camera.name)
            turned = link.xmat.reshape(3, 3)
            assert seen.xpos == pytest.approx(link.xpos + turned @ camera.position)
            right, up, away = camera.axes()
            theirs = seen.xmat.reshape(3, 3).T  # right, up, back
            assert theirs == pytest.approx(np.stack([right, up, -away]) @ turned.T, abs=1e-9)
    finally:
        robot.close()


def test_a_camera_on_a_link_that_is_not_there_is_refused(world: World):
    *others, wrist = world.description.cameras
    cameras = (*others, replace(wrist, link='sixth_finger'))
    with pytest.raises(BadInput, match="camera wrist/image: no link 'sixth_finger'"):
        MujocoRobot(replace(world, description=replace(world.description, cameras=cameras)))


def test_arm_holds_still_and_shows_its_colours(world: World):
    robot, free = MujocoRobot(world), np.array(PLACES[world.name][0])
    try:
        robot.reset(free)
        for _ in range(100):
            robot.step()
        assert np.abs(robot.joints().position - free).max() < 2e-3
        assert np.abs(robot.joints().velocity).max() < 2e-2
        seen = robot.render().reshape(-1, 3).astype(int)
    finally:
        robot.close()
    red = (seen[:, 0] > 1.5 * seen[:, 1]) & (seen[:, 0] > 1.5 * seen[:, 2])
    blue = (seen[:, 2] > 1.5 * seen[:, 0]) & (seen[:, 2] > 1.3 * seen[:, 1])
    assert red.sum() > 30 and blue.sum() > 30


def test_problems_of_the_closed_gap_took_less_time_before():
    closed, open_ = load_world('ur5_closed'), load_world('ur5')
    assert closed.bundle == 'ur5' and closed.task.before == open_.task
    assert closed.task.shapes()[:-1] == open_.task.shapes()
    space, (problem,) = open_.task.space, closed.task.sample(1, seed=1)
    rng = np.random.default_rng(0)
    before = [shortest_time(space, problem.start, problem.goal, rng) for _ in range(3)]
    assert min(before) < 0.9 * problem.shortest_time
