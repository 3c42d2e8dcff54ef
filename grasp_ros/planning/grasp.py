# SPDX-License-Identifier: Apache-2.0
"""GRASP: gradient planning over virtual states (arXiv 2602.00475), with tension.

Virtual states and actions of all steps move at once (lifted.py), seeded along the roadmap's path
and along the last plan, so that plans get better from one to the next. Then a serial sweep makes
the actions true to the model, and of several restarts the best true rollout wins.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from grasp_ros.planning import sync
from grasp_ros.planning.anytime import Candidates
from grasp_ros.planning.lifted import Lifted
from grasp_ros.planning.noise import coloured
from grasp_ros.planning.problem import Deadline, Problem, WarmStart
from grasp_ros.planning.registry import GraspConfig
from grasp_ros.world_model.dynamics import Step

RESTART_BETA = 2.0  # colour of the noise that makes the restarts differ
RESTART_STD = 0.5
FEW = 6  # iterations of several restarts beside the last plan, which has had those before
FULL, IDLE = 0.9, 0.4  # shares of the time above and below which restarts are halved, doubled


class Grasp:
    """The algorithm; see anytime.Algorithm.

    From plan to plan it learns how many restarts there is time for, and how long a sync takes: a
    plan that is late is closed at its last yield, so nothing is learnt after one.
    """

    def __init__(self, step: Step, config: GraspConfig):
        self._step, self._config = step, config
        self._restarts = config.restarts
        self._sync_times: dict[int, float] = {}  # shares of the deadline, by rows

    def propose(
        self,
        problem: Problem,
        warm_start: WarmStart | None,
        deadline: Deadline,
        generator: torch.Generator,
    ) -> Iterator[Candidates]:
        """The restarts after each sync, and as they are at the end where nothing syncs them."""
        config = self._config
        if problem.followed:  # by pursuit alone
            config = replace(config, iterations=0, restarts=1)
        elif problem.trusted:  # restarts would cost the robot time
            config = replace(config, restarts=1, state_noise=0.0)
        elif problem.inside is not None and warm_start is not None:
            config = replace(config, iterations=min(FEW, config.iterations))
        a, s, quiet = self._initial(config, problem, warm_start, generator)
        lifted = Lifted(self._step, config, problem.goal, a, s, problem.inside, max(1, quiet))
        used, took, synced = deadline(), 0.0, False
        for iteration in range(1, config.iterations + 1):
            if used + took + self._sync_time(len(a)) >= 1:
                break
            lifted.move()
            if config.state_noise and iteration <= config.noise_share * config.iterations:
                self._disturb(s, quiet, generator)
            s[:, -1] = problem.goal.pinned(s[:, -1])
            now = deadline()
            used, took = now, now - used
            synced = config.sync != 'none' and iteration % config.sync_every == 0
            if synced:
                found, used = self._sync(problem, a, s, used, deadline, generator)
                yield found
                lifted.restart()  # moments of what the sync replaced mean nothing
        found = Candidates(a, s)
        if config.sync != 'none' and not synced:
            found, used = self._sync(problem, a, s, used, deadline, generator)
        if config.restarts == self._config.restarts:
            self._adapt(used)
        if not synced:
            yield found

    def _initial(
        self,
        config: GraspConfig,
        problem: Problem,
        warm_start: WarmStart | None,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor, int]:
        """Actions (R, T, A), virtual states (R, T + 1, D), ends fixed, and how many are quiet.

        Where the last plan goes on beside the restarts, R is one more. No noise is on it, nor on
        the first restart, unless that is the only row: those come first.
        """
        horizon, restarts = problem.horizon, min(config.restarts, self._restarts)
        start, goal = problem.start, problem.goal
        a = problem.rest.expand(horizon, -1)
        if config.init == 'warm' and warm_start is not None:
            a, s = warm_start.actions, warm_start.states
        elif config.init != 'line' and problem.path is not None:
            s = problem.path
        else:
            share = torch.linspace(0, 1, horizon + 1, dtype=start.dtype, device=start.device)
            s = start + share[:, None] * (goal.pinned(start) - start)
        a = a.repeat(restarts, 1, 1)
        s = s.repeat(restarts, 1, 1)
        if restarts > 1:
            shape = (restarts - 1, horizon, a.shape[-1])
            a[1:] += RESTART_STD * coloured(shape, RESTART_BETA, generator, a)
        quiet = 1 if restarts > 1 else 0
        known = problem.inside is not None and config.init == 'roadmap' and config.iterations > 0
        if known and warm_start is not None:
            a = torch.cat([a[:1], warm_start.actions[None], a[1:]])
            s = torch.cat([s[:1], warm_start.states[None], s[1:]])
            quiet = 2
        if config.state_noise and config.iterations:
            self._disturb(s, quiet, generator)
        s[:, 0], s[:, -1] = start, goal.pinned(s[:, -1])
        return a.clamp_(-1, 1), s, quiet

    def _disturb(self, states: Tensor, quiet: int, generator: torch.Generator) -> None:
        noisy = states[quiet:, 1:]
        noisy += self._config.state_noise * torch.randn(
            noisy.shape, generator=generator, dtype=noisy.dtype, device=noisy.device
        )

    def _sync(
        self,
        problem: Problem,
        a: Tensor,
        s: Tensor,
        begun: float,
        deadline: Deadline,
        generator: torch.Generator,
    ) -> tuple[Candidates, float]:
        """Actions that are true to their rollouts, and when they are; a is changed."""
        config, step = self._config, self._step
        if config.sync == 'gd':
            new, latents = sync.gd(step, problem, a, config.sync_steps, config.sync_lr, deadline)
        elif config.sync == 'cem':
            new, latents = sync.cem(step, problem, a, config.sync_steps, deadline, generator)
        else:
            new, latents = sync.pursuit(step, problem, a, s, config.lookahead, deadline)
        a.copy_(new)
        ended = deadline()
        if not problem.followed:  # whose horizon is short
            known = self._sync_time(len(a)) if ended >= 1 else 0.0  # it was cut short
            self._sync_times[len(a)] = max(known, ended - begun)
        return Candidates(a, s, latents), ended

    def _sync_time(self, rows: int) -> float:
        """What a sync of so many plans takes, as far as one is known."""
        return self._sync_times.get(rows, max(self._sync_times.values(), default=0.0))

    def _adapt(self, used: float) -> None:
        """Restarts of the next plan: as many as there is time for, at most those asked for."""
        if used > FULL:
            self._restarts = max(1, self._restarts // 2)
        elif used < IDLE:
            self._restarts = min(self._config.restarts, 2 * self._restarts)
