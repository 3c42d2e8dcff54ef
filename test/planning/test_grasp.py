# SPDX-License-Identifier: Apache-2.0
"""GRASP: its gradients, its trap, and what gets it out of the trap."""

import itertools
from dataclasses import replace

import pytest
import torch
from toy import PAPER, behind_the_wall, path_through_the_door, planner, walled

from grasp_ros.planning.grasp import Grasp, _state_gradient
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import never
from grasp_ros.planning.registry import GraspConfig
from grasp_ros.world_model.dynamics import ResidualMLP

AT_GOAL = 0.01  # |z_T - g|² of a plan that arrives; the trap costs about 0.3


def lifted_loss(step, s, a, goal, gamma):
    """The objective as it is written in the paper, for autograd."""
    inputs = s[:, :-1].detach().flatten(0, 1)
    prediction = step(inputs, a.flatten(0, 1)).view(*a.shape[:2], -1)
    fit = (prediction - s[:, 1:]).square().sum()
    return fit + gamma * (prediction - goal).square().sum()


@pytest.mark.parametrize('gamma', [0.0, 1.0, 2.5])
def test_gradients_equal_autograd_on_the_paper_objective(gamma):
    torch.manual_seed(0)
    model = ResidualMLP(6, 3, 16, 2).double().requires_grad_(False)
    torch.nn.init.normal_(model.last.weight)
    s = torch.randn(4, 11, 6, dtype=torch.float64, requires_grad=True)
    a = torch.randn(4, 10, 3, dtype=torch.float64, requires_grad=True)
    goal = Goal.of(s.detach()[0, -1], 0.1)
    loss = lifted_loss(model, s, a, goal.latent, gamma)
    expected_s, expected_a = torch.autograd.grad(loss, (s, a))
    grasp = Grasp(model, replace(PAPER, gamma=gamma))
    prediction, a_gradient = grasp._action_gradient(a.detach(), s.detach(), goal)
    s_gradient = _state_gradient(prediction, s.detach(), goal)
    torch.testing.assert_close(a_gradient, expected_a)
    # The start is fixed; s_T is put back to the goal after each step.
    torch.testing.assert_close(s_gradient[:, 1:], expected_s[:, 1:])
    assert not s_gradient[:, 0].any()


def test_gauss_newton_solves_the_same_objective_as_the_gradient():
    torch.manual_seed(0)
    model = ResidualMLP(6, 2, 16, 2).requires_grad_(False)
    torch.nn.init.normal_(model.last.weight, std=0.1)
    s, goal = 0.1 * torch.randn(1, 9, 6), Goal.of(torch.zeros(6), 0.1)
    a = torch.zeros(1, 8, 2)
    grasp = Grasp(model, replace(PAPER, action_step='gauss_newton'))
    before = lifted_loss(model, s, a, goal.latent, 1.0)
    for _ in range(5):
        _, a = grasp._gauss_newton(a, s, goal)
    assert lifted_loss(model, s, a, goal.latent, 1.0) < before
    _, gradient = Grasp(model, PAPER)._action_gradient(a, s, goal)
    inside = a.abs() < 0.999
    assert inside.any()
    # Differences stand for derivatives, so the optimum is met to their accuracy only.
    assert gradient[inside].abs().max() < 0.02


@pytest.mark.parametrize('seed', range(3))
def test_greedy_trap_without_noise_and_sync_fails_behind_the_wall(seed):
    greedy = replace(PAPER, state_noise=0.0, sync='none', restarts=1)
    assert planner(greedy, seed).plan(behind_the_wall()).cost > 0.2


@pytest.mark.parametrize('sync', ['gd', 'cem'])
@pytest.mark.parametrize('seed', range(3))
def test_full_planner_finds_the_door(sync, seed):
    plan = planner(replace(PAPER, sync=sync), seed).plan(behind_the_wall())
    assert plan.cost < AT_GOAL


def test_pursuit_follows_a_seeded_path_through_the_door():
    problem = behind_the_wall(path=path_through_the_door())
    plan = planner(GraspConfig()).plan(problem)
    assert plan.cost < AT_GOAL
    assert plan.latents[:, 1].max() > 0.4


def test_seeded_path_is_not_followed_when_the_line_start_is_asked_for():
    problem = behind_the_wall(path=path_through_the_door())
    assert planner(GraspConfig(init='line')).plan(problem).cost > 0.2


