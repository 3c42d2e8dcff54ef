# SPDX-License-Identifier: Apache-2.0
"""Ways that no bag has been along."""

import itertools

import numpy as np

from grasp_ros.training.dataset import Dataset
from grasp_ros.training.visited import Visited

STEP = 0.015  # m a frame


def laps(corners, count: int) -> Dataset:
    """Frames along straight ways between corners, up and down `count` times."""
    corners = np.array(corners, dtype=float)
    way = np.concatenate(
        [
            np.linspace(a, b, round(np.linalg.norm(b - a) / STEP), endpoint=False)
            for a, b in itertools.pairwise(corners)
        ]
    )
    positions = np.concatenate([way, way[::-1]] * count)
    size = len(positions)
    follows = np.append(np.ones(size - 1, dtype=bool), False)
    pictures, none = np.zeros((size, 1, 1, 3), np.uint8), np.zeros(size, dtype=np.int64)
    travel, sizes = np.full(2, STEP), {'image': (1, 1)}
    actions = np.zeros((size, 2))
    return Dataset({'image': pictures}, positions, actions, follows, none, sizes, travel)


def test_ways_around_a_corner_were_driven_and_those_across_it_were_not():
    data = laps([[0.0, 0.0], [0.0, 0.3], [0.3, 0.3]], 6)
    start = np.array([[0.0, 0.03], [0.0, 0.2], [0.0, 0.3]])
    end = np.array([[0.0, 0.21], [0.1, 0.3], [0.18, 0.3]])
    assert Visited(data).between(start, end).tolist() == [True, False, True]
