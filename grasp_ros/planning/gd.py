# SPDX-License-Identifier: Apache-2.0
"""Shooting by gradient, the baseline without virtual states: Adam through the serial rollout."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from grasp_ros.planning.anytime import Candidates
from grasp_ros.planning.noise import coloured
from grasp_ros.planning.problem import Deadline, Problem, WarmStart
from grasp_ros.planning.registry import GdConfig
from grasp_ros.planning.sync import adam_eps
from grasp_ros.world_model.dynamics import Step, rollout


class Gd:
    """The algorithm; see anytime.Algorithm."""

    def __init__(self, step: Step, config: GdConfig):
        self._step, self._config = step, config

    def propose(
        self,
        problem: Problem,
        warm_start: WarmStart | None,
        deadline: Deadline,
        generator: torch.Generator,
    ) -> Iterator[Candidates]:
        """All restarts before each step; the first begins at the warm start, or at rest."""
        config = self._config
        first = problem.rest.expand(problem.horizon, -1)
        if warm_start is not None:
            first = warm_start.actions
        noise = coloured((config.restarts, *first.shape), config.noise_beta, generator, first)
        noise[0] = 0
        actions = (first + config.init_std * noise).clamp(-1, 1)
        optimiser = torch.optim.Adam([actions], lr=config.lr, eps=adam_eps(actions.dtype))
        start = problem.start.expand(config.restarts, -1)
        for _ in range(config.iterations):
            if deadline() >= 1:
                break
            with torch.enable_grad():
                tried = actions.detach().requires_grad_(True)
                latents = rollout(self._step, start, tried)
                (actions.grad,) = torch.autograd.grad(problem.cost(latents).sum(), tried)
            yield Candidates(actions, None, latents.detach())
            optimiser.step()
            actions.clamp_(-1, 1)
