# SPDX-License-Identifier: Apache-2.0
"""Shortcuts through free space, and around what is not."""

import numpy as np
import pytest

from grasp_ros.planning import shortcuts
from grasp_ros.planning.shortcuts import GAP, REACH, onward, passing_times, shortened

STEP = np.array([0.2, 0.1])  # m, full steps of two joints
BALL = np.array([1.0, 1.0]), 0.8  # m: centre and radius of what is in the way

KNOWN = np.array([[-1.0, -1.0], [9.0, 9.0]])  # m: the robot has been all over there


def free(start, end):
    """Nothing is in the way."""
    return np.zeros(len(end))


def ball(start, end):
    """The share of straight moves (N, 2) to (N, 2) that is in the ball, dear."""
    points = start[:, None] + np.linspace(0, 1, 40)[:, None] * (end - start)[:, None]
    return 1e3 * (np.linalg.norm(points - BALL[0], axis=-1) < BALL[1]).mean(axis=1)


def cost(way, toll):
    return shortcuts.cost(way, STEP, toll)


def test_passing_times_are_those_of_the_slower_joint():
    way = np.array([[0.0, 0.0], [0.4, 0.1], [0.4, 0.5]])
    np.testing.assert_allclose(passing_times(way, STEP), [0.0, 2.0, 6.0])


def test_a_way_costs_its_time_and_its_tolls():
    way = np.array([[0.0, 0.0], [0.4, 0.1], [0.4, 0.5]])
    assert cost(way, free) == pytest.approx(6.0)
    assert cost(way, lambda start, end: 10 * (end - start)[:, 0]) == pytest.approx(10.0)


@pytest.mark.parametrize(
    ('position', 'left'),
    [
        ((0.5, 0.1), [(0.5, 0.0), (1.0, 0.0), (1.0, 1.0)]),  # beside the first move
        ((-0.2, 0.1), [(0.0, 0.0), (1.0, 0.0), (1.0, 1.0)]),  # before the start
        ((1.1, 0.6), [(1.0, 0.6), (1.0, 1.0)]),
        ((1.0, 1.3), [(1.0, 1.0), (1.0, 1.0)]),  # beyond the end
    ],
)
def test_what_is_left_of_a_way_begins_at_its_nearest_place(position, left):
    way = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(onward(way, np.array(position), STEP), [position, *left])


def test_shortening_again_brings_it_nearer_to_the_best():
    way = np.array([[0.0, 1.0], [0.1, 1.9], [1.0, 2.4], [1.9, 1.9], [2.0, 1.0]])
    costs = []
    for _ in range(4):
        way = shortened(way, STEP, ball, KNOWN)
        costs.append(cost(way, ball))
    assert costs == sorted(costs, reverse=True) and costs[-1] < costs[0]


def test_zigzag_through_free_space_takes_as_long_as_the_straight_line():
    way = np.array([[0.0, 0.0], [0.8, 0.3], [-0.6, 0.5], [1.0, 1.0]])
    new = shortened(way, STEP, free, KNOWN)
    assert passing_times(new, STEP)[-1] == pytest.approx(10.0)
    np.testing.assert_array_equal(new[[0, -1]], way[[0, -1]])


@pytest.mark.parametrize('seed', range(5))
def test_new_way_costs_less_and_leads_around_what_costs(seed):
    noise = np.random.default_rng(seed).normal(scale=0.05, size=(5, 2))
    way = np.array([[0.0, 1.0], [0.1, 1.9], [1.0, 2.4], [1.9, 1.9], [2.0, 1.0]])
    way[1:-1] += noise[1:-1]
    new = shortened(way, STEP, ball, KNOWN)
    assert cost(new, ball) < 0.9 * cost(way, ball)
    assert ball(new[:-1], new[1:]).max() == 0.0
    assert 16.0 < passing_times(new, STEP)[-1]  # up and down again


def test_corners_are_moved_off_the_old_way():
    """Straight up, across and down: joining places of it alone only leads across further down."""
    way = np.array([[0.0, 1.0], [0.0, 2.5], [2.0, 2.5], [2.0, 1.0]])
    across = np.array([[0.0, 1.0], [0.0, 1.8], [2.0, 1.8], [2.0, 1.0]])
    assert cost(shortened(way, STEP, ball, KNOWN), ball) < 0.9 * passing_times(across, STEP)[-1]


def test_no_joint_is_led_beyond_where_it_has_been():
    def high_is_dear(start, end):
        return 50 * np.abs(end - start)[:, 0] * (start + end)[:, 1]

    way = np.array([[0.0, 1.0], [1.0, 0.9], [2.0, 1.0]])
    anywhere = shortened(way, STEP, high_is_dear, KNOWN)
    here = shortened(way, STEP, high_is_dear, np.array([[0.0, 0.85], [2.0, 3.0]]))
    assert anywhere[:, 1].min() < 0.7
    assert here[:, 1].min() == 0.85


def test_shortcuts_are_not_so_long_that_an_obstacle_could_be_overlooked():
    way = np.array([[0.0, 0.0], [8.0, 0.0]])
    new = shortened(way, STEP, lambda start, end: np.full(len(end), 0.1), KNOWN)  # few are best
    assert np.diff(passing_times(new, STEP)).max() <= REACH + GAP
    assert passing_times(new, STEP)[-1] == pytest.approx(40.0)


def test_same_way_is_shortened_the_same():
    way = np.array([[0.0, 1.0], [0.1, 1.9], [1.0, 2.4], [1.9, 1.9], [2.0, 1.0]])
    before = way.copy()
    np.testing.assert_array_equal(
        shortened(way, STEP, ball, KNOWN), shortened(way, STEP, ball, KNOWN)
    )
    np.testing.assert_array_equal(way, before)


def test_way_without_length_is_its_ends():
    way = np.array([[0.5, 0.5], [0.5, 0.5]])
    np.testing.assert_array_equal(shortened(way, STEP, ball, KNOWN), way)
