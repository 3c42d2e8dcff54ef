# SPDX-License-Identifier: Apache-2.0
"""Small networks that learn the same thing from different draws, and one that learns from them.

What the data says they agree on; where it says nothing each goes its own way, and their mean says
less than any of them would. It is as good a teacher as there is: it can be asked about any place.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grasp_ros.world_model.tensors import Layer

RATE = 4e-3  # at most, in a training of one cycle


class Networks(nn.Module):
    """Networks of one shape side by side, SiLU between their layers: (E, N, I) -> logits (E, N).

    They start as torch starts a layer, but from a generator of their own.
    """

    def __init__(self, count: int, sizes: tuple[int, ...], generator: torch.Generator):
        super().__init__()
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for inputs, outputs in pairwise(sizes):
            for one, rows in ((self.weights, inputs), (self.biases, 1)):
                values = torch.empty(count, rows, outputs)
                one.append(nn.Parameter(values.uniform_(*_start(inputs), generator=generator)))

    def forward(self, x: Tensor) -> Tensor:
        """x (E, N, I), or (N, I) for all of them."""
        last = len(self.weights) - 1
        x = x.expand(len(self.weights[0]), *x.shape[-2:])
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            x = torch.baddbmm(bias, x, weight)
            x = x if number == last else F.silu(x)
        return x[..., 0]

    def layers(self) -> list[Layer]:
        """Of the first."""
        pairs = zip(self.weights, self.biases, strict=True)
        return [(weight[0].detach().T.contiguous(), bias[0, 0].detach()) for weight, bias in pairs]


def fit(networks: Networks, steps: int, draw: Callable[[], tuple[Tensor, Tensor]]) -> None:
    """Train on what `draw` gives for each step: places (E, N, I) or (N, I), and what is to be said
    of them, 0 to 1, (E, N) or (N,)."""
    optimiser = torch.optim.AdamW(networks.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in range(steps):
        places, truth = draw()
        said = networks(places)
        loss = F.binary_cross_entropy_with_logits(said, truth.expand_as(said))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()


def _start(inputs: int) -> tuple[float, float]:
    bound = inputs**-0.5
    return -bound, bound
