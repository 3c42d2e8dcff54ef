# SPDX-License-Identifier: Apache-2.0
"""GRASP: gradient planning over virtual states (arXiv 2602.00475).

    L(s, a) = sum_t |F(sg(s_t), a_t) - s_{t+1}|² + gamma sum_t |F(sg(s_t), a_t) - g|²

with s_0 and s_T = g fixed and sg = stop-gradient. Norms are sums over the latent dimensions. Time
is a batch axis: one call of the model predicts all T steps of all restarts.

Where the goal has weights, they count in the goal term and in the last step's fit, and the
dimensions of s_T that weigh nothing move as the other virtual states do.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from grasp_ros.planning import sync
from grasp_ros.planning.anytime import Candidates
from grasp_ros.planning.greedy import boxed_step, linearise
from grasp_ros.planning.noise import coloured
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import Deadline, Problem, WarmStart
from grasp_ros.planning.registry import GraspConfig
from grasp_ros.world_model.dynamics import Step

RESTART_BETA = 2.0  # colour of the noise that makes the restarts differ
RESTART_STD = 0.5


class Grasp:
    """The algorithm; see anytime.Algorithm."""

    def __init__(self, step: Step, config: GraspConfig):
        self._step, self._config = step, config

    def propose(
        self,
        problem: Problem,
        warm_start: WarmStart | None,
        deadline: Deadline,
        generator: torch.Generator,
    ) -> Iterator[Candidates]:
        """The restarts after each sync, and as they are at the end where nothing syncs them."""
        config, goal = self._config, problem.goal
        a, s = self._initial(problem, warm_start, generator)
        optimiser, synced = self._optimiser(a, s), False
        for iteration in range(1, config.iterations + 1):
            if deadline():
                break
            if config.action_step == 'adam':
                prediction, a.grad = self._action_gradient(a, s, goal)
            else:
                prediction, better = self._gauss_newton(a, s, goal)
                a.copy_(better)
            s.grad = _state_gradient(prediction, s, goal)
            optimiser.step()
            if config.state_noise:
                self._disturb(s, generator)
            s[:, -1] = goal.pinned(s[:, -1])
            a.clamp_(-1, 1)
            last = iteration == config.iterations
            synced = config.sync != 'none' and (last or iteration % config.sync_every == 0)
            if synced:
                new, latents = self._sync(problem, a, s, deadline, generator)
                a.copy_(new)
                yield Candidates(a, s, latents)
                optimiser = self._optimiser(a, s)  # moments restart after a sync
        if not synced:
            yield Candidates(a, s)

    def _initial(
        self, problem: Problem, warm_start: WarmStart | None, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Actions (R, T, A), virtual states (R, T + 1, D), ends fixed."""
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
            shape = (config.restarts - 1, horizon, a.shape[-1])
            a[1:] += RESTART_STD * coloured(shape, RESTART_BETA, generator, a)
        if config.state_noise:
            self._disturb(s, generator)
        s[:, 0], s[:, -1] = start, goal.pinned(s[:, -1])
        return a.clamp_(-1, 1), s

    def _disturb(self, s: Tensor, generator: torch.Generator) -> None:
        """Noise on the virtual states of all restarts but the first, unless it is the only one."""
        noisy = s[1:, 1:] if len(s) > 1 else s[:, 1:]
        noisy += self._config.state_noise * torch.randn(
            noisy.shape, generator=generator, dtype=s.dtype, device=s.device
        )

    def _optimiser(self, a: Tensor, s: Tensor) -> torch.optim.Adam:
        config = self._config
        groups = [{'params': [s], 'lr': config.lr_states}]
        if config.action_step == 'adam':
            groups.append({'params': [a], 'lr': config.lr_actions})
        return torch.optim.Adam(groups, eps=sync.adam_eps(s.dtype))

    def _action_gradient(self, a: Tensor, s: Tensor, goal: Goal) -> tuple[Tensor, Tensor]:
        """F(s_t, a_t) for all t at once (R, T, D), and dL/da by one VJP of it."""
        with torch.enable_grad():
            actions = a.detach().requires_grad_(True)
            prediction = self._step(s[:, :-1].flatten(0, 1), actions.flatten(0, 1))
            prediction = prediction.view(*a.shape[:2], -1)
        seen = prediction.detach()
        to_goal = self._config.gamma * (seen - goal.latent) * goal.weight
        cotangent = 2 * (_defect(seen, s, goal) + to_goal)
        (gradient,) = torch.autograd.grad(prediction, actions, cotangent)
        return seen, gradient

    def _gauss_newton(self, a: Tensor, s: Tensor, goal: Goal) -> tuple[Tensor, Tensor]:
        """F(s_t, a_t), and new actions: the stop-gradient makes the T subproblems independent."""
        here, jacobian = linearise(self._step, s[:, :-1].flatten(0, 1), a.flatten(0, 1))
        target, weight = s[:, 1:], None
        if self._config.gamma or not goal.unweighted:
            # Both terms are squares of F less something: one target and one weight stand for them.
            fit = s.new_ones(s.shape[1] - 1, s.shape[2])
            fit[-1] = _last_fit(goal)
            to_goal = self._config.gamma * goal.weight
            target = (fit * target + to_goal * goal.latent) / (fit + to_goal)
            weight = (fit + to_goal).repeat(len(s), 1)
        new = boxed_step(here, jacobian, a.flatten(0, 1), target.flatten(0, 1), weight)
        return here.view(*a.shape[:2], -1), new.view_as(a)

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


def _state_gradient(prediction: Tensor, s: Tensor, goal: Goal) -> Tensor:
    """dL/ds in closed form: only the next state of each step has one."""
    gradient = torch.zeros_like(s)
    gradient[:, 1:] = -2 * _defect(prediction, s, goal)
    return gradient


def _defect(prediction: Tensor, s: Tensor, goal: Goal) -> Tensor:
    """F(s_t, a_t) - s_{t+1}, times what it counts: (R, T, D)."""
    defect = prediction - s[:, 1:]
    if not goal.unweighted:
        defect[:, -1] *= _last_fit(goal)
    return defect


def _last_fit(goal: Goal) -> Tensor:
    """What each dimension counts in |F(s_{T-1}, a_{T-1}) - s_T|² (D,)."""
    return torch.where(goal.weight > 0, goal.weight, 1.0)
