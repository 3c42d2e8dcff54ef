# SPDX-License-Identifier: Apache-2.0
"""What planners are given and what they return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from grasp_ros.types import BadInput
from grasp_ros.world_model.dynamics import Step, rollout

Deadline = Callable[[], bool]
"""Whether the planner's time is over: the only clock that a planner sees."""


def never() -> bool:
    """The deadline of a planner that may take its time."""
    return False


@dataclass(frozen=True)
class Problem:
    """From start (D,) to goal (D,) in `horizon` model steps.

    path (horizon + 1, D): virtual states to start from, or None when no roadmap led to the goal.
    running_weight: of the mean squared distance along the way, which rewards arriving early.
    """

    start: Tensor
    goal: Tensor
    horizon: int
    path: Tensor | None = None
    running_weight: float = 0.0

    def __post_init__(self) -> None:
        if self.horizon < 2:
            raise BadInput(f'horizon {self.horizon} is below 2 steps')
        if self.start.shape != self.goal.shape:
            raise BadInput(
                f'start {tuple(self.start.shape)} and goal {tuple(self.goal.shape)} differ'
            )
        if not (torch.isfinite(self.start).all() and torch.isfinite(self.goal).all()):
            raise BadInput('start or goal latent is not finite')
        if self.path is not None and len(self.path) != self.horizon + 1:
            raise BadInput(f'path has {len(self.path)} latents, horizon + 1 = {self.horizon + 1}')

    def cost(self, latents: Tensor) -> Tensor:
        """|z_T - g|² of rollouts (N, T + 1, D), and a share of the way there: (N,).

        Squares are summed over the latent dimensions, not averaged.
        """
        cost = (latents[:, -1] - self.goal).square().sum(dim=-1)
        if self.running_weight:
            along = (latents[:, 1:] - self.goal).square().sum(dim=-1).mean(dim=1)
            cost = cost + self.running_weight * along
        return cost


@dataclass(frozen=True)
class WarmStart:
    """Actions (T, A) and virtual states (T + 1, D) to continue from."""

    actions: Tensor
    states: Tensor


@dataclass(frozen=True)
class Plan:
    """A plan: actions (H, A) within [-1, 1], and what the model says of them.

    latents (H + 1, D) are the true rollout of the actions, cost is Problem.cost of it. states
    (H + 1, D) are the virtual states, feasibility_gap the mean length of |F(s_t, a_t) - s_{t+1}|.
    """

    actions: Tensor
    latents: Tensor
    states: Tensor
    cost: float
    feasibility_gap: float


class Planner(Protocol):
    """Anytime, deterministic for its seed, and never worse by rollout cost than its warm start."""

    def plan(
        self, problem: Problem, warm_start: WarmStart | None = None, deadline: Deadline = never
    ) -> Plan: ...


class Incumbent:
    """The best true rollout that a planner has seen. What the lifted loss says never counts."""

    def __init__(self, step: Step, problem: Problem):
        self._step, self._problem = step, problem
        self._best: tuple[float, Tensor, Tensor, Tensor] | None = None

    def offer(
        self, actions: Tensor, states: Tensor | None, latents: Tensor | None = None
    ) -> Tensor:
        """Judge candidates (N, T, A) by their rollouts, made here unless given; returns them.

        states (N, T + 1, D): the candidates' virtual states; the rollouts where there are none.
        """
        if latents is None:
            start = self._problem.start.expand(len(actions), -1)
            latents = rollout(self._step, start, actions)
        costs = self._problem.cost(latents).nan_to_num(nan=float('inf'))
        index = int(costs.argmin())
        cost = float(costs[index])
        if self._best is None or cost < self._best[0]:
            chosen = (latents if states is None else states)[index]
            self._best = (cost, actions[index].clone(), latents[index].clone(), chosen.clone())
        return latents

    def plan(self) -> Plan:
        """The best one as a plan."""
        assert self._best is not None
        cost, actions, latents, states = self._best
        gap = (self._step(states[:-1], actions) - states[1:]).norm(dim=1).mean()
        return Plan(actions, latents, states, cost, float(gap))
