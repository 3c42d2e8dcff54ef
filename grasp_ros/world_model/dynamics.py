# SPDX-License-Identifier: Apache-2.0
"""Latent dynamics in torch: the one seam that planners see."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Step = Callable[[Tensor, Tensor], Tensor]
"""step(z (N, D), a (N, A)) -> z' (N, D): one model step of the world."""


class ResidualMLP(nn.Module):
    """z' = z + f(z, a), with `depth` hidden layers of `width`."""

    def __init__(self, latent: int, action: int, width: int, depth: int):
        super().__init__()
        sizes = [latent + action] + [width] * depth
        self.hidden = nn.ModuleList(nn.Linear(*pair) for pair in itertools.pairwise(sizes))
        self.last = nn.Linear(width, latent)
        nn.init.zeros_(self.last.weight)
        nn.init.zeros_(self.last.bias)

    def forward(self, z: Tensor, a: Tensor) -> Tensor:
        """One model step: z (N, D), a (N, A) -> (N, D)."""
        # Plain functions: at batch 1 the calls of nn.Module cost as much as the arithmetic.
        x = torch.cat([z, a], dim=-1)
        for layer in self.hidden:
            x = F.silu(F.linear(x, layer.weight, layer.bias), inplace=True)  # type: ignore[arg-type]
        return z + F.linear(x, self.last.weight, self.last.bias)


def rollout(step: Step, z: Tensor, actions: Tensor) -> Tensor:
    """The true serial rollout: z (N, D), actions (N, T, A) -> latents (N, T + 1, D)."""
    latents = [z]
    for t in range(actions.shape[1]):
        latents.append(step(latents[-1], actions[:, t]))
    return torch.stack(latents, dim=1)
