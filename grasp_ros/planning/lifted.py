# SPDX-License-Identifier: Apache-2.0
"""The lifted loss of GRASP, and how actions and virtual states move down it.

    L(s, a) = sum_t |F(sg(s_t), a_t) - s_{t+1}|² + gamma sum_t |F(sg(s_t), a_t) - g|²
              + tau sum_t |s_{t+1} - s_t|²

with s_0 and s_T = g fixed and sg = stop-gradient. Norms are sums over the latent dimensions. Time
is a batch axis: one call of the model predicts all T steps of all restarts.

Tension (tau) pulls the virtual states tight as a rubber band while the model keeps them feasible.
For the states the loss is quadratic: each has its optimum between model and neighbours in closed
form, and a sweep over all of them at once is a Jacobi iteration that needs no learning rate.

Where the goal has weights, they count in the goal term and in the last step's fit, and the
dimensions of s_T that weigh nothing move as the other virtual states do.

Models seldom know obstacles well. Where these were learned besides, each sweep also pushes the
states off them, down the gradient of how likely they lie inside.
"""

from __future__ import annotations

import torch
from torch import Tensor

from grasp_ros.planning import sync
from grasp_ros.planning.greedy import boxed_step, linearise
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import Inside
from grasp_ros.planning.registry import GraspConfig
from grasp_ros.world_model.dynamics import Step

PUSH = 1.0  # steps off an obstacle in a sweep, where a step leads from its inside to its outside
FRESH = 4  # moves that one linearisation serves: it is what costs, and changes slowly


