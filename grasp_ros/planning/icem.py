# SPDX-License-Identifier: Apache-2.0
"""iCEM, the sampling baseline (Pinneri et al., arXiv 2008.06389): coloured noise, kept elites."""

from __future__ import annotations

import torch

from grasp_ros.config import IcemConfig
from grasp_ros.planning.noise import coloured
from grasp_ros.planning.problem import Deadline, Incumbent, Plan, Problem, WarmStart, never
from grasp_ros.world_model.dynamics import Step, rollout


class Icem:
    """The planner; `actions` is the number of action dimensions A."""

    def __init__(self, step: Step, actions: int, config: IcemConfig, seed: int):
        self._step, self._actions, self._config, self._seed = step, actions, config, seed

    @torch.no_grad()
    def plan(
        self, problem: Problem, warm_start: WarmStart | None = None, deadline: Deadline = never
    ) -> Plan:
        """The best true rollout seen before the deadline; see Planner."""
        config, device = self._config, problem.start.device
        generator = torch.Generator(device).manual_seed(self._seed)
        incumbent = Incumbent(self._step, problem)
        mean = problem.rest.expand(problem.horizon, -1)
        if warm_start is not None:
            mean = warm_start.actions
        incumbent.offer(mean[None], None)
        std = torch.full_like(mean, config.init_std)
        elites = mean.new_zeros(0, *mean.shape)

        for iteration in range(config.iterations):
            if deadline():
                break
            count = max(2 * config.elites, int(config.samples / config.decay**iteration))
            shape = (count, problem.horizon, self._actions)
            noise = coloured(shape, config.noise_beta, generator, device)
            samples = (mean + std * noise).clamp(-1, 1)
            kept = elites[: int(config.keep_elites * config.elites)]
            samples = torch.cat([samples, kept, mean[None]])
            latents = rollout(self._step, problem.start.expand(len(samples), -1), samples)
            incumbent.offer(samples, None, latents)
            elites = samples[
                problem.cost(latents).nan_to_num(nan=float('inf')).argsort()[: config.elites]
            ]
            share = config.momentum
            mean = share * mean + (1 - share) * elites.mean(dim=0)
            std = share * std + (1 - share) * elites.std(dim=0)
        return incumbent.plan()
