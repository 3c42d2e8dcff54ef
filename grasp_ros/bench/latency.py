# SPDX-License-Identifier: Apache-2.0
"""How long one replan takes: encoder, way over the roadmap, and all of the plan, at batch 1."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from grasp_ros.config import PlannerNodeConfig
from grasp_ros.control.receding_horizon import RecedingHorizon
from grasp_ros.control.reference import Reference
from grasp_ros.types import NS, BadInput, Observation, Refused
from grasp_ros.world_model.bundle import Bundle

TRIES = 10  # pairs for each replan


class Times(NamedTuple):
    """Of two replans of one pair, ms; next_ms is plan_ms of the second, see Replan.

    The first has no plan before it. Beside the second the first plan goes on, as most do.
    """

    encode_ms: float
    way_ms: float
    plan_ms: float
    next_ms: float


def replans(
    bundle: Bundle,
    config: PlannerNodeConfig,
    count: int,
    seed: int,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Iterator[Times]:
    """Of `count` pairs of random landmarks, from the one to the other.

    The images are the landmarks' thumbnails, at the camera's size; pairs are left out where what
    JPEG did to them is refused. Raises BadInput where hardly any pair is left.
    """
    places = len(bundle.memory.latents)
    rng = np.random.default_rng(seed)
    stamp, done = NS, 0

    def seen(landmark: int, stamp_ns: int) -> Observation:
        return replace(bundle.remembered(landmark), stamp_ns=stamp_ns)

    loop = RecedingHorizon(bundle, config, Reference, lambda: stamp, clock)
    loop.warm_up()
    for start, goal in rng.integers(places, size=(TRIES * count, 2)).tolist():
        if done == count:
            return
        stamp += NS
        refused = loop.set_goal(seen(goal, stamp))
        first = refused or loop.replan(seen(start, stamp))
        stamp += NS // 10
        after = refused or loop.replan(seen(start, stamp))
        if not isinstance(first, Refused) and not isinstance(after, Refused):
            done += 1
            spent = first.encode_ns, first.way_ns, first.plan_ns, after.plan_ns
            yield Times(*(one / 1e6 for one in spent))
    if done < count:
        raise BadInput(f'{done} of {TRIES * count} pairs of landmarks can be planned between')