class Lifted:
    """Actions a (R, T, A) and virtual states s (R, T + 1, D), which are changed in place.

    alike: the restarts from this one on are the first with noise.
    """

    _jacobian: Tensor  # (R T, A, D), as it was linearised last
    _motion: Tensor  # (R T, D), what the actions move

    def __init__(
        self,
        step: Step,
        config: GraspConfig,
        goal: Goal,
        a: Tensor,
        s: Tensor,
        inside: Inside | None = None,
        alike: int | None = None,
    ):
        self._step, self._config, self._goal, self._inside = step, config, goal, inside
        self._alike = len(a) if alike is None else alike
        self._a, self._s = a, s
        self.restart()

    def restart(self) -> None:
        """Forget what was learnt of the loss where the actions were before."""
        self._moves = 0
        groups = []
        if self._config.state_step == 'adam':
            groups.append({'params': [self._s], 'lr': self._config.lr_states})
        if self._config.action_step == 'adam':
            groups.append({'params': [self._a], 'lr': self._config.lr_actions})
        eps = sync.adam_eps(self._s.dtype)
        self._adam = torch.optim.Adam(groups, eps=eps) if groups else None

    def move(self) -> None:
        """One step of all actions, and of all virtual states but the first."""
        if self._config.action_step == 'adam':
            prediction, self._a.grad = self.action_gradient()
        else:
            prediction = self.gauss_newton()
        if self._config.state_step == 'adam':
            self._s.grad = self.state_gradient(prediction)
        elif self._config.state_step == 'relax':
            self.relax(prediction)
            if self._inside is not None:
                self.push(self._inside)
        if self._adam is not None:
            self._adam.step()
        self._a.clamp_(-1, 1)
        self._moves += 1

    def action_gradient(self) -> tuple[Tensor, Tensor]:
        """F(s_t, a_t) (R, T, D), and dL/da (R, T, A) by one VJP of it."""
        goal = self._goal
        with torch.enable_grad():
            a = self._a.detach().requires_grad_(True)
            prediction = self._step(self._inputs(), a.flatten(0, 1)).view(*a.shape[:2], -1)
        seen = prediction.detach()
        to_goal = self._config.gamma * (seen - goal.latent) * goal.weight
        (gradient,) = torch.autograd.grad(prediction, a, 2 * (self._defect(seen) + to_goal))
        return seen, gradient

    def gauss_newton(self) -> Tensor:
        """One step of all actions; F(s_t, a_t) (R, T, D) after it.

        The stop-gradient makes the T subproblems independent. The states must move by what the
        new actions do: by that of the old ones, both swing about each other for ever.
        """
        a, s, inputs, goal = self._a.flatten(0, 1), self._s, self._inputs(), self._goal
        if self._moves % FRESH == 0:
            here, self._jacobian = self._linearise(inputs, a)
        else:
            here = inputs + self._motion  # the states moved a little, the actions did not
        target, weight = s[:, 1:], None
        if self._config.gamma or not goal.unweighted:
            # Both terms are squares of F less something: one target and one weight stand for them.
            fit = s.new_ones(s.shape[1] - 1, s.shape[2])
            fit[-1] = _last_fit(goal)
            to_goal = self._config.gamma * goal.weight
            target = (fit * target + to_goal * goal.latent) / (fit + to_goal)
            weight = (fit + to_goal).repeat(len(s), 1)
        new = boxed_step(here, self._jacobian, a, target.flatten(0, 1), weight)
        self._a.copy_(new.view_as(self._a))
        after = self._step(inputs, new)
        self._motion = after - inputs
        return after.view(*self._a.shape[:2], -1)

    def _linearise(self, inputs: Tensor, a: Tensor) -> tuple[Tensor, Tensor]:
        """F(s_t, a_t) (R T, D), and its derivatives by the actions (R T, A, D).

        Those of the first restart stand for all that are like it: they differ little by noise.
        """
        restarts, horizon, _ = self._a.shape
        rows = self._alike * horizon
        here, jacobian = linearise(self._step, inputs[:rows], a[:rows])
        if self._alike < restarts:
            here = torch.cat([here, self._step(inputs[rows:], a[rows:])])
            shared = jacobian[:horizon].repeat(restarts - self._alike, 1, 1)
            jacobian = torch.cat([jacobian, shared])
        return here, jacobian

    def state_gradient(self, prediction: Tensor) -> Tensor:
        """dL/ds (R, T + 1, D) in closed form; none for the first state."""
        s, gradient = self._s, torch.zeros_like(self._s)
        gradient[:, 1:] = -2 * self._defect(prediction)
        if tension := self._config.tension:
            pull = (s[:, 1:] - s[:, :-1]) * (tension / (1 - tension))
            gradient[:, 1:] += pull
            gradient[:, 1:-1] -= pull[:, 1:]
        return gradient

    def relax(self, prediction: Tensor) -> None:
        """Each state to its optimum between what the model predicts and its two neighbours."""
        s = self._s
        between = (s[:, :-2] + s[:, 2:]) / 2
        s[:, 1:-1] = torch.lerp(prediction[:, :-1], between, self._config.tension)
        s[:, -1] = prediction[:, -1]

    def push(self, inside: Inside) -> None:
        """All states but the ends off the obstacles, at most PUSH steps."""
        s = self._s
        with torch.enable_grad():
            states = s[:, 1:-1].detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(inside(states).sum(), states)
        length = s.diff(dim=1).norm(dim=2).mean()
        off = length.square() * gradient
        off *= (length / off.norm(dim=2, keepdim=True).clamp(min=1e-9)).clamp(max=1.0)
        s[:, 1:-1] -= PUSH * off

    def _inputs(self) -> Tensor:
        return self._s[:, :-1].flatten(0, 1)

    def _defect(self, prediction: Tensor) -> Tensor:
        """F(s_t, a_t) - s_{t+1}, times what it counts: (R, T, D)."""
        defect = prediction - self._s[:, 1:]
        if not self._goal.unweighted:
            defect[:, -1] *= _last_fit(self._goal)
        return defect


def _last_fit(goal: Goal) -> Tensor:
    """What each dimension counts in |F(s_{T-1}, a_{T-1}) - s_T|² (D,)."""
    return torch.where(goal.weight > 0, goal.weight, 1.0)
