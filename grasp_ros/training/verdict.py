# SPDX-License-Identifier: Apache-2.0
"""What the figures of a trained model mean: good enough, or what to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

USABLE = 0.1  # share of the map that hangs together: below, almost no goal has a way
JOINED, WHOLE = 0.5, 0.9  # bad below, good from there on
CLEAR, UNSEEN = 0.1, 0.5  # error of a joint over a blind guess's: good below, bad from there on
SIGHT = 2.0  # a full step of each joint should move the latent by so many times what rest does


@dataclass(frozen=True)
class Judged:
    """One figure: in words what it is, its value, what is good, and what to do when it is not."""

    figure: str
    value: str
    good: str
    verdict: Literal['good', 'fair', 'bad']
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


def judge(report: dict[str, Any], joints: tuple[str, ...]) -> Iterator[Judged]:
    """The report's figures in plain words."""
    share = report['map_connected_share']
    yield Judged(
        'places of the map that reach each other',
        f'{100 * share:.0f} %',
        f'over {100 * WHOLE:.0f} %',
        'good' if share >= WHOLE else 'fair' if share >= JOINED else 'bad',
        'goals outside have no way: record longer, everywhere; train with more --encoder-steps',
    )
    for horizon, ratio in sorted(report['prediction_error_over_do_nothing'].items()):
        yield Judged(
            f'prediction error {horizon} steps ahead, doing nothing = 1',
            f'{ratio:.2f}',
            'below 0.7',
            'good' if ratio < 0.7 else 'fair' if ratio < 1 else 'bad',
            'the model does not foresee its actions: look at correlation in grasp-ros check; '
            'record longer; train with more --encoder-steps and --dynamics-steps',
        )
    yield from _joints_shown(report, joints)
    still = report['latent_distance_same_place_p95']
    for joint, step in zip(joints, report['latent_distance_one_step'], strict=True):
        seen = step / still if still else float('inf')
        yield Judged(
            f'how well the camera sees a full step of {joint}, rest = 1',
            f'{seen:.1f}',
            f'over {SIGHT:g}',
            'good' if seen >= SIGHT else 'fair' if seen >= 1 else 'bad',
            'goals are reached less exactly along this joint: another camera position, a larger '
            '--image-size, a steadier light',
        )


def _joints_shown(report: dict[str, Any], joints: tuple[str, ...]) -> Iterator[Judged]:
    errors = report['joint_error']
    for joint, median, p95, blind in zip(
        joints, errors['median'], errors['p95'], report['joint_spread'], strict=True
    ):
        unseen = p95 >= UNSEEN * blind
        yield Judged(
            f'error of {joint} read from the picture, m or rad',
            f'{p95:.3g} (median {median:.3g})',
            f'below {CLEAR * blind:.2g}',
            'good' if p95 < CLEAR * blind else 'bad' if unseen else 'fair',
            (f'the camera does not show {joint}' if unseen else f'{joint} is seen vaguely')
            + ': another camera position, a larger --image-size, more --encoder-steps',
        )
