# SPDX-License-Identifier: Apache-2.0
"""A goal of several cameras is of one moment, or there is none."""

import numpy as np
import pytest

from grasp_ros.observation.goal_pictures import GoalPictures
from grasp_ros.types import Refused, nanoseconds

T0 = 1_700_000_000_000_000_000
SKEW = 0.05


@pytest.fixture
def notes():
    return []


@pytest.fixture
def pictures(notes):
    return GoalPictures(['left', 'right'], nanoseconds(SKEW), notes.append)


def show(pictures, camera, at, value):
    """A picture of one value, stamped `at` s."""
    return pictures.add(camera, T0 + nanoseconds(at), np.full((2, 3, 3), value, np.uint8))


def values(goal) -> dict:
    return {camera: int(rgb[0, 0, 0]) for camera, rgb in goal.items()}


@pytest.mark.parametrize('apart', [0.0, SKEW, -SKEW])
def test_pictures_of_one_moment_are_a_goal_in_any_order(pictures, notes, apart):
    for first, second in (('left', 'right'), ('right', 'left')):
        assert show(pictures, first, 0, 1) is None
        assert values(show(pictures, second, apart, 2)) == {first: 1, second: 2}
    assert notes == []


def test_half_a_goal_is_never_put_together_with_half_of_the_next(pictures, notes):
    show(pictures, 'left', 0, 1)  # its other half was lost
    assert show(pictures, 'left', 10, 2) is None
    assert values(show(pictures, 'right', 10, 3)) == {'left': 2, 'right': 3}
    assert notes == ['goal_left is dropped: it waited for goal_right of the same time']


def test_goal_whose_first_half_was_lost_says_so_and_stops_no_other(pictures, notes):
    show(pictures, 'left', 0, 1)
    refused = show(pictures, 'right', 10, 2)
    assert refused == Refused('its pictures are 10.000 s apart, at most 0.050 s')
    assert values(show(pictures, 'left', 10, 3)) == {'left': 3, 'right': 2}
    assert show(pictures, 'right', 0, 4) is None
    assert values(show(pictures, 'left', 0, 5)) == {'left': 5, 'right': 4}, 'older is no matter'


def test_picture_without_a_stamp_belongs_to_none(pictures):
    refused = pictures.add('left', 0, np.zeros((2, 3, 3), np.uint8))
    assert isinstance(refused, Refused) and 'goal_left has no stamp' in refused.reason
    assert show(pictures, 'right', 0, 1) is None


def test_what_waited_is_dropped_aloud(pictures, notes):
    show(pictures, 'left', 0, 1)
    pictures.clear()
    assert notes == ['goal_left is dropped: it waited for goal_right of the same time']
    assert show(pictures, 'right', 0, 2) is None
    pictures.clear()
    pictures.clear()
    assert len(notes) == 2


def test_one_camera_needs_no_stamp(notes):
    alone = GoalPictures(['image'], 0, notes.append)
    for value in (1, 2):
        rgb = np.full((2, 3, 3), value, np.uint8)
        assert values(alone.add('image', 0, rgb)) == {'image': value}
    assert notes == []
