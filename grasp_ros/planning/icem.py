# SPDX-License-Identifier: Apache-2.0
"""iCEM, the sampling baseline (Pinneri et al., arXiv 2008.06389): coloured noise, kept elites."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from grasp_ros.planning.anytime import Candidates
from grasp_ros.planning.noise import coloured
from grasp_ros.planning.problem import Deadline, Problem, WarmStart
from grasp_ros.planning.registry import IcemConfig
from grasp_ros.world_model.dynamics import Step, rollout


class Icem:
    """The algorithm; see anytime.Algorithm."""

    def __init__(self, step: Step, config: IcemConfig):
        self._step, self._config = step, config

    def propose(
        self,
        problem: Problem,
        warm_start: WarmStart | None,
        deadline: Deadline,
        generator: torch.Generator,
    ) -> Iterator[Candidates]:
        """The samples of each round."""
        config = self._config
        mean = problem.rest.expand(problem.horizon, -1)
        if warm_start is not None:
            mean = warm_start.actions
        std = torch.full_like(mean, config.init_std)
        elites = mean.new_zeros(0, *mean.shape)

        for iteration in range(config.iterations):
            if deadline() >= 1:
                break
            count = max(2 * config.elites, int(config.samples / config.decay**iteration))
            noise = coloured((count, *mean.shape), config.noise_beta, generator, mean)
            samples = (mean + std * noise).clamp(-1, 1)
            kept = elites[: int(config.keep_elites * config.elites)]
            samples = torch.cat([samples, kept, mean[None]])
            latents = rollout(self._step, problem.start.expand(len(samples), -1), samples)
            yield Candidates(samples, None, latents)
            costs = problem.cost(latents).nan_to_num(nan=torch.inf)
            elites = samples[costs.argsort()[: config.elites]]
            share = config.momentum
            mean = share * mean + (1 - share) * elites.mean(dim=0)
            std = share * std + (1 - share) * elites.std(dim=0)
