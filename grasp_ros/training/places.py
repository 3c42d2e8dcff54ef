# SPDX-License-Identifier: Apache-2.0
"""Where landmarks may stand: frames of the recordings, evenly in time, each place once."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grasp_ros.training.dataset import Dataset

MOVING = 0.5  # of a full step: frames between which a joint went so far are a step apart
SAME_PLACE = 0.5  # of a model step: what is nearer is no second place
CANDIDATES = 15_000  # frames that are looked at: more take long and show no other places
BLOCK = 1024


def places(data: Dataset, latents: Tensor) -> NDArray[np.int64]:
    """Frames of the latents (N, D) that show different places, in recorded order."""
    count = min(len(latents), CANDIDATES)
    frames = np.unique(np.linspace(0, len(latents) - 1, count).round().astype(np.int64))
    return frames[_apart(latents[frames], SAME_PLACE * _one_step(data, latents))]


def evenly(frames: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """At most `count` of the frames, evenly spread over their order."""
    if count >= len(frames):
        return frames
    return frames[np.linspace(0, len(frames) - 1, count).round().astype(np.int64)]


def _one_step(data: Dataset, latents: Tensor) -> float:
    """The latent distance (median) of consecutive frames between which the robot moves."""
    moved = (np.abs(np.diff(data.positions, axis=0)) / data.full_step()).max(axis=1)
    moving = data.follows[:-1] & (moved >= MOVING)
    between = (latents[1:] - latents[:-1]).norm(dim=1).numpy()
    return float(np.median(between[moving]))


def _apart(latents: Tensor, distance: float) -> NDArray[np.int64]:
    """Indices of latents (N, D), each further than `distance` from all that are taken before."""
    taken: list[int] = []
    for first in range(0, len(latents), BLOCK):
        block = latents[first : first + BLOCK]
        free = np.ones(len(block), dtype=bool)
        if taken:
            free = (torch.cdist(block, latents[taken]).amin(dim=1) > distance).numpy()
        near = (torch.cdist(block, block) <= distance).numpy()
        for index in range(len(block)):
            if free[index]:
                taken.append(first + index)
                free[index:] &= ~near[index, index:]
    return np.array(taken)
