# SPDX-License-Identifier: Apache-2.0
"""One-step control of a model: the bounded action that brings the next latent to a target."""

from __future__ import annotations

import torch
from torch import Tensor

from grasp_ros.planning import boxqp
from grasp_ros.world_model.dynamics import Step

DIFFERENCE = (
    0.1  # of the action range [-1, 1]; large against float32 noise, small against the model
)
DAMPING = 1e-3  # of the diagonal: keeps the normal equations solvable where actions act alike
FLOOR = 1e-9  # on the diagonal, where an action has no effect at all


def gauss_newton(
    step: Step, z: Tensor, action: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    """One Gauss-Newton step on sum weight (step(z, a) - target)² with every a in [-1, 1].

    z (N, D), action (N, A), target (N, D) -> action (N, A). weight (N, D) or (D,): what each
    dimension of the latent counts; None: all the same.
    """
    here, jacobian = linearise(step, z, action)
    return boxed_step(here, jacobian, action, target, weight)


def linearise(step: Step, z: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """The next latent (N, D), and its derivatives by the actions (N, A, D).

    By forward differences, so that the model is evaluated once, on a batch of N (A + 1).
    """
    n, size = action.shape
    # Differences point to the inside of the box, where the model was trained.
    delta = torch.where(action > 0, -DIFFERENCE, DIFFERENCE).to(action.dtype)
    pattern = torch.eye(size + 1, size, dtype=z.dtype, device=z.device)
    probes = action[:, None] + pattern * delta[:, None]
    states = z[:, None].expand(-1, size + 1, -1).reshape(n * (size + 1), -1)
    next_states = step(states, probes.view(n * (size + 1), size)).view(n, size + 1, -1)
    here = next_states[:, size]
    return here, (next_states[:, :size] - here[:, None]) / delta[..., None]


def boxed_step(
    here: Tensor, jacobian: Tensor, action: Tensor, target: Tensor, weight: Tensor | None = None
) -> Tensor:
    """The action (N, A) in [-1, 1] that brings the linearised model nearest to the target.

    here (N, D) and jacobian (N, A, D) at `action`, as linearise gives them.
    """
    kind = action.dtype
    if kind.itemsize < 4:  # half precision squares to noise, and has no solver
        here, jacobian, action = here.float(), jacobian.float(), action.float()
    residual = here - target
    if weight is not None:
        root = weight.sqrt()
        jacobian, residual = jacobian * root.unsqueeze(-2), residual * root
    hessian = jacobian @ jacobian.mT
    hessian.diagonal(dim1=1, dim2=2).mul_(1 + DAMPING).add_(FLOOR)
    gradient = (jacobian @ residual[..., None])[..., 0]
    return boxqp.solve(hessian, gradient, action, -1.0, 1.0).to(kind)


def travel_steps(
    step: Step,
    start: Tensor,
    goal: Tensor,
    actions: int,
    limit: int,
    nearest_only: bool = False,
    weight: Tensor | None = None,
) -> Tensor:
    """Model steps that greedy control needs from start (N, D) to goal (N, D); inf where it fails.

    Arrival is judged at half of the length of the first step, and the time is extrapolated at the
    mean speed, so that it is not rounded to whole steps. `actions` is A; `limit` ends the try.
    nearest_only: pairs that take over twice as long as the fastest (and 2 steps) count as failed.
    weight (N, D): what each dimension counts, in the control and in all distances; None: the same.
    """
    root = None if weight is None else weight.sqrt()

    def length(difference: Tensor) -> Tensor:
        return (difference if root is None else difference * root).norm(dim=1)

    z, action = start, start.new_zeros(len(start), actions)
    first = length(goal - start)
    distance, steps = first, torch.full_like(first, float('inf'))
    one_step: Tensor | None = None
    for t in range(limit):
        action = gauss_newton(step, z, action, goal, weight)
        z_next = step(z, action)
        if one_step is None:
            one_step = length(z_next - z).clamp(min=1e-6)
        after = length(goal - z_next)
        tolerance = torch.minimum(one_step, first) / 2
        arrived = (after < tolerance) & steps.isinf()
        part = (distance - tolerance) / (distance - after).clamp(min=1e-6)
        reached_at = (t + part) * first / (first - tolerance).clamp(min=1e-6)
        steps = torch.where(arrived, reached_at, steps)
        late = nearest_only and t + 1 >= 2 * float(steps.min()) + 2
        if late or not steps.isinf().any():
            break
        z, distance = z_next, after
    return steps
