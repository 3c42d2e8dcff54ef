# SPDX-License-Identifier: Apache-2.0
"""The roadmap's landmarks and edges, from the latents of the exploration data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grasp_ros.planning.greedy import travel_steps
from grasp_ros.training.dataset import Dataset
from grasp_ros.training.places import evenly, places
from grasp_ros.training.visited import Visited
from grasp_ros.training.ways import ways
from grasp_ros.types import FloatArray
from grasp_ros.world_model.dynamics import Step
from grasp_ros.world_model.manifest import RoadmapSettings
from grasp_ros.world_model.memory import Memory, encode_thumbnail
from grasp_ros.world_model.obstacles import Obstacles

NEAREST = 24  # landmarks, by latent distance, that each is tried to be joined with, both ways
# Landmarks that are tried: fewer are too rough a memory to tell what was never seen, and a search
# of more takes too long.
FEWEST, MOST = 500, 5000
LARGEST = 7_000_000  # bytes of the memory's file: a bundle has at most 10 MB
SAME_SHARE, SAME_LENGTH = 0.02, 1.03  # as many ways, and as short
LOOK_AHEAD = 2  # doublings of the number that must not make it better
EDGE_BYTES = 20
BATCH = 4096  # travels at a time


def build_memory(
    data: Dataset,
    latents: Tensor,
    unseen: Tensor,
    step: Step,
    settings: RoadmapSettings,
    obstacles: Obstacles | None,
    rng: np.random.Generator,
    count: int | None = None,
) -> Memory:
    """Landmarks evenly in time over the latents (N, D), joined where the model can go.

    unseen (U, D): latents of frames held out. count: how many landmarks; None: as few as open as
    many ways between the unseen as more of them would, about as short.
    """
    frames = places(data, latents)
    actions = data.actions.shape[1]

    def memory_of(size: int) -> Memory:
        chosen = evenly(frames, size)
        edges, steps = _joined(data, latents, chosen, step, actions, settings.connect_steps)
        positions = torch.from_numpy(data.positions[chosen]).to(torch.float32)
        return Memory(latents[chosen].contiguous(), positions, edges, steps, {})

    if count is None:
        seed = int(rng.integers(2**32))

        def try_ways(memory: Memory) -> FloatArray:
            pairs = np.random.default_rng(seed)  # the same ones in each
            return ways(memory, step, actions, settings, unseen, obstacles, pairs)[1]

        sizes = _sizes(data, frames, latents.shape[1])
        memory = _as_good_as_any(map(memory_of, sizes), try_ways)
    else:
        memory = memory_of(count)
    shown = evenly(frames, len(memory.latents))
    pictures = {
        camera: tuple(encode_thumbnail(of[one]) for one in shown)
        for camera, of in data.images.items()
    }
    return replace(memory, thumbnails=pictures)


def _sizes(data: Dataset, frames: NDArray[np.int64], latent: int) -> list[int]:
    """Numbers of landmarks to try, each about twice the one before; the last: all that fit."""
    some = evenly(frames, 50)
    pictures = sum(len(encode_thumbnail(of[one])) for of in data.images.values() for one in some)
    numbers = 4 * (latent + data.positions.shape[1])
    each = pictures / len(some) + numbers + 2 * NEAREST * EDGE_BYTES
    most = min(len(frames), MOST, int(LARGEST / each))
    return [*(FEWEST * 2**i for i in range(16) if FEWEST * 2**i < most / 1.5), most]


def _as_good_as_any(
    memories: Iterable[Memory], try_ways: Callable[[Memory], FloatArray]
) -> Memory:
    """The first of growing memories that larger ones are hardly better than.

    try_ways: what the same ways cost in each, inf for none.
    """
    tried: list[tuple[Memory, FloatArray]] = []
    for memory in memories:
        tried.append((memory, try_ways(memory)))
        best = _enough([steps for _, steps in tried])
        shared = np.isfinite(tried[best][1]).mean()
        # Ways become shorter by little and little: twice as many alone would not show it.
        if best < len(tried) - LOOK_AHEAD and shared >= 1 - SAME_SHARE:
            break
    return tried[best][0]


def _enough(tried: list[FloatArray]) -> int:
    """The first of the trials (costs of the same ways, inf for none) that is as good as any."""
    shares = [float(np.isfinite(steps).mean()) for steps in tried]
    for index, steps in enumerate(tried):
        longest = max(_longer(steps, other) for other in tried)
        if shares[index] >= max(shares) - SAME_SHARE and longest <= SAME_LENGTH:
            return index
    return int(np.argmax(shares))


def _longer(steps: FloatArray, other: FloatArray) -> float:
    """How many times longer all ways are than others between the same places."""
    both = np.isfinite(steps) & np.isfinite(other)
    return float(steps[both].sum() / max(other[both].sum(), 1e-9)) if both.any() else 1.0


def _joined(
    data: Dataset,
    latents: Tensor,
    chosen: NDArray[np.int64],
    step: Step,
    actions: int,
    connect_steps: int,
) -> tuple[Tensor, Tensor]:
    """Edges (E, 2) between the chosen frames, each way of its own, and their model steps (E,).

    Where the robot went from one chosen frame to the next and greedy control in the model does
    not, the time that it took then counts. Where the model arrives but no bag has been on the way,
    it may have cut a corner off: such an edge is none.
    """
    landmarks = latents[chosen]
    near = torch.cat(
        [
            torch.cdist(part, landmarks).topk(min(NEAREST + 1, len(chosen)), largest=False).indices
            for part in landmarks.split(1024)
        ]
    )
    each = torch.arange(len(chosen))[:, None].expand_as(near)
    pairs = torch.stack([each.flatten(), near.flatten()], dim=1)
    gaps = np.append(0, np.cumsum(~data.follows))[chosen]
    went = (np.diff(gaps) == 0) & (np.diff(chosen) <= connect_steps)
    travelled = torch.from_numpy(np.flatnonzero(went))
    travelled = torch.stack([travelled, travelled + 1], dim=1)
    pairs = torch.cat([pairs, pairs.flip(1), travelled])
    pairs = torch.unique(pairs[pairs[:, 0] != pairs[:, 1]], dim=0)
    with torch.no_grad():
        steps = torch.cat(
            [
                travel_steps(step, landmarks[a], landmarks[b], actions, connect_steps)
                for a, b in (part.T for part in pairs.split(BATCH))
            ]
        )
    been = Visited(data).between(*(data.positions[chosen][ends] for ends in pairs.numpy().T))
    steps = torch.where(torch.from_numpy(been), steps, torch.inf)
    seen = torch.full((len(chosen),), torch.inf)
    seen[travelled[:, 0]] = torch.from_numpy(np.diff(chosen)[went]).to(torch.float32)
    observed = torch.where(pairs[:, 1] == pairs[:, 0] + 1, seen[pairs[:, 0]], torch.inf)
    steps = torch.where(steps.isinf(), observed, steps)
    kept = steps.isfinite()
    return pairs[kept].contiguous(), steps[kept].clamp(min=1e-3).contiguous()
