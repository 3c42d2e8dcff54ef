# SPDX-License-Identifier: Apache-2.0
"""One-step control of a model: the bounded action that brings the next latent nearest to a target."""

from __future__ import annotations

import torch
from torch import Tensor

from grasp_ros.world_model.dynamics import Step

DIFFERENCE = 0.1  # of the action range [-1, 1]; large against float32 noise, small against the model
DAMPING = 1e-3  # keeps the normal equations solvable where an action has no effect


def gauss_newton(step: Step, z: Tensor, action: Tensor, target: Tensor) -> Tensor:
    """One Gauss-Newton step on |step(z, a) - target|² with every a in [-1, 1].

    z (N, D), action (N, A), target (N, D) -> action (N, A). The Jacobian comes from forward
    differences, so the model is evaluated once, on a batch of N (A + 1). Dimensions that leave the
    box are fixed at its side and the others solved again.
    """
    n, size = action.shape
    # Differences point to the inside of the box, where the model was trained.
    delta = torch.where(action > 0, -DIFFERENCE, DIFFERENCE)
    probes = action[:, None] + torch.diag_embed(delta)
    probes = torch.cat([action[:, None], probes], dim=1)
    states = z[:, None].expand(-1, size + 1, -1)
    next_states = step(states.reshape(n * (size + 1), -1), probes.reshape(n * (size + 1), size))
    next_states = next_states.reshape(n, size + 1, -1)
    here = next_states[:, 0]
    jacobian = (next_states[:, 1:] - here[:, None]) / delta[..., None]
    eye = torch.eye(size, dtype=z.dtype, device=z.device)
    hessian = jacobian @ jacobian.mT
    hessian = hessian + eye * (DAMPING * hessian.diagonal(dim1=1, dim2=2).amax(1)[:, None, None] + 1e-9)
    gradient = (jacobian @ (here - target)[..., None])[..., 0]

    change = -torch.linalg.solve(hessian, gradient)
    clamped = (action + change).clamp(-1, 1)
    free = (clamped == action + change).to(z.dtype)
    fixed_change = (clamped - action) * (1 - free)
    mask = free[:, :, None] * free[:, None, :]
    reduced = hessian * mask + torch.diag_embed(1 - free)
    rest = gradient + (hessian @ fixed_change[..., None])[..., 0]
    change = fixed_change - torch.linalg.solve(reduced, rest * free)
    return (action + change).clamp(-1, 1)


def travel_steps(step: Step, start: Tensor, goal: Tensor, actions: int, limit: int) -> Tensor:
    """Model steps that greedy control needs from start (N, D) to goal (N, D); inf where it fails.

    Arrival is judged at half of the start's distance of one step, and the time is extrapolated at
    the mean speed, so that it is not rounded to whole steps. `actions` is A; `limit` ends the try.
    """
    z, action = start, start.new_zeros(len(start), actions)
    first = (goal - start).norm(dim=1)
    distance, steps = first, torch.full_like(first, float('inf'))
    one_step: Tensor | None = None
    for t in range(limit):
        action = gauss_newton(step, z, action, goal)
        z_next = step(z, action)
        if one_step is None:
            one_step = (z_next - z).norm(dim=1).clamp(min=1e-6)
        after = (goal - z_next).norm(dim=1)
        tolerance = torch.minimum(one_step, first) / 2
        arrived = (after < tolerance) & steps.isinf()
        part = (distance - tolerance) / (distance - after).clamp(min=1e-6)
        reached_at = (t + part) * first / (first - tolerance).clamp(min=1e-6)
        steps = torch.where(arrived, reached_at, steps)
        if not steps.isinf().any():
            break
        z, distance = z_next, after
    return steps
