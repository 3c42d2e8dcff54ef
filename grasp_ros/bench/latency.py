# SPDX-License-Identifier: Apache-2.0
"""How long one replan takes: encoder, and roadmap with planner, at batch 1."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from grasp_ros.config import PlannerNodeConfig
from grasp_ros.control.receding_horizon import RecedingHorizon
from grasp_ros.control.reference import Reference
from grasp_ros.types import NS, Observation, Refused
from grasp_ros.world_model.bundle import Bundle


def replans(
    bundle: Bundle,
    config: PlannerNodeConfig,
    count: int,
    seed: int,
    clock: Callable[[], int] = time.perf_counter_ns,
) -> Iterator[tuple[float, float]]:
    """(encode_ms, plan_ms) of `count` replans from random landmarks to the farthest one.

    The images are the landmarks' thumbnails, at the camera's size. The robot does not move, so
    that every replan starts anew but for the warm start, as in the node.
    """
    memory = bundle.memory
    rng = np.random.default_rng(seed)
    starts = rng.integers(len(memory.latents), size=count)
    stamp = NS

    def seen(landmark: int, stamp_ns: int) -> Observation:
        return replace(bundle.remembered(landmark), stamp_ns=stamp_ns)

    loop = RecedingHorizon(bundle, config, Reference, lambda: stamp, clock)
    loop.warm_up()
    for start in starts.tolist():
        far = int((memory.latents - memory.latents[start]).norm(dim=1).argmax())
        loop.set_goal(seen(far, stamp))
        stamp += NS
        replan = loop.replan(seen(start, stamp))
        assert not isinstance(replan, Refused)
        yield replan.encode_ns / 1e6, replan.plan_ns / 1e6
