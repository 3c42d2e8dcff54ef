# SPDX-License-Identifier: Apache-2.0
"""GRASP: gradient planning over virtual states (arXiv 2602.00475).

    L(s, a) = sum_t |F(sg(s_t), a_t) - s_{t+1}|² + gamma sum_t |F(sg(s_t), a_t) - g|²

with s_0 and s_T = g fixed and sg = stop-gradient. Norms are sums over the latent dimensions. Time
is a batch axis: one call of the model predicts all T steps of all restarts.

Where the goal has weights, they count in the goal term and in the last step's fit, and the
dimensions of s_T that weigh nothing move as the other virtual states do.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grasp_ros.config import GraspConfig
from grasp_ros.planning import sync
from grasp_ros.planning.greedy import gauss_newton
from grasp_ros.planning.noise import coloured
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import Deadline, Incumbent, Plan, Problem, WarmStart, never
from grasp_ros.world_model.dynamics import Step

RESTART_BETA = 2.0  # colour of the noise that makes the restarts differ
RESTART_STD = 0.5


class Grasp:
    """The planner; `actions` is the number of action dimensions A."""

    def __init__(self, step: Step, actions: int, config: GraspConfig, seed: int):
        self._step, self._actions, self._config, self._seed = step, actions, config, seed

    @torch.no_grad()
    def plan(
        self, problem: Problem, warm_start: WarmStart | None = None, deadline: Deadline = never
    ) -> Plan:
        """The best true rollout seen before the deadline; see Planner."""
        config = self._config
        generator = torch.Generator(problem.start.device).manual_seed(self._seed)
        incumbent = Incumbent(self._step, problem)
        if warm_start is not None:
            incumbent.offer(warm_start.actions[None], warm_start.states[None])
        a, s = self._initial(problem, warm_start, generator)
        optimiser = self._optimiser(a, s)

        synced = False
        for iteration in range(1, config.iterations + 1):
            if deadline():
                break
            a_gradient, s_gradient = self._gradients(a, s, problem.goal)
            if config.action_step == 'gauss_newton':
                a.copy_(self._gauss_newton(a, s, problem.goal))
            a.grad, s.grad = a_gradient, s_gradient
            optimiser.step()
            s[:, 1:] += config.state_noise * torch.randn(
                s[:, 1:].shape, generator=generator, device=s.device
            )
            s[:, -1] = problem.goal.pinned(s[:, -1])
            a.clamp_(-1, 1)
            synced = config.sync != 'none' and iteration % config.sync_every == 0
            if synced:
                new, latents = self._sync(problem, a, s, deadline, generator)
                a.copy_(new)
                incumbent.offer(a, s, latents)
                optimiser = self._optimiser(a, s)  # moments restart after a sync
        if not synced:
            incumbent.offer(a, s)
        return incumbent.plan()

    def _initial(
        self, problem: Problem, warm_start: WarmStart | None, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Actions (R, T, A), virtual states (R, T + 1, D), ends fixed; restart 0 unperturbed."""
        config, horizon = self._config, problem.horizon
        start, goal = problem.start, problem.goal
        a = problem.rest.expand(horizon, -1)
        if config.init == 'warm' and warm_start is not None:
            a, s = warm_start.actions, warm_start.states
        elif config.init != 'line' and problem.path is not None:
            s = problem.path
        else:
            share = torch.linspace(0, 1, horizon + 1, dtype=start.dtype, device=start.device)
            s = start + share[:, None] * (goal.pinned(start) - start)
        a = a.repeat(config.restarts, 1, 1)
        s = s.repeat(config.restarts, 1, 1)
        if config.restarts > 1:
            shape = (config.restarts - 1, horizon, self._actions)
            a[1:] += RESTART_STD * coloured(shape, RESTART_BETA, generator, a.device)
        if config.state_noise:
            s += config.state_noise * torch.randn(s.shape, generator=generator, device=s.device)
        s[:, 0], s[:, -1] = start, goal.pinned(s[:, -1])
        return a.clamp_(-1, 1), s

    def _optimiser(self, a: Tensor, s: Tensor) -> torch.optim.Adam:
        config = self._config
        groups = [{'params': [s], 'lr': config.lr_states}]
        if config.action_step == 'adam':
            groups.append({'params': [a], 'lr': config.lr_actions})
        return torch.optim.Adam(groups)

    def _gradients(self, a: Tensor, s: Tensor, goal: Goal) -> tuple[Tensor | None, Tensor]:
        """dL/da by one VJP of F (None under Gauss-Newton), dL/ds in closed form."""
        gamma = self._config.gamma
        adam = self._config.action_step == 'adam'
        with torch.set_grad_enabled(adam):
            actions = a.detach().requires_grad_(adam)
            prediction = self._predict(s, actions)
        defect = (prediction.detach() - s[:, 1:]) * _fit_weight(a, goal)
        s_gradient = torch.zeros_like(s)
        s_gradient[:, 1:] = -2 * defect
        if not adam:
            return None, s_gradient
        to_goal = (prediction.detach() - goal.latent) * goal.weight
        cotangent = 2 * defect + 2 * gamma * to_goal
        (a_gradient,) = torch.autograd.grad(prediction, actions, cotangent)
        return a_gradient, s_gradient

    def _predict(self, s: Tensor, a: Tensor) -> Tensor:
        """F(s_t, a_t) for all t at once: (R, T, D)."""
        inputs = s[:, :-1].detach().flatten(0, 1)
        return self._step(inputs, a.flatten(0, 1)).view(*a.shape[:2], -1)

    def _gauss_newton(self, a: Tensor, s: Tensor, goal: Goal) -> Tensor:
        """All T action subproblems at once: the stop-gradient makes them independent."""
        fit, to_goal = _fit_weight(a, goal), self._config.gamma * goal.weight
        weight = fit + to_goal
        target = (fit * s[:, 1:] + to_goal * goal.latent) / weight
        flat = (s[:, :-1].flatten(0, 1), a.flatten(0, 1), target.flatten(0, 1))
        weights = None if goal.unweighted else weight.repeat(len(a), 1)
        return gauss_newton(self._step, *flat, weights).view_as(a)

    def _sync(
        self,
        problem: Problem,
        a: Tensor,
        s: Tensor,
        deadline: Deadline,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        config, step = self._config, self._step
        if config.sync == 'gd':
            return sync.gd(step, problem, a, config.sync_steps, config.sync_lr, deadline)
        if config.sync == 'cem':
            return sync.cem(step, problem, a, config.sync_steps, deadline, generator)
        return sync.pursuit(step, problem, a, s, config.sync_steps, config.lookahead, deadline)


def _fit_weight(a: Tensor, goal: Goal) -> Tensor:
    """What each dimension counts in |F(s_t, a_t) - s_{t+1}|², (T, D): the goal's at s_T = g."""
    weight = goal.weight.new_ones(a.shape[1], len(goal.weight))
    if not goal.unweighted:
        weight[-1] = torch.where(goal.weight > 0, goal.weight, 1.0)
    return weight
