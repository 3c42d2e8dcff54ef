# SPDX-License-Identifier: Apache-2.0
"""Where recordings are thin, and where a map has no ways."""

import numpy as np

from grasp_ros.training.coverage import Range, cut_off, seldom


def frames() -> np.ndarray:
    """Two joints from 0 to 6: the first is seldom in [2, 3), the second seldom in [5, 6]."""
    rng = np.random.default_rng(0)
    first, second = rng.uniform(0, 6, (2, 5000))
    kept = ((first < 2) | (first >= 3) | (rng.random(5000) < 0.1)) & (
        (second < 5) | (rng.random(5000) < 0.2)
    )
    return np.concatenate([[[0, 0], [6, 6]], np.stack([first, second], axis=1)[kept]])


def test_the_range_with_the_fewest_frames_is_named_for_each_joint():
    first, second = seldom(frames())
    assert (first.joint, first.low, first.high) == (0, 2.0, 3.0)
    assert (second.joint, second.low, second.high) == (1, 5.0, 6.0)
    assert 0 < first.share < 0.05
    assert first.words(('shoulder', 'elbow')) == 'shoulder from 2 to 3'


def test_the_range_that_lacks_ways_is_named():
    rng = np.random.default_rng(1)
    ends = rng.uniform(0, 6, (300, 2, 2))
    reached = ~(ends[:, :, 1] >= 5).any(axis=1)
    found = cut_off(frames(), ends, reached)
    assert found is not None
    assert (found.joint, found.low, found.high, found.share) == (1, 5.0, 6.0, 1.0)


def test_nothing_is_named_where_all_have_a_way():
    ends = np.random.default_rng(1).uniform(0, 6, (300, 2, 2))
    assert cut_off(frames(), ends, np.ones(300, dtype=bool)) is None


def test_a_range_is_written_and_read():
    one = Range(1, 0.123456, 2.0, 0.5)
    assert Range(*one.plain()) == Range(1, 0.1235, 2.0, 0.5)
