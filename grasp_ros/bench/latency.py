# SPDX-License-Identifier: Apache-2.0
"""How long one replan takes: encoder, way over the roadmap, and all of the plan, at batch 1."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from grasp_ros.config import PlannerNodeConfig
from grasp_ros.control.receding_horizon import RecedingHorizon
from grasp_ros.control.reference import Reference
from grasp_ros.types import NS, BadInput, Observation, Refused
from grasp_ros.world_model.bundle import Bundle

TRIES = 10  # pairs for each replan


def replans(
    bundle: Bundle,
    config: PlannerNodeConfig,
    count: int,
    seed: int,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Iterator[tuple[float, float, float]]:
    """(encode_ms, way_ms, plan_ms) of `count` replans from random landmarks to others.

    The images are the landmarks' thumbnails, at the camera's size; pairs are left out where what
    JPEG did to them is refused. Each replan is the first to its goal, without a plan before it.
    Raises BadInput where hardly any pair is left.
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
        replan = refused or loop.replan(seen(start, stamp))
        if not isinstance(replan, Refused):
            done += 1
            yield replan.encode_ns / 1e6, replan.way_ns / 1e6, replan.plan_ns / 1e6
    if done < count:
        raise BadInput(f'{done} of {TRIES * count} pairs of landmarks can be planned between')
