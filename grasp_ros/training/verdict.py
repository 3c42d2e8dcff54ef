# SPDX-License-Identifier: Apache-2.0
"""What the figures of a trained model mean: good enough, or what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from grasp_ros.training.coverage import Range
from grasp_ros.types import FloatArray
from grasp_ros.world_model.manifest import Grade

USABLE = 0.1  # share of the map that hangs together: below, almost no goal has a way
JOINED, WHOLE = 0.5, 0.9  # bad below, good from there on
OPEN, CLOSED = 0.95, 0.7  # share of held-out pairs with a way: good from there on, bad below
NEAR, OFF = 2.0, 6.0  # full steps that a reached goal is missed by: good below, bad from there on
HORIZONS = (1, 10, 50)  # steps ahead that predictions are judged at
CLEAR, UNSEEN = 0.1, 0.5  # error of a joint over a blind guess's: good below, bad from there on
BELOW_GOOD: tuple[Grade, ...] = ('bad', 'fair')
RANGES = 4  # that are named, the thinnest: a bundle's reasons are short
SIGHT = 2.0  # a full step of each joint should move the latent by so many times what rest does


@dataclass(frozen=True)
class Judged:
    """One figure: in words what it is, its value, what is good, and what to do when it is not."""

    figure: str
    value: str
    good: str
    verdict: Grade
    advice: str


def connected_share(places: int, edges: NDArray[np.int64]) -> float:
    """The share of `places` landmarks in the largest set that can all reach each other.

    edges (E, 2): from, to.
    """
    if len(edges) == 0:
        return 0.0
    ones = np.ones(len(edges), dtype=np.int8)
    graph = coo_array((ones, (edges[:, 0], edges[:, 1])), shape=(places, places))
    _, labels = connected_components(graph, directed=True, connection='strong')
    return float(np.bincount(labels).max()) / places


def unusable(report: dict[str, Any]) -> str | None:
    """Why nothing can be planned with a model of this report, or None."""
    share = report['map_connected_share']
    if not report['edges']:
        return 'the map has no edges: no way from any place to another'
    if share < USABLE:
        return f'the map is in pieces: the largest holds {100 * share:.0f} % of its places'
    return None


def expected_arrival(
    head_error: FloatArray,
    tolerance: float,
    one_step: FloatArray,
    full_step: FloatArray,
    spread: FloatArray,
) -> FloatArray:
    """How far 19 of 20 reached goals are missed by at most, for each joint (J,), m or rad.

    What the picture does not tell (head_error (J,), 95th percentile on held-out frames), and how
    far the joint moves within the goal's latent tolerance: one_step (J,) is the latent distance of
    a full_step (J,), m or rad, of each joint. spread (J,): a blind guess is not further off.
    """
    slack = full_step * tolerance / np.maximum(one_step, 1e-9)
    return np.minimum(np.hypot(head_error, slack), spread)


def overall(judged: list[Judged]) -> tuple[Grade, tuple[str, ...]]:
    """The worst grade, and every figure that has it, in words; no reasons for a good one."""
    for grade in BELOW_GOOD:
        reasons = [
            f'{one.figure}: {one.value}, good is {one.good}; {one.advice}'
            for one in judged
            if one.verdict == grade
        ]
        if reasons:
            return grade, tuple(reasons)
    return 'good', ()


def judge(report: dict[str, Any], joints: tuple[str, ...]) -> Iterator[Judged]:
    """The report's figures in plain words."""
    share, more = report['map_connected_share'], _where(report, joints)
    yield Judged(
        'places of the map that reach each other',
        f'{100 * share:.0f} %',
        f'over {100 * WHOLE:.0f} %',
        'good' if share >= WHOLE else 'fair' if share >= JOINED else 'bad',
        f'goals outside have no way: {more}; train with more --encoder-steps',
    )
    ways = report['held_out_ways']
    yield Judged(
        'pairs of a start and a goal, from frames not trained on, with a way between',
        f'{100 * ways:.0f} %',
        f'over {100 * OPEN:.0f} %',
        'good' if ways >= OPEN else 'fair' if ways >= CLOSED else 'bad',
        f'{more}; train with more --encoder-steps and --dynamics-steps',
    )
    yield from _foreseen(report['prediction_error_over_do_nothing'])
    # One full step for all joints in older bundles.
    steps = np.broadcast_to(report['full_step'], len(joints)).tolist()
    moved: list[tuple[int, str]] = []
    for j, (joint, spread) in enumerate(zip(joints, report['joint_spread'], strict=True)):
        if spread >= steps[j]:
            moved.append((j, joint))
            continue
        yield Judged(
            f'how far {joint} goes from its usual place, 19 of 20, m or rad',
            f'{spread:.2g}',
            f'over {steps[j]:.2g}',
            'fair',
            f'{joint} hardly moves in the bags: goals that differ in it are out of reach',
        )
    yield from _joints_shown(report, moved)
    for j, joint in moved:
        miss, step = report['expected_arrival'][j], steps[j]
        yield Judged(
            f'miss of {joint} at a reached goal, 19 of 20, m or rad',
            f'{miss:.3g}',
            f'below {NEAR * step:.2g}',
            'good' if miss < NEAR * step else 'fair' if miss < OFF * step else 'bad',
            f'{joint} is what the goal says least of: another camera position, a larger '
            '--image-size, more --encoder-steps',
        )
    still = report['latent_distance_same_place_p95']
    for j, joint in moved:
        seen = report['latent_distance_one_step'][j] / still if still else float('inf')
        yield Judged(
            f'how well the camera sees a full step of {joint}, rest = 1',
            f'{seen:.1f}',
            f'over {SIGHT:g}',
            'good' if seen >= SIGHT else 'fair' if seen >= 1 else 'bad',
            'goals are reached less exactly along this joint: another camera position, a larger '
            '--image-size, a steadier light',
        )


