# SPDX-License-Identifier: Apache-2.0
"""Ways around obstacles whose shortest time is known, in 2 and 6 joints."""

import itertools

import numpy as np
import pytest

from grasp_ros.sim.tasks.rrt_connect import Space, connect, duration, shortened, shortest_time

LOW, HIGH = np.full(2, -1.0), np.full(2, 1.0)
LEFT, RIGHT = np.array([-0.5, -0.5]), np.array([0.5, -0.5])


def wall(place):
    """Free but for a wall at 0 that ends at 0.4."""
    return bool(abs(place[0]) > 0.05 or place[1] > 0.4)


def rng():
    return np.random.default_rng(0)


def test_an_open_way_is_straight():
    space = Space(lambda place: True, LOW, HIGH, np.array([0.5, 2.0]))
    assert shortest_time(space, LEFT, np.array([0.5, 0.5]), rng()) == pytest.approx(2.0)


def test_the_way_goes_around_the_end_of_a_wall():
    # Up by 0.9 m and down again at 0.6 m/s; the joint that moves sideways is fast enough.
    space = Space(wall, LOW, HIGH, np.array([1.0, 0.6]))
    assert shortest_time(space, LEFT, RIGHT, rng()) == pytest.approx(2 * 0.9 / 0.6, rel=0.05)
    slower = Space(wall, LOW, HIGH, np.array([1.0, 0.3]))
    assert shortest_time(slower, LEFT, RIGHT, rng()) == pytest.approx(2 * 0.9 / 0.3, rel=0.05)


def test_every_line_of_a_way_is_open():
    space = Space(wall, LOW, HIGH, np.array([1.0, 0.6]))
    way = connect(space, LEFT, RIGHT, rng())
    short = shortened(space, way, 100, rng())
    assert duration(space, short) < duration(space, way)
    for one in (way, short):
        np.testing.assert_array_equal([one[0], one[-1]], [LEFT, RIGHT])
        fine = np.concatenate([np.linspace(a, b, 200) for a, b in itertools.pairwise(one)])
        inside = [not wall(place) for place in fine]
        assert np.mean(inside) < 0.02, 'a corner may be cut by less than the resolution'


def test_there_is_no_way_through_a_closed_wall():
    space = Space(lambda place: bool(abs(place[0]) > 0.05), LOW, HIGH, np.ones(2))
    assert shortest_time(space, LEFT, RIGHT, rng()) == float('inf')


def test_six_joints_go_around_a_ball():
    middle = np.zeros(6)
    space = Space(
        lambda place: bool(np.linalg.norm(place - middle) > 0.6),
        np.full(6, -1.0),
        np.full(6, 1.0),
        np.ones(6),
    )
    start = np.zeros(6)
    start[0] = -0.8
    time = shortest_time(space, start, -start, rng())
    # Straight it takes 1.6 s, and the other joints move sideways meanwhile.
    assert 1.6 <= time < 1.8
