# SPDX-License-Identifier: Apache-2.0
"""Where to go, and what that means: the one metric that planners, roadmap and loop share."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from grasp_ros.types import BadInput


@dataclass(frozen=True, eq=False)
class Goal:
    """A place in latent space: latent (D,), what each dimension counts (D,), how near is there.

    A weight of 0 leaves a dimension free: wherever it ends is right. Goals whose dimensions all
    count 1 come from Goal.of; planners then leave the weights out.
    """

    latent: Tensor
    weight: Tensor
    tolerance: float
    unweighted: bool = False

    def __post_init__(self) -> None:
        if self.latent.dim() != 1 or self.latent.shape != self.weight.shape:
            raise BadInput(
                f'goal latent {tuple(self.latent.shape)} and weight {tuple(self.weight.shape)}, '
                'expected (D,) for both'
            )

    @classmethod
    def of(cls, latent: Tensor, tolerance: float) -> Goal:
        """The goal (D,) whose dimensions all count the same."""
        return cls(latent, torch.ones_like(latent), tolerance, unweighted=True)

    def distance(self, latent: Tensor) -> Tensor:
        """How far latents (..., D) are from the goal (...): sqrt(sum weight (z - g)²)."""
        return self._squared(latent).sqrt()

    def cost(self, latents: Tensor, running_weight: float = 0.0) -> Tensor:
        """The squared distance at the end of rollouts (N, T + 1, D), and a share of the way: (N,).

        running_weight: of the mean squared distance along the way. Squares are summed over the
        latent dimensions, not averaged.
        """
        cost = self._squared(latents[:, -1])
        if running_weight:
            cost = cost + running_weight * self._squared(latents[:, 1:]).mean(dim=1)
        return cost

    def pinned(self, latent: Tensor) -> Tensor:
        """Latents (..., D) moved to the goal in the dimensions that count."""
        if self.unweighted:
            return self.latent.expand_as(latent)
        return torch.where(self.weight > 0, self.latent, latent)

    def _squared(self, latent: Tensor) -> Tensor:
        square = (latent - self.latent).square()
        return (square if self.unweighted else square * self.weight).sum(dim=-1)
