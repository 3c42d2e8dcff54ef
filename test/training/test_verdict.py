# SPDX-License-Identifier: Apache-2.0
"""A model that cannot plan is recognised, and each figure says what to do."""

import numpy as np
import pytest

from grasp_ros.training.verdict import connected_share, judge, unusable

REPORT = {
    'edges': 3000,
    'map_connected_share': 0.95,
    'joint_error': {'median': [0.01, 0.02], 'p95': [0.03, 0.05]},
    'joint_spread': [1.0, 1.5],
    'latent_distance_same_place_p95': 0.1,
    'latent_distance_one_step': [1.0, 0.5],
    'prediction_error_over_do_nothing': {1: 0.6, 50: 0.3},
}


@pytest.mark.parametrize(
    'edges, share',
    [
        ([], 0.0),
        ([(0, 1)], 0.25),  # one way only
        ([(0, 1), (1, 0)], 0.5),
        ([(0, 1), (1, 2), (2, 0), (3, 0)], 0.75),
    ],
)
def test_places_that_reach_each_other_are_counted(edges, share):
    assert connected_share(4, np.array(edges, dtype=np.int64).reshape(-1, 2)) == share


@pytest.mark.parametrize(
    'changes, reason',
    [
        ({}, None),
        ({'edges': 0, 'map_connected_share': 0.0}, 'no edges'),
        ({'map_connected_share': 0.05}, 'largest holds 5 % of its places'),
    ],
)
def test_map_without_ways_is_unusable(changes, reason):
    seen = unusable(REPORT | changes)
    assert seen is None if reason is None else reason in seen


def test_good_figures_are_good():
    judged = list(judge(REPORT, ('shoulder', 'elbow')))
    assert [one.verdict for one in judged] == ['good'] * 7


@pytest.mark.parametrize(
    'changes, figure, advice',
    [
        ({'map_connected_share': 0.3}, 'places of the map', 'record longer'),
        ({'prediction_error_over_do_nothing': {50: 1.4}}, '50 steps ahead', 'correlation'),
        ({'latent_distance_one_step': [1.0, 0.05]}, 'elbow', 'camera position'),
        (
            {'joint_error': {'median': [0.01, 0.5], 'p95': [0.03, 1.2]}},
            'error of elbow',
            'the camera does not show elbow',
        ),
    ],
)
def test_bad_figure_says_what_to_do(changes, figure, advice):
    (bad,) = [
        one for one in judge(REPORT | changes, ('shoulder', 'elbow')) if one.verdict == 'bad'
    ]
    assert figure in bad.figure and advice in bad.advice
