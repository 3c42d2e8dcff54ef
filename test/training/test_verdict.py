# SPDX-License-Identifier: Apache-2.0
"""A model that cannot plan is recognised, and each figure says what to do."""

import numpy as np
import pytest

from grasp_ros.training.verdict import (
    connected_share,
    expected_arrival,
    judge,
    overall,
    unusable,
)
from grasp_ros.world_model.fields import LONGEST

REPORT = {
    'edges': 3000,
    'map_connected_share': 0.95,
    'held_out_ways': 0.99,
    'seldom': [[0, -1.2, -0.8, 0.01], [1, 0.5, 0.9, 0.024]],
    'cut_off': None,
    'full_step': [0.04, 0.04],
    'expected_arrival': [0.03, 0.05],
    'joint_error': {'median': [0.01, 0.02], 'p95': [0.03, 0.05]},
    'joint_spread': [1.0, 1.5],
    'latent_distance_same_place_p95': 0.1,
    'latent_distance_one_step': [1.0, 0.5],
    'prediction_error_over_do_nothing': {1: 0.6, 10: 0.4, 50: 0.3},
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
    assert [one.verdict for one in judged] == ['good'] * 11
    assert overall(judged) == ('good', ())


@pytest.mark.parametrize(
    'changes, figure, advice',
    [
        ({'map_connected_share': 0.3}, 'places of the map', 'shoulder from -1.2 to -0.8 (1 % of'),
        ({'held_out_ways': 0.4}, 'start and a goal', 'elbow from 0.5 to 0.9 (2.4 % of'),
        (
            {'held_out_ways': 0.4, 'cut_off': [1, -0.5, 0.1, 0.7]},
            'start and a goal',
            '70 % have no way where elbow from -0.5 to 0.1',
        ),
        ({'expected_arrival': [0.03, 0.5]}, 'miss of elbow', 'elbow is what the goal says least'),
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


@pytest.mark.parametrize(
    'changes, figure, advice',
    [
        ({'prediction_error_over_do_nothing': {1: 0.6, 50: 0.3}}, '10 steps ahead', 'unbroken'),
        (
            {
                'joint_spread': [1.0, 0.03],
                'joint_error': {'median': [0.01, 0.02], 'p95': [0.03, 0.04]},
                'latent_distance_one_step': [1.0, 0.0],
            },
            'how far elbow goes',
            'elbow hardly moves in the bags: goals that differ in it are out of reach',
        ),
    ],
)
def test_what_is_not_known_is_fair_and_says_what_to_do(changes, figure, advice):
    judged = judge(REPORT | changes, ('shoulder', 'elbow'))
    (fair,) = [one for one in judged if one.verdict != 'good']
    assert fair.verdict == 'fair' and figure in fair.figure and advice in fair.advice


def test_each_joint_is_judged_by_its_own_step():
    report = REPORT | {'full_step': [0.004, 0.04]}
    (bad,) = [one for one in judge(report, ('slider', 'elbow')) if one.verdict == 'bad']
    assert 'miss of slider' in bad.figure


def test_one_step_for_all_joints_as_in_older_bundles_is_read():
    report, joints = REPORT | {'full_step': 0.04}, ('shoulder', 'elbow')
    assert list(judge(report, joints)) == list(judge(REPORT, joints))


def test_reasons_are_as_short_as_a_bundle_takes_them():
    joints = tuple(f'left_arm_joint_of_a_long_name_{j}' for j in range(20))
    few = {
        name: [REPORT[name][0]] * 20
        for name in ('full_step', 'expected_arrival', 'joint_spread', 'latent_distance_one_step')
    }
    few['joint_error'] = {'median': [0.01] * 20, 'p95': [0.03] * 20}
    few['seldom'] = [[j, -1.2, -0.8, 0.02 - 0.001 * j] for j in range(20)]
    _, reasons = overall(list(judge(REPORT | few | {'held_out_ways': 0.4}, joints)))
    assert all(len(one) <= LONGEST for one in reasons)
    assert f'{joints[19]} from' in reasons[0] and f'{joints[0]} from' not in reasons[0]


@pytest.mark.parametrize(
    'changes, grade, count',
    [
        ({'held_out_ways': 0.8}, 'fair', 1),
        ({'held_out_ways': 0.4, 'map_connected_share': 0.6}, 'bad', 1),
        ({'held_out_ways': 0.4, 'map_connected_share': 0.2}, 'bad', 2),
    ],
)
def test_bundle_is_as_good_as_its_worst_figure(changes, grade, count):
    seen, reasons = overall(list(judge(REPORT | changes, ('shoulder', 'elbow'))))
    assert seen == grade and len(reasons) == count
    assert all('record more' in one for one in reasons)


def test_arrival_is_as_exact_as_picture_and_tolerance_allow():
    miss = expected_arrival(
        head_error=np.array([0.03, 0.03, 0.03]),
        tolerance=1.0,
        one_step=np.array([1.0, 0.5, 0.0]),  # the last one does not show at all
        full_step=np.array([0.04, 0.04, 0.04]),
        spread=np.array([1.0, 1.0, 0.9]),
    )
    assert miss == pytest.approx([0.05, np.hypot(0.03, 0.08), 0.9])
