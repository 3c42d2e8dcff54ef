# SPDX-License-Identifier: Apache-2.0
"""What planners are given and what they return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from grasp_ros.planning.objective import Goal
from grasp_ros.types import BadInput
from grasp_ros.world_model.obstacles import TOLL

Deadline = Callable[[], float]
"""How much of the planner's time is used, 1: all of it. The only clock that a planner sees."""
Inside = Callable[[Tensor], Tensor]
"""How likely latents (..., D) show the robot in an obstacle: (...), 0 to 1, and more where it was
stopped; differentiable."""


def never() -> float:
    """The deadline of a planner that may take its time."""
    return 0.0


@dataclass(frozen=True)
class Problem:
    """From start (D,) to a goal in `horizon` model steps.

    rest (A,): the action that leaves the robot where it is. path (horizon + 1, D): virtual states
    to start from, or None when no roadmap led to the goal. running_weight: of the mean squared
    distance along the way, which rewards arriving early. followed: the path is known so densely
    that it is to be followed as it is; what seems shorter to the model leads through what it leads
    around. foreseen: the path is a rollout of the model, so that it can be followed closely.
    inside: what is to be kept off; None: nothing is known but what the model foresees. trusted:
    nothing known speaks against the path, so that one search along it is enough.

    Whoever makes a problem has seen that its values are finite: here only shapes are checked, so
    that nothing waits for a GPU.
    """

    start: Tensor
    goal: Goal
    horizon: int
    rest: Tensor
    path: Tensor | None = None
    running_weight: float = 0.0
    followed: bool = False
    foreseen: bool = False
    inside: Inside | None = None
    trusted: bool = False

    def __post_init__(self) -> None:
        if self.horizon < 2:
            raise BadInput(f'horizon {self.horizon} is below 2 steps')
        start, goal = tuple(self.start.shape), tuple(self.goal.latent.shape)
        if start != goal:
            raise BadInput(f'start {start} and goal {goal} differ')
        if self.rest.dim() != 1:
            raise BadInput(f'rest {tuple(self.rest.shape)} is not one action (A,)')
        expected = (self.horizon + 1, *start)
        if self.path is not None and tuple(self.path.shape) != expected:
            raise BadInput(f'path {tuple(self.path.shape)} is not (horizon + 1, D) = {expected}')

    def cost(self, latents: Tensor) -> Tensor:
        """What rollouts (N, T + 1, D) cost, (N,): Goal.cost with this problem's weight.

        A step in an obstacle counts TOLL steps more, as on the map.
        """
        cost = self.goal.cost(latents, self.running_weight)
        if self.inside is None:
            return cost
        return cost * (1 + TOLL * self.inside(latents).mean(dim=1))


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


class PlanFailed(RuntimeError):
    """There is no plan that the model can follow with finite numbers."""


class Planner(Protocol):
    """Anytime, deterministic for its seed, and never worse by rollout cost than its warm start.

    Where a path is to be followed, the warm start does not count: it may leave the path.

    Determinism is that of the sequence of plans: each one explores anew. Every plan is finite.
    """

    def plan(
        self, problem: Problem, warm_start: WarmStart | None = None, deadline: Deadline = never
    ) -> Plan: ...
