# SPDX-License-Identifier: Apache-2.0
"""What ways a map opens, between places that it was not made from."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from grasp_ros.planning.objective import Goal
from grasp_ros.planning.roadmap import Roadmap
from grasp_ros.training.coverage import cut_off
from grasp_ros.training.dataset import Dataset
from grasp_ros.training.verdict import connected_share
from grasp_ros.types import FloatArray
from grasp_ros.world_model.dynamics import Step
from grasp_ros.world_model.manifest import RoadmapSettings
from grasp_ros.world_model.memory import Memory
from grasp_ros.world_model.obstacles import Obstacles

GOALS, STARTS = 25, 4  # pairs that are tried: each goal from so many starts


def ways(
    memory: Memory,
    step: Step,
    actions: int,
    settings: RoadmapSettings,
    unseen: Tensor,
    obstacles: Obstacles | None,
    rng: np.random.Generator,
) -> tuple[np.ndarray, FloatArray]:
    """Starts and goals (P, 2), drawn from the latents `unseen` (N, D), and what ways cost (P,).

    In model steps with tolls, inf where there is no way.
    """
    roadmap = Roadmap(
        memory, step, actions, settings.connect_steps, settings.neighbours, obstacles
    )
    pairs, costs = [], []
    for goal in rng.integers(len(unseen), size=GOALS):
        roadmap.set_goal(Goal.of(unseen[goal], 1.0))
        for start in rng.integers(len(unseen), size=STARTS):
            path = roadmap.path(unseen[start])
            pairs.append((start, goal))
            costs.append(np.inf if path is None else path.cost)
    return np.array(pairs), np.array(costs)


def map_report(
    memory: Memory, learnt: Dataset, held_out: Dataset, pairs: np.ndarray, costs: FloatArray
) -> dict[str, Any]:
    """What is said of a map in a bundle. pairs, costs: of `ways` between frames held out."""
    reached = np.isfinite(costs)
    without = cut_off(learnt.positions, held_out.positions[pairs], reached)
    share = connected_share(len(memory.latents), memory.edges.numpy())
    return {
        'landmarks': len(memory.latents),
        'edges': len(memory.edges),
        'map_connected_share': round(share, 4),
        'held_out_ways': round(float(reached.mean()), 4),
        'cut_off': without and without.plain(),
    }
