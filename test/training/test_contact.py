# SPDX-License-Identifier: Apache-2.0
"""Where a robot was stopped, by what it was told and what it did."""

import numpy as np
import pytest
from test_landmarks import SPEED, explored

from grasp_ros.training.contact import CLEAR, TOLL, Contact

JITTER = 0.02  # of a step, in what joints measure


@pytest.fixture(scope='module')
def contact():
    """The wall along x = 0 below y = 0.5, found by driving into it."""
    data, _ = explored(6000)
    noise = np.random.default_rng(0).normal(0, JITTER * SPEED, data.positions.shape)
    return Contact(type(data)(**{**vars(data), 'positions': data.positions + noise}))


def test_places_are_those_at_the_wall(contact):
    assert len(contact.places) > 50
    away = np.abs(contact.places[:, 0])
    at_the_wall = (away <= 1.5 * SPEED) & (contact.places[:, 1] < 0.5 + SPEED)
    at_the_edge = (np.abs(contact.places) > 1 - 1.5 * SPEED).any(axis=1)
    assert (at_the_wall | at_the_edge).mean() > 0.95


def test_ways_cost_the_more_the_closer_they_come(contact):
    x = np.array([-0.5, -CLEAR * SPEED * 0.6, -0.2 * SPEED])
    start, end = (np.stack([x, np.full(3, y)], axis=1) for y in (-0.6, 0.2))
    far, near, along = contact.tolls(start, end, np.full(3, 16.0))
    assert far == 0 < near < along <= 16 * TOLL


def test_robot_that_touched_nothing_pays_nothing():
    data, _ = explored(500)
    moves = np.cumsum(np.insert(SPEED * data.actions[:-1], 0, 0.0, axis=0), axis=0)
    free = Contact(type(data)(**{**vars(data), 'positions': moves}))
    start, end = np.zeros((2, 3, 2))
    assert not len(free.places) and not free.tolls(start, end, np.ones(3)).any()
