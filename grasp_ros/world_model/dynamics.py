# SPDX-License-Identifier: Apache-2.0
"""Latent dynamics in torch: the one seam that planners see."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

Step = Callable[[Tensor, Tensor], Tensor]
"""step(z (N, D), a (N, A)) -> z' (N, D): one model step of the world."""


class ResidualMLP(nn.Module):
    """z' = z + f(z, a), with `depth` hidden layers of `width`."""

    def __init__(self, latent: int, action: int, width: int, depth: int):
        super().__init__()
        layers: list[nn.Module] = []
        size = latent + action
        for _ in range(depth):
            layers += [nn.Linear(size, width), nn.SiLU(inplace=True)]
            size = width
        last = nn.Linear(size, latent)
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, z: Tensor, a: Tensor) -> Tensor:
        """One model step: z (N, D), a (N, A) -> (N, D)."""
        return z + self.layers(torch.cat([z, a], dim=-1))


def rollout(step: Step, z: Tensor, actions: Tensor) -> Tensor:
    """The true serial rollout: z (N, D), actions (N, T, A) -> latents (N, T + 1, D)."""
    latents = [z]
    for t in range(actions.shape[1]):
        latents.append(step(latents[-1], actions[:, t]))
    return torch.stack(latents, dim=1)
