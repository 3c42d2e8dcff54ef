# SPDX-License-Identifier: Apache-2.0
"""A point in the plane behind a wall with a door: a world whose every answer is known."""

import pkgutil
from dataclasses import replace

import torch
from torch import Tensor

from grasp_ros.planning.anytime import AnytimePlanner
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import Problem
from grasp_ros.planning.registry import PLANNERS, GraspConfig, PlannerSettings

SPEED = 0.05  # travelled by a full action in one step

# What the authors run, but for fewer iterations: Adam, noise, gamma, gradient syncs, line start.
PAPER = GraspConfig(
    init='line', action_step='adam', state_step='adam', tension=0.0, iterations=300,
    lr_states=0.1, lr_actions=0.05, gamma=1.0, state_noise=0.05, noise_share=1.0, sync='gd',
    sync_every=50, sync_steps=10, restarts=16,
)  # fmt: skip


def walled(z: Tensor, a: Tensor) -> Tensor:
    """The wall stands at x = 0 and stops motion in x; its door is above y = 0.4."""
    x, y = z[:, :1], z[:, 1:]
    wall = torch.exp(-((x / 0.12) ** 4)) * torch.sigmoid((0.4 - y) * 30)
    return z + SPEED * a * torch.cat([1 - wall, torch.ones_like(y)], dim=1)


def free(z: Tensor, a: Tensor) -> Tensor:
    """No wall."""
    return z + SPEED * a


def planner(settings: PlannerSettings, seed: int = 0, step=walled) -> AnytimePlanner:
    """The planner of these settings."""
    (algorithm,) = (name for kind, name in PLANNERS.values() if kind is type(settings))
    return AnytimePlanner(step, pkgutil.resolve_name(algorithm)(step, settings), seed)


def to(goal: list[float], start: tuple[float, float] = (0.0, 0.0), horizon: int = 20) -> Problem:
    """From start to goal without a path; the action zero is rest."""
    return Problem(
        torch.tensor(start), Goal.of(torch.tensor(goal), 0.05), horizon, rest=torch.zeros(2)
    )


def behind_the_wall(horizon: int = 60, path: Tensor | None = None) -> Problem:
    """Straight ahead lies the wall; the way through the door takes about 36 steps."""
    return replace(to([0.5, 0.0], (-0.5, 0.0), horizon), path=path)


def path_through_the_door(horizon: int = 60) -> Tensor:
    """Virtual states (horizon + 1, 2) by way of the door."""
    corners = torch.tensor([[-0.5, 0.0], [-0.2, 0.6], [0.2, 0.6], [0.5, 0.0]])
    at = torch.linspace(0, 3, horizon + 1)
    before = at.long().clamp(max=2)
    share = (at - before)[:, None]
    return corners[before] * (1 - share) + corners[before + 1] * share
