# SPDX-License-Identifier: Apache-2.0
"""Latent dynamics in torch: the one seam that planners see."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from grasp_ros.types import BadInput
from grasp_ros.world_model.linear import linear

Step = Callable[[Tensor, Tensor], Tensor]
"""step(z (N, D), a (N, A)) -> z' (N, D): one model step of the world.

A model with history carries it in the latent, so that planners need not know of it.
"""


class Dynamics(nn.Module):
    """A Step with weights. All of its state is in its state_dict.

    architecture: its name in ARCHITECTURES. settings: the whole numbers that it is built with
    beside latent and action size, by name, with the lowest and highest. config: their values.
    """

    architecture: ClassVar[str]
    settings: ClassVar[Mapping[str, tuple[int, int]]]

    def __init__(self, latent: int, action: int, **config: int):
        super().__init__()
        self.config = config


class ResidualMLP(Dynamics):
    """z' = z + f(z, a), with `depth` hidden layers of `width`."""

    architecture = 'residual_mlp'
    settings: ClassVar = {'width': (1, 8192), 'depth': (1, 64)}

    def __init__(self, latent: int, action: int, width: int, depth: int):
        super().__init__(latent, action, width=width, depth=depth)
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
            x = linear(x, layer.weight, layer.bias, silu=True)  # type: ignore[arg-type]
        return z + linear(x, self.last.weight, self.last.bias)


ARCHITECTURES: dict[str, type[Dynamics]] = {kind.architecture: kind for kind in (ResidualMLP,)}


def load_dynamics(
    architecture: str,
    config: Mapping[str, int],
    latent: int,
    action: int,
    state: dict[str, Tensor],
) -> Dynamics:
    """Dynamics with these weights, for latents (N, D) and actions (N, A), without gradients.

    Raises BadInput for weights of another shape or type. Nothing is allocated but what they take:
    a manifest cannot ask for more memory than its files are large.
    """
    with torch.device('meta'):
        dynamics = ARCHITECTURES[architecture](latent, action, **config)
    if wrong := {name: one.dtype for name, one in state.items() if one.dtype != torch.float32}:
        raise BadInput(f'weights are {wrong}; float32 expected')
    try:
        dynamics.load_state_dict(state, assign=True)
    except RuntimeError as error:
        raise BadInput(f'weights do not fit {architecture} {dict(config)}: {error}') from error
    return dynamics.requires_grad_(False).eval()


def rollout(step: Step, z: Tensor, actions: Tensor) -> Tensor:
    """The true serial rollout: z (N, D), actions (N, T, A) -> latents (N, T + 1, D)."""
    latents = [z]
    for t in range(actions.shape[1]):
        latents.append(step(latents[-1], actions[:, t]))
    return torch.stack(latents, dim=1)
