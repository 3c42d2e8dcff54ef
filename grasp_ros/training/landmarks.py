# SPDX-License-Identifier: Apache-2.0
"""The roadmap's landmarks and edges, from the latents of the exploration data."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grasp_ros.planning.greedy import travel_steps
from grasp_ros.training.dataset import CAMERA, Dataset
from grasp_ros.world_model.dynamics import Step
from grasp_ros.world_model.memory import Memory, encode_thumbnail

MIN_CROSSINGS = 2  # an edge that was seen once may be an encoder's slip


def build_memory(
    data: Dataset,
    latents: Tensor,
    step: Step,
    count: int,
    connect_steps: int,
    rng: np.random.Generator,
) -> Memory:
    """`count` landmarks spread over the latents (N, D), joined where the robot went between them.

    An edge costs the model steps that greedy control needs for it, and is dropped where it fails
    within `connect_steps`.
    """
    chosen = _farthest_points(latents, count, rng)
    landmarks = latents[chosen]
    cell = torch.cat([torch.cdist(part, landmarks).argmin(1) for part in latents.split(4096)])
    cells = cell.numpy()
    before, after = cells[:-1][data.follows[:-1]], cells[1:][data.follows[:-1]]
    moved = before != after
    pairs, crossings = np.unique(
        np.stack([before[moved], after[moved]], axis=1), axis=0, return_counts=True
    )
    pairs = pairs[crossings >= MIN_CROSSINGS]
    edges = torch.from_numpy(pairs)
    with torch.no_grad():
        steps = travel_steps(
            step,
            landmarks[edges[:, 0]],
            landmarks[edges[:, 1]],
            data.actions.shape[1],
            connect_steps,
        )
    passable = steps.isfinite()
    return Memory(
        landmarks.contiguous(),
        torch.from_numpy(data.positions[chosen]).to(torch.float32),
        edges[passable].contiguous(),
        steps[passable].contiguous(),
        {CAMERA: tuple(encode_thumbnail(data.images[index]) for index in chosen)},
    )


def _farthest_points(latents: Tensor, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of `count` latents, each the one farthest from those before it."""
    first = int(rng.integers(len(latents)))
    chosen, nearest = [first], (latents - latents[first]).square().sum(1)
    while len(chosen) < min(count, len(latents)):
        index = int(nearest.argmax())
        chosen.append(index)
        nearest = torch.minimum(nearest, (latents - latents[index]).square().sum(1))
    return np.array(chosen)
