# SPDX-License-Identifier: Apache-2.0
"""What is the same for every planner: the best true rollout wins, and time ends the search."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from grasp_ros.config import PlannerConfig
from grasp_ros.planning.problem import Deadline, Plan, PlanFailed, Problem, WarmStart, never
from grasp_ros.planning.registry import PLANNERS
from grasp_ros.world_model.dynamics import Step, rollout


class Candidates(NamedTuple):
    """Action sequences (N, T, A), their virtual states and their true rollouts (N, T + 1, D).

    states: None where the algorithm has none: the rollouts then stand for them. latents: None
    where the algorithm has not rolled out.
    """

    actions: Tensor
    states: Tensor | None = None
    latents: Tensor | None = None


class Algorithm(Protocol):
    """A search for plans. Made from the model's step and the settings in its row of PLANNERS."""

    def propose(
        self,
        problem: Problem,
        warm_start: WarmStart | None,
        deadline: Deadline,
        generator: torch.Generator,
    ) -> Iterator[Candidates]:
        """Candidates with actions within [-1, 1], as they are found, until the deadline.

        All randomness comes from the generator. Tensors may be changed after they were given out.
        """


class AnytimePlanner:
    """A planner from an algorithm; see problem.Planner for what it promises."""

    def __init__(self, step: Step, algorithm: Algorithm, seed: int):
        self._step, self._algorithm, self._seed = step, algorithm, seed
        self._plans = 0

    @torch.no_grad()
    def plan(
        self, problem: Problem, warm_start: WarmStart | None = None, deadline: Deadline = never
    ) -> Plan:
        """The best true rollout that was found before the deadline."""
        incumbent = Incumbent(self._step, problem)
        if warm_start is not None and not problem.followed:
            incumbent.offer(Candidates(warm_start.actions[None], warm_start.states[None]))
        generator = self._generator(problem.start.device)
        for candidates in self._algorithm.propose(problem, warm_start, deadline, generator):
            incumbent.offer(candidates)
            if deadline() >= 1:
                break
        return incumbent.plan()

    def _generator(self, device: torch.device) -> torch.Generator:
        """New randomness for each plan, so that what was missed once is not missed for ever."""
        seed = np.random.SeedSequence((self._seed, self._plans)).generate_state(1)[0]
        self._plans += 1
        return torch.Generator(device).manual_seed(int(seed))


class Incumbent:
    """The best true rollout so far. What the lifted loss says never counts.

    Reads no value before `plan`, so that nothing waits for a GPU.
    """

    def __init__(self, step: Step, problem: Problem):
        self._step, self._problem = step, problem
        self._cost = problem.start.new_full((), torch.inf)
        self._best: tuple[Tensor, ...] | None = None

    def offer(self, candidates: Candidates) -> None:
        """Judge candidates by their rollouts; those that are not finite never win."""
        actions, states, latents = candidates
        if latents is None:
            latents = rollout(self._step, self._problem.start.expand(len(actions), -1), actions)
        finite = _finite(actions) & _finite(latents)
        costs = self._problem.cost(latents).masked_fill(~finite, torch.inf)
        cost, index = costs.min(dim=0)
        offered = (actions, latents, latents if states is None else states)
        chosen = tuple(one.index_select(0, index[None])[0] for one in offered)
        if self._best is not None:
            better = cost < self._cost
            pairs = zip(chosen, self._best, strict=True)
            chosen = tuple(torch.where(better, new, old) for new, old in pairs)
        self._best, self._cost = chosen, torch.minimum(self._cost, cost)

    def plan(self) -> Plan:
        """The best one as a plan: rest where there is none. Raises PlanFailed when rest fails."""
        if self._best is None or not torch.isfinite(self._cost):
            self.offer(Candidates(self._problem.rest.expand(1, self._problem.horizon, -1)))
        assert self._best is not None
        cost = float(self._cost)
        if not np.isfinite(cost):
            raise PlanFailed(
                'no plan has a finite rollout in the model, not even the one that rests: '
                'the start, the goal or the model is broken'
            )
        actions, latents, states = self._best
        states = torch.where(torch.isfinite(states), states, latents)
        gap = (self._step(states[:-1], actions) - states[1:]).norm(dim=1).mean()
        return Plan(actions, latents, states, cost, float(gap))


def make_planner(step: Step, config: PlannerConfig) -> AnytimePlanner:
    """The planner that `planner.algorithm` names, on a model."""
    algorithm: Any = pkgutil.resolve_name(PLANNERS[config.algorithm][1])
    return AnytimePlanner(step, algorithm(step, config.settings), config.seed)


def _finite(values: Tensor) -> Tensor:
    return values.isfinite().flatten(1).all(dim=1)
