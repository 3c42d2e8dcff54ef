# SPDX-License-Identifier: Apache-2.0
"""Where a robot was stopped, and what that tells of what lies between."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from test_landmarks import SPEED, explored

from grasp_ros.training.contact import fit_obstacles, stops
from grasp_ros.training.dataset import Dataset
from grasp_ros.world_model.obstacles import TOLL

JITTER = 0.02  # of a step, in what joints measure


@pytest.fixture(scope='module')
def data():
    """The wall along x = 0 below y = 0.5, found by driving into it, and a joint that has no part
    in it."""
    plane, _ = explored(6000)
    rng = np.random.default_rng(0)
    idle = np.abs(0.7 * SPEED * np.arange(6000) % 4 - 2) - 1  # to and fro between -1 and 1
    positions = np.c_[plane.positions, idle]
    moved = np.append(np.diff(idle), 0.0)[:, None] / SPEED
    noise = rng.normal(0, JITTER * SPEED, positions.shape)
    return Dataset(
        plane.images,
        positions + noise,
        np.c_[plane.actions, moved],
        plane.follows,
        plane.recordings,
        plane.sources,
        np.full(3, SPEED),
    )


@pytest.fixture(scope='module')
def obstacles(data):
    return fit_obstacles(data, 0)


def test_stops_are_at_the_wall_and_point_into_it(data):
    places, kept_from = stops(data)
    assert len(places) > 50
    at_the_wall = (np.abs(places[:, 0]) <= 1.5 * SPEED) & (places[:, 1] < 0.5 + SPEED)
    at_the_edge = (np.abs(places[:, :2]) > 1 - 1.5 * SPEED).any(axis=1)
    assert (at_the_wall | at_the_edge).mean() > 0.95
    inside = at_the_wall & ~at_the_edge
    assert inside.sum() > 20
    assert (np.sign(kept_from[inside, 0]) == -np.sign(places[inside, 0])).mean() > 0.95
    np.testing.assert_allclose(np.linalg.norm(kept_from, axis=1), 1.0)


def test_the_wall_is_inside_and_the_room_is_not(obstacles):
    y = np.linspace(-0.8, 0.3, 23)
    for third in (-0.7, 0.0, 0.7):  # it does not matter
        wall, left, right = (
            obstacles.inside(torch.tensor(np.c_[x, at, np.full(23, third)]).float())
            for x, at in (
                (np.zeros(23), y),
                (np.full(23, -0.5), y),
                (np.full(23, 0.5), y),
            )
        )
        assert wall.mean() > 0.2  # thin: what lies behind is free again
        assert max(left.mean(), right.mean()) < 0.05


def test_ways_through_the_wall_cost_more_than_those_around(obstacles):
    start, end, corner = np.array([[-0.3, 0.0, 0.0], [0.3, 0.0, 0.0], [0.0, 0.8, 0.0]])
    through = obstacles.tolls(start[None], end[None]) + 0.6 / SPEED
    around = obstacles.tolls(np.stack([start, corner]), np.stack([corner, end])) + 0.8 / SPEED
    assert around.sum() < through[0]
    assert through[0] <= (1 + TOLL) * 0.6 / (0.9 * SPEED)


def test_a_joint_that_is_locked_tells_of_no_contact_and_of_no_obstacle(data):
    rng = np.random.default_rng(1)
    locked = data.positions.copy()
    locked[:, 2] = 0.3 + rng.normal(0, 0.01 * SPEED, len(locked))
    at_rest = replace(data, positions=locked)
    assert len(stops(at_rest)[0]) == pytest.approx(len(stops(data)[0]), rel=0.1)
    obstacles, y = fit_obstacles(at_rest, 0), np.linspace(-0.8, 0.3, 23)
    for third in (0.3 - 0.5 * SPEED, 0.3, 0.3 + 0.5 * SPEED):
        wall, left = (
            obstacles.inside(torch.tensor(np.c_[np.full(23, x), y, np.full(23, third)]).float())
            for x in (0.0, -0.5)
        )
        assert wall.mean() > 0.2 and left.mean() < 0.05


def test_robot_that_touched_nothing_knows_of_no_obstacles(data):
    moves = np.cumsum(np.insert(SPEED * data.actions[:-1], 0, 0.0, axis=0), axis=0)
    assert fit_obstacles(Dataset(**{**vars(data), 'positions': moves}), 0) is None


def test_same_seed_same_obstacles(data, obstacles):
    again = fit_obstacles(data, 0)
    assert all(
        torch.equal(one, again.tensors()[name]) for name, one in obstacles.tensors().items()
    )
