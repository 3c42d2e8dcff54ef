# SPDX-License-Identifier: Apache-2.0
"""iCEM: what its rounds hand on."""

from dataclasses import replace

import torch
from toy import behind_the_wall, walled

from grasp_ros.planning.icem import Icem
from grasp_ros.planning.problem import WarmStart, never
from grasp_ros.planning.registry import IcemConfig

SETTINGS = IcemConfig(samples=16, elites=4, iterations=12, init_std=2.0, momentum=0.9)


def rounds(settings: IcemConfig, warm_start: WarmStart | None = None):
    """Actions and costs of each round."""
    problem, generator = behind_the_wall(30), torch.Generator().manual_seed(0)
    for actions, _, latents in Icem(walled, settings).propose(
        problem, warm_start, never, generator
    ):
        yield actions, problem.cost(latents)


def test_the_best_of_a_round_is_kept_for_the_next():
    before = None
    for actions, costs in rounds(SETTINGS):
        if before is not None:
            assert (actions == before).flatten(1).all(dim=1).any()
        before = actions[costs.argmin()]


def test_no_elites_are_kept_where_none_are_asked_for():
    shares = (0.0, 0.5, 1.0)
    counts = [[len(a) for a, _ in rounds(replace(SETTINGS, keep_elites=k))] for k in shares]
    assert counts == [[17] * 12, [17] + [19] * 11, [17] + [21] * 11]


def test_search_begins_at_the_warm_start():
    warm = WarmStart(torch.full((30, 2), 0.25), torch.zeros(31, 2))
    actions, _ = next(rounds(SETTINGS, warm))
    assert (actions == 0.25).flatten(1).all(dim=1).any()
