# SPDX-License-Identifier: Apache-2.0
"""The map's way of an episode leads from its start to its goal, and its pictures are of there."""

from dataclasses import replace

import numpy as np
import pytest

from grasp_ros.bench.episodes import Episode
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world
from grasp_ros.viz.remembered import SHOWN, Way, ways


@pytest.fixture(scope='module')
def robot():
    robot = MujocoRobot(load_world('maze'))
    yield robot
    robot.close()


def episode_of(problem, goal_images):
    """One that was over at once."""
    return Episode(
        start=problem.start,
        goal=problem.goal,
        shortest_time=problem.shortest_time,
        error=0.0,
        tool_error=0.0,
        success=True,
        reached=True,
        duration=1.0,
        arrival=0.9,
        contact=0.0,
        speed=0.9,
        acceleration=0.9,
        violations=[],
        plan_ms=[],
        encode_ms=[],
        overhead_ms=[],
        goal_images=goal_images,
        path=np.stack([problem.start, problem.goal]),
        plans=[None, None],
    )


def test_remembered_places_lie_on_the_way(robot):
    world = robot.world
    (problem,) = world.task.sample(1, 3)
    robot.reset(problem.goal)
    episode = episode_of(problem, {'image': robot.render()})
    way, back = ways(
        'gantry_maze', world, [episode, replace(episode, start=problem.goal + [0.0, 0.02])]
    )
    assert 3 <= len(way.positions) == len(way.pictures) <= SHOWN
    assert np.abs(way.positions[0] - problem.start).max() < 0.06
    assert np.abs(way.positions[-1] - problem.goal).max() < 0.06
    (camera,) = world.description.cameras
    for position, picture in zip(way.positions, way.pictures, strict=True):
        pixels = picture.astype(int)  # of either simulator, whose lights differ
        red = np.argwhere(pixels[..., 0] - pixels[..., 1:].max(axis=2) > 60).mean(axis=0)
        column, row = camera.pixels(world.task.tool_position(position))
        np.testing.assert_allclose(red, [row, column], atol=2.0)
    assert back is None or len(back.positions) <= len(way.positions)


def test_a_way_is_found_for_a_bundle_of_several_cameras():
    """The SO-101's: what is shown is of the first camera, what is searched with, of all."""
    twin = MujocoRobot(load_world('so101'))
    (problem,) = twin.world.task.sample(1, 3)
    twin.reset(problem.goal)
    images = {name: twin.render(name) for name in ('image', 'left/image', 'wrist/image')}
    (way,) = ways('so101', twin.world, [episode_of(problem, images)])
    config = twin.world.robot  # what was touched may have pushed the arm a little beyond
    twin.reset(np.clip(way.positions[0], config.position_min, config.position_max))
    apart = np.abs(way.pictures[0].astype(int) - twin.render())
    twin.close()
    assert 2 <= len(way.pictures) <= SHOWN and np.median(apart) < 4 and apart.mean() < 8


def test_the_nearest_place_is_measured_in_time():
    way = Way(np.array([[0.0, 0.0], [1.0, 0.2]]), [])
    assert way.nearest(np.array([0.6, 0.0]), np.array([1.0, 1.0])) == 1
    assert way.nearest(np.array([0.6, 0.0]), np.array([10.0, 0.1])) == 0
