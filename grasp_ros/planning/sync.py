# SPDX-License-Identifier: Apache-2.0
"""Sync: make the actions true to the serial rollout, whatever the virtual states say.

Every function takes actions (R, T, A) and virtual states (R, T + 1, D) and returns the new actions
and their rollouts (R, T + 1, D). GRASP.md calls the gradient one `sync`; arXiv 2602.00475, section
on the full rollout synchronisation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grasp_ros.planning.greedy import FRESH, boxed_step, linearise
from grasp_ros.planning.problem import Deadline, Problem
from grasp_ros.world_model.dynamics import Step, rollout

CEM_SAMPLES, CEM_ELITES, CEM_STD = 64, 8, 0.3
EXACT = 10  # steps that are linearised one by one: those that follow are planned anew before
CLOSE = 2  # steps ahead on a path that the model foresees: an aim further off cuts its corners
PROGRESS_WINDOW = 6  # steps along the path among which the nearest to the rollout is sought


def adam_eps(dtype: torch.dtype) -> float:
    """Adam's usual guard against a division by zero, as far as the type can hold it."""
    return max(1e-8, torch.finfo(dtype).tiny)


def gd(
    step: Step, problem: Problem, actions: Tensor, steps: int, lr: float, deadline: Deadline
) -> tuple[Tensor, Tensor]:
    """`steps` Adam steps on the actions for |z_T - g|² through the serial rollout."""
    start = problem.start.expand(len(actions), -1)
    actions = actions.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([actions], lr=lr, eps=adam_eps(actions.dtype))
    for _ in range(steps):
        if deadline() >= 1:
            break
        with torch.enable_grad():
            cost = problem.cost(rollout(step, start, actions)).sum()
            (actions.grad,) = torch.autograd.grad(cost, actions)
        optimiser.step()
        with torch.no_grad():
            actions.clamp_(-1, 1)
    actions = actions.detach()
    return actions, rollout(step, start, actions)


def cem(
    step: Step,
    problem: Problem,
    actions: Tensor,
    rounds: int,
    deadline: Deadline,
    generator: torch.Generator,
) -> tuple[Tensor, Tensor]:
    """`rounds` of the cross-entropy method around each of the plans, which stay candidates."""
    restarts, horizon, size = actions.shape
    std = torch.full_like(actions, CEM_STD)
    best = actions
    for _ in range(rounds):
        if deadline() >= 1:
            break
        noise = torch.randn(
            (restarts, CEM_SAMPLES, horizon, size),
            generator=generator,
            dtype=actions.dtype,
            device=actions.device,
        )
        samples = (actions[:, None] + std[:, None] * noise).clamp(-1, 1)
        samples = torch.cat([best[:, None], samples], dim=1)
        flat = samples.flatten(0, 1)
        latents = rollout(step, problem.start.expand(len(flat), -1), flat)
        order = problem.cost(latents).view(restarts, -1).argsort(dim=1)[:, :CEM_ELITES]
        elites = samples.gather(1, order[:, :, None, None].expand(-1, -1, horizon, size))
        best, actions, std = elites[:, 0], elites.mean(dim=1), elites.std(dim=1)
    return best, rollout(step, problem.start.expand(restarts, -1), best)


def pursuit(
    step: Step,
    problem: Problem,
    actions: Tensor,
    states: Tensor,
    lookahead: int,
    deadline: Deadline,
) -> tuple[Tensor, Tensor]:
    """One sweep along the rollout: each action aims `lookahead` steps ahead on the virtual states.

    Progress is measured by the nearest virtual state, so a robot that is slower than the path
    still follows it around corners. The last virtual state is the goal: there its weights count.
    The action for the whole way to the aim is sought, and then cut to its bounds: were they part
    of the search, a joint at its bound would have others make up for it, and lead off the way.
    Where the path is foreseen the aim is nearer, and all joints are slowed together.
    After the deadline the rest is rolled out as it was.
    """
    restarts, horizon, _ = actions.shape
    rows = torch.arange(restarts, device=actions.device)
    window = torch.arange(PROGRESS_WINDOW, device=actions.device)
    lookahead = min(lookahead, CLOSE) if problem.foreseen else lookahead
    progress = torch.zeros(restarts, dtype=torch.long, device=actions.device)
    z = problem.start.expand(restarts, -1)
    latents, chosen = [z], []
    # Where no obstacles are known, only the model at each step tells of a wall.
    exact = horizon if problem.inside is None else EXACT
    late, moved = False, torch.zeros_like(z)
    action = actions[:, 0]
    for t in range(horizon):
        late = late or deadline() >= 1
        if late:
            action = actions[:, t]
        else:
            ahead = (progress[:, None] + window).clamp(max=horizon)
            near = states[rows[:, None], ahead]
            progress = (progress + (near - z[:, None]).square().sum(-1).argmin(1)).clamp(
                max=horizon
            )
            aim = (progress + lookahead).clamp(max=horizon)
            target, weight = states[rows, aim], None
            if not problem.goal.unweighted:
                weight = torch.where((aim == horizon)[:, None], problem.goal.weight, 1.0)
            if t < exact or t % FRESH == 0:
                here, jacobian = linearise(step, z, action)
            else:
                here = z + moved  # the same action moves it once more
            wanted = boxed_step(here, jacobian, action, target, weight, problem.rest, lookahead)
            action = _slowed(wanted, problem.rest) if problem.foreseen else wanted.clamp(-1.0, 1.0)
        before, z = z, step(z, action)
        moved = z - before
        chosen.append(action)
        latents.append(z)
    return torch.stack(chosen, dim=1), torch.stack(latents, dim=1)


def _slowed(wanted: Tensor, rest: Tensor) -> Tensor:
    """As much of the actions (R, A) that are wanted, from rest (A,) on, as lies in [-1, 1]."""
    move = wanted - rest
    room = torch.where(move > 0, 1 - rest, 1 + rest)
    share = room / move.abs().clamp(min=torch.finfo(move.dtype).tiny)
    return (rest + share.amin(dim=1, keepdim=True).clamp(max=1.0) * move).clamp(-1.0, 1.0)
