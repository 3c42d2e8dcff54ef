# SPDX-License-Identifier: Apache-2.0
"""Exploration covers the joint space, corners too, and leaves what blocks it."""

import numpy as np
import pytest

from grasp_ros.exploration.figures import Figures
from grasp_ros.exploration.policy import Explorer
from grasp_ros.exploration.random_motion import random_actions
from grasp_ros.exploration.visited import Visited
from grasp_ros.robot.command import make_command
from grasp_ros.robot.limits import Limits

STEP = 0.015  # m, largest of the gantry in a model step


class Room:
    """A robot that follows at once, in the box of its limits, but not into `blocked`."""

    def __init__(self, limits, space, seed=0, speed=1.0, blocked=lambda q: False):
        self.policy = Explorer(space, limits, speed, seed)
        self.position, self.blocked = np.array([-0.2, -0.2]), blocked
        self.path, self.actions, self.times_blocked = [self.position], [], 0
        self._space, self._limits = space, limits

    def run(self, steps: int) -> 'Room':
        for _ in range(steps):
            action = self.policy.next(self.position, self.position)
            told = self._space.reference(action, self.position)
            told = np.clip(told, self._limits.position_min, self._limits.position_max)
            if self.blocked(told):
                self.policy.blocked(self.position, told)
                self.times_blocked += 1
            else:
                self.position = told
            self.path.append(self.position)
            self.actions.append(action)
        return self

    @property
    def covered(self) -> float:
        return self.policy.visited.covered


def wall(q) -> bool:
    """A wall across the room, with a door at its upper end."""
    return bool(abs(q[0]) < 0.03 and q[1] < 0.2)


def test_same_seed_same_actions(limits, space):
    first, second, other = (
        np.array(Room(limits, space, seed, blocked=wall).run(300).actions) for seed in (3, 3, 4)
    )
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_actions_are_within_the_bounds_at_the_speed(limits, space):
    fast, slow = (np.array(Room(limits, space, 0, speed).run(1500).actions) for speed in (1, 0.3))
    assert 0.99 < np.abs(fast).max() <= 1
    assert 0.29 < np.abs(slow).max() <= 0.3 + 1e-9


def test_it_covers_more_than_random_motion(limits, space):
    steps = 2000
    explored = Room(limits, space, blocked=wall).run(steps)
    random, position = Visited(limits), np.array([-0.2, -0.2])
    rng = np.random.default_rng(0)
    for step in range(steps):
        if step % 50 == 0:
            actions = random_actions(2, rng)
        told = np.clip(position + STEP * next(actions), -0.27, 0.27)
        position = position if wall(told) else told
        random.add(position)
    assert explored.covered > 0.6
    assert explored.covered > 1.15 * random.covered


def test_it_comes_near_to_every_corner(limits, space):
    path = np.array(Room(limits, space, blocked=wall).run(4000).path)
    for corner in np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]]) * 0.27:
        assert np.abs(path - corner).max(axis=1).min() < 0.01


def test_a_blocked_robot_goes_back_the_way_it_came(limits, space):
    room = Room(limits, space, blocked=wall)
    for _ in range(60):
        before = room.times_blocked
        while room.times_blocked == before:
            room.run(1)
        touched, came = room.position, np.array(room.path[:-1])
        free = []
        for _ in range(3):
            seen = room.times_blocked
            room.run(1)
            free.append(seen == room.times_blocked)
            gap = np.abs(came - room.position).max(axis=1).min()
            assert gap < STEP, 'along the way'
        assert all(free), 'which is free'
        moved = np.abs(np.diff(came[-4:], axis=0)).max()
        assert np.abs(room.position - touched).max() > 0.2 * min(moved, STEP)


def test_contact_does_not_eat_the_data(limits, space):
    room = Room(limits, space, blocked=wall).run(4000)
    assert 20 < room.times_blocked < 400


@pytest.mark.parametrize('joints', [1, 3, 6])
def test_any_number_of_joints(joints):
    bounds = np.full(joints, 2.0)
    limits = Limits(-bounds, bounds, bounds / 2, bounds)
    command = make_command('joint_velocity', tuple(-bounds / 2), tuple(bounds / 2), 0.1)
    policy, position = Explorer(command, limits, 1.0, 0), np.zeros(joints)
    for _ in range(600):
        position = position + 0.1 * policy.next(position, position)
        assert (np.abs(position) <= 2.0 + 0.1).all()
        position = np.clip(position, -2, 2)
    assert policy.visited.covered > 0.15


def test_an_opening_that_is_blocked_twice_is_left_alone(limits):
    visited, rng = Visited(limits), np.random.default_rng(0)
    visited.add(np.array([0.0, 0.0]))
    ends = set()
    for _ in range(40):
        way = visited.new(rng)
        if not way:
            break
        ends.add(tuple(np.sign(np.round(way[-1] - 0.02, 2))))
        visited.blocked(np.array([0.0, 0.0]), way[-1])
    assert len(ends) == 4 and not visited.new(rng)


def test_a_way_that_is_cut_is_not_proposed(limits):
    visited = Visited(limits)
    places = [np.array([x, 0.0]) for x in (0.0, 0.05, 0.1)]
    for place in [*places, *places[::-1]]:
        visited.add(place)
    goal = np.array([0.11, 0.01])
    assert [way.tolist() for way in visited.towards(goal)] == [[0.05, 0], [0.1, 0], [0.11, 0.01]]
    visited.cut(places[1], places[2])
    assert [way.tolist() for way in visited.towards(goal)] == [[0.05, 0], [0.11, 0.01]]


def test_figures_count_what_happened(limits):
    visited = Visited(limits)
    visited.add(np.zeros(2))
    figures = Figures(visited)
    for follows, moves in [(True, True)] * 5 + [(False, False)] * 2 + [(True, False)] * 3:
        figures.add(follows, moves)
    assert (figures.steps, figures.blocks) == (10, 1)
    assert (figures.behind_share, figures.held_share) == (0.2, 0.3)
    assert figures.covered_share == 1 / 400
