# SPDX-License-Identifier: Apache-2.0
"""A way through the latent space, over remembered places, in model steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grasp_ros.types import FloatArray


@dataclass(frozen=True)
class Path:
    """A way through latent space: one latent a model step (T + 1, D), and its landmarks.

    times (K + 2,): model steps, without tolls, to the start, to each landmark, and to the goal.
    cost: model steps with tolls.
    """

    latents: Tensor
    landmarks: tuple[int, ...]
    times: FloatArray
    cost: float

    @property
    def steps(self) -> float:
        """Model steps that it takes, without tolls."""
        return float(self.times[-1])


def every_step(stops: Tensor, times: FloatArray) -> Tensor:
    """Stops (K, D) passed at `times` (K,), model steps, to one place a step, by straight lines."""
    count = max(1, int(np.ceil(times[-1])))
    at = np.linspace(0.0, times[-1], count + 1)
    after = np.clip(np.searchsorted(times, at, side='right'), 1, len(times) - 1)
    span = times[after] - times[after - 1]
    # Stops at one time: the later one, so that the last latent is the goal.
    share = np.clip((at - times[after - 1]) / np.maximum(span, 1e-9), span <= 1e-9, 1.0)
    weight = torch.as_tensor(share, dtype=stops.dtype, device=stops.device)[:, None]
    index = torch.as_tensor(after, device=stops.device)
    return stops[index - 1] * (1 - weight) + stops[index] * weight
