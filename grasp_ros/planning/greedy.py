# SPDX-License-Identifier: Apache-2.0
"""One-step control of a model: the bounded action that brings the next latent to a target."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from grasp_ros.planning import boxqp
from grasp_ros.world_model.dynamics import Step

DIFFERENCE = (
    0.1  # of the action range [-1, 1]; large against float32 noise, small against the model
)
DAMPING = 1e-3  # of the diagonal: keeps the normal equations solvable where actions act alike
FLOOR = 1e-9  # on the diagonal, where an action has no effect at all
EASE = 0.01  # of the largest entry on the diagonal: what leaning to rest counts
SAME = 1e-6  # latents nearer than this are one place
FRESH = 3  # steps on a way that one linearisation serves: it is what costs, and changes slowly
HOPE = 1.5  # times its mean speed so far: what does not arrive in time with it is given up
Worth = Callable[[Tensor, Tensor, Tensor], Tensor]
"""worth(steps (N,), rows (K,), soonest (K,)) -> (K,): which of the rows, that do not arrive before
`soonest`, are to go on. steps: inf where one has not arrived."""


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
    here: Tensor,
    jacobian: Tensor,
    action: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    rest: Tensor | None = None,
    reach: float = 1.0,
) -> Tensor:
    """The action (N, A) in [-reach, reach] that brings the linearised model nearest to the target.

    here (N, D) and jacobian (N, A, D) at `action`, as linearise gives them. rest (A,): where
    actions lean to that do nothing, so that the robot does not press on what blocks it; None:
    they stay as they are.
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
    if rest is not None:
        ease = EASE * hessian.diagonal(dim1=1, dim2=2).amax(dim=1, keepdim=True)
        hessian.diagonal(dim1=1, dim2=2).add_(ease)
        gradient = gradient + ease * (action - rest)
    return boxqp.solve(hessian, gradient, action, -reach, reach).to(kind)


def travel_steps(
    step: Step,
    start: Tensor,
    goal: Tensor,
    actions: int,
    limit: int,
    weight: Tensor | None = None,
    worth: Worth | None = None,
) -> Tensor:
    """Model steps that greedy control needs from start (N, D) to goal (N, D); inf where it fails.

    Arrival is judged at half of the length of the first step, and the time is extrapolated at the
    mean speed, so that it is not rounded to whole steps. `actions` is A; `limit` ends the try, and
    what comes nearer so slowly that it will not arrive by then is not tried so long.
    weight (N, D): what each dimension counts, in the control and in all distances; None: the same.
    worth: asked after each step; those on the way that it is not worth it for count as failed.
    """
    distance = first = _length(goal - start, weight)
    steps = torch.where(first < SAME, 0.0, float('inf')).to(first.dtype)
    rows = torch.arange(len(start), device=start.device)  # those still on the way
    z, moved, tolerance = start, torch.zeros_like(start), first
    action = start.new_zeros(len(start), actions)
    for t in range(limit):
        if t % FRESH == 0:
            here, jacobian = linearise(step, z, action)
        else:
            here = z + moved  # the same action moves it once more
        action = boxed_step(here, jacobian, action, goal, weight)
        z_next = step(z, action)
        z, moved, after = z_next, z_next - z, _length(goal - z_next, weight)
        if t == 0:
            one_step = _length(moved, weight).clamp(min=SAME)
            tolerance = torch.minimum(one_step, first) / 2
        arrived = after < tolerance
        if arrived.any():
            part = (distance - tolerance) / (distance - after).clamp(min=SAME)
            reached_at = (t + part) * first / (first - tolerance).clamp(min=SAME)
            steps[rows[arrived]] = torch.minimum(steps[rows[arrived]], reached_at[arrived])
        distance, going = after, ~arrived
        if t > 0:  # the first action of a travel may be a poor one
            speed = HOPE * (first - distance).clamp(min=0.0) / (t + 1)
            soonest = t + 1 + (distance - tolerance) / speed
            going &= soonest <= limit
            if worth is not None:
                going &= worth(steps, rows, soonest)
        if not going.all():
            rows, z, action, goal = rows[going], z[going], action[going], goal[going]
            distance, first, tolerance = distance[going], first[going], tolerance[going]
            moved, jacobian = moved[going], jacobian[going]
            weight = None if weight is None else weight[going]
        if len(rows) == 0:
            break
    return steps


def _length(difference: Tensor, weight: Tensor | None) -> Tensor:
    return (difference if weight is None else difference * weight.sqrt()).norm(dim=1)
