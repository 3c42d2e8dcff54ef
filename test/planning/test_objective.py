# SPDX-License-Identifier: Apache-2.0
"""Goals that care for part of the latent only, from the metric to the plan."""

import math
from dataclasses import replace

import pytest
import torch
from toy import PAPER, free, path_through_the_door, planner, to, walled

from grasp_ros.planning import sync
from grasp_ros.planning.grasp import Grasp
from grasp_ros.planning.greedy import boxed_step, linearise, travel_steps
from grasp_ros.planning.lifted import Lifted
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import never
from grasp_ros.planning.registry import GraspConfig, IcemConfig
from grasp_ros.types import BadInput
from grasp_ros.world_model.dynamics import ResidualMLP

ONLY_X = Goal(torch.tensor([0.5, 9.0]), torch.tensor([1.0, 0.0]), 0.05)

LED = replace(PAPER, init='roadmap', iterations=100, restarts=4)


def test_distance_is_the_weighted_length():
    goal = Goal(torch.zeros(3), torch.tensor([4.0, 1.0, 0.0]), 0.1)
    assert float(goal.distance(torch.tensor([3.0, 8.0, 5.0]))) == pytest.approx(10.0)
    assert goal.distance(torch.zeros(2, 5, 3)).shape == (2, 5)
    assert float(Goal.of(torch.zeros(2), 0.1).distance(torch.tensor([3.0, 4.0]))) == 5.0


def test_cost_is_the_squared_distance_at_the_end_and_a_share_of_the_way():
    goal = Goal(torch.zeros(2), torch.tensor([2.0, 0.0]), 0.1)
    latents = torch.tensor([[[9.0, 9.0], [2.0, 7.0], [1.0, 7.0]]])
    assert float(goal.cost(latents)) == 2.0
    assert float(goal.cost(latents, running_weight=0.5)) == 2.0 + 0.5 * (8.0 + 2.0) / 2


def test_goal_of_plain_weights_is_the_weighted_goal_of_ones():
    latent = torch.randn(4, generator=torch.Generator().manual_seed(0))
    plain, ones = Goal.of(latent, 0.1), Goal(latent, torch.ones(4), 0.1)
    z = torch.arange(12.0).view(1, 3, 4)
    assert torch.equal(plain.distance(z), ones.distance(z))
    assert torch.equal(plain.cost(z, 0.3), ones.cost(z, 0.3))
    assert torch.equal(plain.pinned(z), ones.pinned(z))


def test_pinned_leaves_what_weighs_nothing():
    assert torch.equal(ONLY_X.pinned(torch.zeros(3, 2)), torch.tensor([[0.5, 0.0]] * 3))


@pytest.mark.parametrize('weight', [torch.ones(3), torch.ones(1, 2), torch.tensor(1.0)])
def test_refuses_weights_of_another_size(weight):
    with pytest.raises(BadInput, match=r'expected \(D,\) for both'):
        Goal(torch.zeros(2), weight, 0.1)


def test_gauss_newton_ignores_what_weighs_nothing():
    def coupled(z, a):  # the second dimension moves with the first
        return z + a @ torch.tensor([[0.1, 0.1]])

    start, target = torch.zeros(1, 2), torch.tensor([[0.05, -0.05]])
    none = torch.zeros(1, 1)
    linear = linearise(coupled, start, none)
    action = boxed_step(*linear, none, target, torch.tensor([1.0, 0.0]))
    assert float(action) == pytest.approx(0.5, abs=1e-2)
    assert float(boxed_step(*linear, none, target)) == pytest.approx(0.0)


def test_travel_time_counts_what_has_weight():
    start, goal = torch.zeros(1, 2), torch.tensor([[0.2, 9.0]])
    assert travel_steps(free, start, goal, 2, limit=15).isinf().all()
    steps = travel_steps(free, start, goal, 2, limit=15, weight=torch.tensor([[1.0, 0.0]]))
    assert float(steps) == pytest.approx(4.0, abs=0.3)


