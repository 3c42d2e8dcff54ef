# SPDX-License-Identifier: Apache-2.0
"""The planners by name, and the settings of each.

A planner is a file with its Algorithm (see anytime.py), its settings here, and a row in PLANNERS:
parameters, choices and options follow from the row. Nothing here needs torch, so that `--help`
does not load it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from grasp_ros.parameters import param


class PlannerSettings:
    """What the settings of every planner say.

    running_weight: of the mean cost along the way beside the last, see Goal.cost.
    """

    running_weight: float = 0.0

    def broken_rules(self) -> Iterator[str]:
        """What is wrong beyond the ranges, in words."""
        yield from ()


@dataclass(frozen=True)
class GraspConfig(PlannerSettings):
    """GRASP, arXiv 2602.00475, with tension; the authors' settings are in plan_paper.yaml."""

    init: str = param(
        'roadmap',
        'start of the virtual states: line to the goal, roadmap path (beside it the last plan, '
        'where obstacles are known), or warm (the last plan; roadmap when there is none)',
        choices=('line', 'roadmap', 'warm'),
    )
    iterations: int = param(
        20,
        'iterations of the lifted optimisation; fewer where time is short, and of several '
        'restarts beside a last plan that goes on',
        low=0,
        high=100_000,
    )
    restarts: int = param(
        8,
        'plans optimised at once, the best true rollout wins; fewer where time is short, one '
        'where nothing speaks against the way of the map',
        low=1,
        high=4096,
    )
    action_step: str = param(
        'gauss_newton',
        'how actions move: adam, or box-constrained Gauss-Newton',
        choices=('adam', 'gauss_newton'),
    )
    state_step: str = param(
        'relax',
        'how virtual states move: adam, relax (to where model and tension balance), or frozen',
        choices=('adam', 'relax', 'frozen'),
    )
    tension: float = param(
        0.5,
        'how much the virtual states pull on each other, 2 tau / (1 + 2 tau) for a term '
        'tau |s_{t+1} - s_t|² of the loss: 0 the model alone, 1 a straight line',
        low=0.0,
        high=1.0,
    )
    state_noise: float = param(
        0.1,
        'standard deviation added to the virtual states each iteration; of several restarts '
        'the first has none, nor has the last plan',
        'latent',
        low=0.0,
        high=10.0,
    )
    noise_share: float = param(
        0.7, 'share of the iterations, from the first on, that add noise', low=0.0, high=1.0
    )
    lr_actions: float = param(0.05, 'adam: step of the actions', low=0.0, high=10.0)
    lr_states: float = param(0.01, 'adam: step of the virtual states', low=0.0, high=10.0)
    gamma: float = param(0.0, 'weight of the goal term', low=0.0, high=1000.0)
    sync: str = param(
        'pursuit',
        'how actions are made true to the serial rollout',
        choices=('gd', 'cem', 'pursuit', 'none'),
    )
    sync_every: int = param(
        1000, 'iterations between syncs; the last iteration always syncs', low=1, high=100_000
    )
    sync_steps: int = param(1, 'gd: Adam steps; cem: rounds', low=1, high=1000)
    sync_lr: float = param(0.05, 'gd: Adam step of the actions', low=0.0, high=10.0)
    lookahead: int = param(
        3, 'pursuit: how many steps ahead on the path an action aims', 'steps', low=1, high=100
    )
    running_weight: float = param(
        1.0, 'weight of the mean cost along the way beside the last', low=0.0
    )

    def broken_rules(self) -> Iterator[str]:
        """See PlannerSettings."""
        if self.state_step == 'adam' and self.tension == 1:
            yield 'planner.grasp.tension: 1 is an endless weight, for state_step relax only'


@dataclass(frozen=True)
class GdConfig(PlannerSettings):
    """Gradient descent on the actions through the serial rollout, the baseline with restarts."""

    restarts: int = param(16, 'action sequences optimised at once', low=1, high=4096)
    iterations: int = param(
        500, 'Adam steps; the deadline usually ends them sooner', low=1, high=100_000
    )
    lr: float = param(0.05, 'Adam step of the actions', low=0.0, high=10.0)
    noise_beta: float = param(2.0, 'exponent of the coloured noise, 0 = white', low=0.0, high=10.0)
    init_std: float = param(0.5, 'standard deviation of the first actions', low=0.0, high=10.0)
    running_weight: float = param(
        1.0, 'weight of the mean cost along the way beside the last', low=0.0
    )


@dataclass(frozen=True)
class IcemConfig(PlannerSettings):
    """iCEM, arXiv 2008.06389."""

    samples: int = param(128, 'action sequences in the first round', low=4, high=100_000)
    iterations: int = param(
        40, 'rounds; the deadline usually ends them sooner', low=1, high=10_000
    )
    elites: int = param(16, 'sequences that shape the next round', low=2, high=10_000)
    keep_elites: float = param(0.3, 'share of elites carried to the next round', low=0.0, high=1.0)
    decay: float = param(1.0, 'samples are divided by this each round', low=1.0, high=10.0)
    noise_beta: float = param(3.0, 'exponent of the coloured noise, 0 = white', low=0.0, high=10.0)
    init_std: float = param(0.8, 'standard deviation of the first round', low=0.01, high=10.0)
    momentum: float = param(0.1, 'share of the old mean and deviation kept', low=0.0, high=0.99)
    running_weight: float = param(
        1.0, 'weight of the mean cost along the way beside the last', low=0.0
    )

    def broken_rules(self) -> Iterator[str]:
        """See PlannerSettings."""
        if self.elites > self.samples:
            rule = f'is above planner.icem.samples {self.samples}'
            yield f'planner.icem.elites: {self.elites} {rule}'


# planner.algorithm: its settings, and its class as module:name, imported when it is asked for.
PLANNERS: dict[str, tuple[type[PlannerSettings], str]] = {
    'grasp': (GraspConfig, 'grasp_ros.planning.grasp:Grasp'),
    'gd': (GdConfig, 'grasp_ros.planning.gd:Gd'),
    'icem': (IcemConfig, 'grasp_ros.planning.icem:Icem'),
}