def _foreseen(ratios: dict[int, float]) -> Iterator[Judged]:
    for horizon in HORIZONS:
        ratio = ratios.get(horizon)
        if ratio is None:
            grade: Grade = 'fair'
            advice = 'record longer unbroken stretches of motion, the last tenth of each bag too'
        else:
            grade = 'good' if ratio < 0.7 else 'fair' if ratio < 1 else 'bad'
            advice = (
                'the model does not foresee its actions: look at correlation in grasp-ros check; '
                'record longer; train with more --encoder-steps and --dynamics-steps'
            )
        yield Judged(
            f'prediction error {horizon} steps ahead, doing nothing = 1',
            'not measured' if ratio is None else f'{ratio:.2f}',
            'below 0.7',
            grade,
            advice,
        )


def _where(report: dict[str, Any], joints: tuple[str, ...]) -> str:
    """Where to record more: the ranges with the fewest frames and the fewest ways."""
    ranges = sorted((Range(*each) for each in report['seldom']), key=lambda one: one.share)
    thin = [
        f'{one.words(joints)} ({100 * one.share:.2g} % of the frames)' for one in ranges[:RANGES]
    ]
    more = f'record more, there most of all: {", ".join(thin)}'
    if (without := report['cut_off']) is not None:
        one = Range(*without)
        more += f'; {100 * one.share:.0f} % have no way where {one.words(joints)}'
    return more


def _joints_shown(report: dict[str, Any], joints: list[tuple[int, str]]) -> Iterator[Judged]:
    errors = report['joint_error']
    for j, joint in joints:
        median, p95, blind = errors['median'][j], errors['p95'][j], report['joint_spread'][j]
        clear, unseen = p95 < CLEAR * blind, p95 >= UNSEEN * blind
        measured = report.get('joints_input', False)  # none in older bundles
        poor: Grade = 'bad' if unseen and not measured else 'fair'
        seen = f'the camera does not show {joint}' if unseen else f'{joint} is seen vaguely'
        if measured:
            seen += '; the encoder sees it measured, but a picture alone as a goal tells less'
        yield Judged(
            f'error of {joint} read from the picture, m or rad',
            f'{p95:.3g} (median {median:.3g})',
            f'below {CLEAR * blind:.2g}',
            'good' if clear else poor,
            f'{seen}: another camera position, a larger --image-size, more --encoder-steps',
        )