@pytest.mark.parametrize('gamma', [0.0, 1.5])
def test_gradients_equal_autograd_on_the_weighted_objective(gamma):
    torch.manual_seed(0)
    model = ResidualMLP(6, 3, 16, 2).double().requires_grad_(False)
    torch.nn.init.normal_(model.last.weight)
    s = torch.randn(4, 11, 6, dtype=torch.float64, requires_grad=True)
    a = torch.randn(4, 10, 3, dtype=torch.float64, requires_grad=True)
    weight = torch.tensor([0.0, 0.5, 1.0, 2.0, 0.0, 3.0], dtype=torch.float64)
    goal = Goal(s.detach()[0, -1], weight, 0.1)
    prediction = model(s[:, :-1].detach().flatten(0, 1), a.flatten(0, 1)).view(4, 10, 6)
    fit = (prediction - s[:, 1:]).square()
    last = torch.where(weight > 0, weight, 1.0)
    loss = fit[:, :-1].sum() + (last * fit[:, -1]).sum()
    loss = loss + gamma * (weight * (prediction - goal.latent).square()).sum()
    expected_s, expected_a = torch.autograd.grad(loss, (s, a))
    lifted = Lifted(model, replace(PAPER, gamma=gamma), goal, a.detach(), s.detach())
    prediction, a_gradient = lifted.action_gradient()
    torch.testing.assert_close(a_gradient, expected_a)
    torch.testing.assert_close(lifted.state_gradient(prediction), expected_s)


def test_gauss_newton_solves_the_weighted_objective():
    # The model is linear, and no bound holds: one step ends where the gradient is zero.
    torch.manual_seed(0)
    mix = 0.3 * torch.randn(3, 6, dtype=torch.float64)
    weight = torch.tensor([0.0, 0.5, 1.0, 2.0, 0.0, 3.0], dtype=torch.float64)
    goal = Goal(torch.zeros(6, dtype=torch.float64), weight, 0.1)
    settings = replace(PAPER, gamma=0.7, action_step='gauss_newton', state_step='frozen')
    s = 0.05 * torch.randn(2, 9, 6, dtype=torch.float64)
    a = torch.zeros(2, 8, 3, dtype=torch.float64)
    lifted = Lifted(lambda z, a: z + a @ mix, settings, goal, a, s)
    for _ in range(4):  # the damping leaves a thousandth
        lifted.move()
    assert a.abs().max() < 0.99
    _, gradient = lifted.action_gradient()
    torch.testing.assert_close(gradient, torch.zeros_like(a), atol=1e-6, rtol=0)


def test_last_virtual_state_is_the_goal_where_it_weighs_and_moves_where_not():
    problem = replace(to([0.0, 0.0]), goal=ONLY_X)
    settings = replace(PAPER, iterations=30, restarts=2)
    candidates = Grasp(free, settings).propose(problem, None, never, torch.Generator())
    _, s, _ = [(a.clone(), s.clone(), z) for a, s, z in candidates][-1]
    assert (s[:, -1, 0] == 0.5).all()
    assert (s[:, -1, 1] != 9.0).all() and (s[1, -1, 1] != 0.0).all()


def test_pursuit_meets_the_goal_where_it_weighs():
    # The path's end is 0.3 beside the way; only a goal that weighs there draws the plan to it.
    path = torch.stack([torch.linspace(0, 0.5, 21), torch.zeros(21)], dim=1)
    path[-1, 1] = 0.3
    seen = {}
    for name, weight in {'both': [1.0, 1.0], 'x': [1.0, 0.0]}.items():
        goal = Goal(path[-1], torch.tensor(weight), 0.05)
        problem = replace(to([0.0, 0.0]), goal=goal)
        actions = torch.zeros(1, 20, 2)
        _, latents = sync.pursuit(free, problem, actions, path[None], 3, never)
        seen[name] = latents[0, -1]
    assert seen['both'][1] > 0.1 and abs(seen['x'][1]) < 1e-4
    assert abs(seen['x'][0] - 0.5) < 0.01


@pytest.mark.parametrize(
    'settings',
    [
        GraspConfig(),
        replace(LED, action_step='adam'),
        replace(LED, action_step='gauss_newton', sync='pursuit', gamma=0.0, lr_states=0.01),
        IcemConfig(samples=64, iterations=20),
    ],
    ids=['shipped', 'adam', 'gauss_newton', 'icem'],
)
def test_plans_to_a_goal_that_leaves_a_dimension_free(settings):
    path = path_through_the_door()
    problem = replace(to([0.0, 0.0], (-0.5, 0.0), 60), goal=ONLY_X, path=path)
    plan = planner(settings, step=walled).plan(problem)
    assert math.sqrt(plan.cost) < 0.05
    assert plan.latents[-1, 1] < 2.0  # where 9 was named, and weighs nothing