def test_frozen_states_stay_on_the_path():
    path = path_through_the_door()
    problem = behind_the_wall(path=path)
    plan = planner(GraspConfig(lr_states=0.0)).plan(problem)
    torch.testing.assert_close(plan.states[1:-1], path[1:-1])


def test_feasibility_gap_is_the_mean_defect_of_the_virtual_states():
    plan = planner(PAPER).plan(behind_the_wall())
    defect = walled(plan.states[:-1], plan.actions) - plan.states[1:]
    assert plan.feasibility_gap == pytest.approx(float(defect.norm(dim=1).mean()), rel=1e-5)


def runs(settings, problem, seed=0, step=walled):
    """All candidates of a run, copied: (actions, states, latents)."""
    generator = torch.Generator().manual_seed(seed)
    for a, s, latents in Grasp(step, settings).propose(problem, None, never, generator):
        yield a.clone(), s.clone(), latents


def test_gauss_newton_alone_follows_a_path_that_can_be_followed():
    settings = GraspConfig(sync='none', lr_states=0.0)
    problem = behind_the_wall(path=path_through_the_door())
    assert planner(settings).plan(problem).cost < AT_GOAL


def test_moved_states_mend_a_path_in_jumps():
    # One state for five steps: no action can jump, so that frozen states mislead.
    jumps = path_through_the_door()[torch.arange(61) // 5 * 5]
    problem = behind_the_wall(path=jumps)
    moved = GraspConfig(sync='none', iterations=20)
    frozen = replace(moved, lr_states=0.0)
    cost, stiff = (planner(one).plan(problem).cost for one in (moved, frozen))
    assert cost < 0.05 < 0.2 < stiff


def test_adam_starts_anew_after_a_sync():
    # Its first step moves every state by the learning rate, whatever the gradient.
    settings = replace(PAPER, state_noise=0.0, iterations=6, sync_every=1, sync_lr=0.0)
    states = [s for _, s, _ in runs(settings, behind_the_wall(20))]
    for before, after in itertools.pairwise(states):
        moved = (after - before)[:, 1:-1].abs()
        moved = moved[moved > 1e-6]  # those with a gradient
        assert (moved - settings.lr_states).abs().quantile(0.9) < 1e-4


def test_last_iteration_syncs_however_long_the_interval():
    problem = behind_the_wall(path=path_through_the_door())
    for every in (3, 100):
        (one,) = runs(GraspConfig(sync_every=every), problem)
        assert problem.cost(one[2]) < AT_GOAL


def test_no_noise_is_drawn_where_none_is_asked_for():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    list(Grasp(walled, GraspConfig()).propose(behind_the_wall(20), None, never, generator))
    assert torch.equal(generator.get_state(), before)


def test_first_of_several_restarts_is_that_without_noise():
    noisy = replace(PAPER, iterations=20, sync='none', restarts=3)
    alone = replace(noisy, restarts=1, state_noise=0.0)
    (many,) = runs(noisy, behind_the_wall(20))
    (one,) = runs(alone, behind_the_wall(20))
    torch.testing.assert_close(many[0][:1], one[0])
    torch.testing.assert_close(many[1][:1], one[1])
    assert not torch.allclose(many[1][1:], one[1])


def test_only_restart_has_the_noise():
    noisy = replace(PAPER, iterations=5, sync='none', restarts=1)
    (one,) = runs(noisy, behind_the_wall(20))
    (other,) = runs(noisy, behind_the_wall(20), seed=1)
    assert not torch.allclose(one[1], other[1])


@pytest.mark.parametrize('action_step', ['adam', 'gauss_newton'])
def test_model_is_asked_once_an_iteration(action_step):
    calls = []

    def counted(z, a):
        calls.append(len(z))
        return walled(z, a)

    settings = replace(PAPER, action_step=action_step, iterations=7, sync='none', restarts=2)
    list(runs(settings, behind_the_wall(20), step=counted))
    assert calls == [40 if action_step == 'adam' else 120] * 7


def test_search_begins_at_rest():
    problem = replace(behind_the_wall(20), rest=torch.tensor([0.5, -0.5]))
    (one,) = runs(replace(PAPER, iterations=1, lr_actions=0.0, sync='none'), problem)
    assert torch.equal(one[0][0], problem.rest.expand(20, 2))
