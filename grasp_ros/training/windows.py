# SPDX-License-Identifier: Apache-2.0
"""Runs of consecutive frames, to learn from."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from grasp_ros.types import BadInput


def windows(follows: NDArray[np.bool_], length: int) -> NDArray[np.int64]:
    """First indices of all runs of length + 1 frames without a gap; raises BadInput for none."""
    whole = np.convolve(follows.astype(int), np.ones(length, dtype=int), 'valid') == length
    starts = np.flatnonzero(whole)
    if len(starts) == 0:
        raise BadInput(f'no run of {length + 1} frames without a gap in the data')
    return starts


def batches(
    starts: NDArray[np.int64], length: int, size: int, count: int, rng: np.random.Generator
) -> Iterator[Tensor]:
    """`count` batches of window indices (size, length + 1)."""
    for _ in range(count):
        first = torch.from_numpy(rng.choice(starts, size))
        yield first[:, None] + torch.arange(length + 1)
