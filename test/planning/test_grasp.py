# SPDX-License-Identifier: Apache-2.0
"""GRASP: its gradients, its trap, and what gets it out of the trap."""

import itertools
from dataclasses import replace

import pytest
import torch
from toy import PAPER, behind_the_wall, free, path_through_the_door, planner, to, walled

from grasp_ros.planning.anytime import AnytimePlanner
from grasp_ros.planning.grasp import FEW, Grasp
from grasp_ros.planning.lifted import FRESH, Lifted
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import WarmStart, never
from grasp_ros.planning.registry import GraspConfig
from grasp_ros.world_model.dynamics import ResidualMLP, rollout

AT_GOAL = 0.01  # |z_T - g|² of a plan that arrives; the trap costs about 0.3


def lifted_loss(step, s, a, goal, gamma, tau=0.0):
    """The objective as it is written in the paper, and tension, for autograd."""
    inputs = s[:, :-1].detach().flatten(0, 1)
    prediction = step(inputs, a.flatten(0, 1)).view(*a.shape[:2], -1)
    fit = (prediction - s[:, 1:]).square().sum()
    tension = (s[:, 1:] - s[:, :-1]).square().sum()
    return fit + gamma * (prediction - goal).square().sum() + tau * tension


@pytest.mark.parametrize('tension', [0.0, 0.5])
@pytest.mark.parametrize('gamma', [0.0, 1.0, 2.5])
def test_gradients_equal_autograd_on_the_objective(gamma, tension):
    torch.manual_seed(0)
    model = ResidualMLP(6, 3, 16, 2).double().requires_grad_(False)
    torch.nn.init.normal_(model.last.weight)
    s = torch.randn(4, 11, 6, dtype=torch.float64, requires_grad=True)
    a = torch.randn(4, 10, 3, dtype=torch.float64, requires_grad=True)
    goal = Goal.of(s.detach()[0, -1], 0.1)
    tau = tension / (2 * (1 - tension))
    loss = lifted_loss(model, s, a, goal.latent, gamma, tau)
    expected_s, expected_a = torch.autograd.grad(loss, (s, a))
    settings = replace(PAPER, gamma=gamma, tension=tension)
    lifted = Lifted(model, settings, goal, a.detach(), s.detach())
    prediction, a_gradient = lifted.action_gradient()
    s_gradient = lifted.state_gradient(prediction)
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
    settings = replace(PAPER, action_step='gauss_newton', state_step='frozen')
    lifted = Lifted(model, settings, goal, a, s)
    before = lifted_loss(model, s, a, goal.latent, 1.0)
    for _ in range(8):
        lifted.move()
    assert lifted_loss(model, s, a, goal.latent, 1.0) < before
    _, gradient = lifted.action_gradient()
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


def disc(z):
    """An obstacle that the model does not know of, a little below the straight way."""
    return torch.sigmoid((0.15 - (z - torch.tensor([0.0, -0.03])).norm(dim=-1)) / 0.03)


@pytest.mark.parametrize('seed', range(3))
def test_states_are_pushed_around_what_the_model_does_not_know(seed):
    line = torch.linspace(-0.5, 0.5, 31)
    path = torch.stack([line, torch.zeros(31)], dim=1)
    problem = replace(to([0.5, 0.0], (-0.5, 0.0), horizon=30), path=path, running_weight=1.0)
    through = planner(GraspConfig(), seed, free).plan(problem)
    around = planner(GraspConfig(), seed, free).plan(replace(problem, inside=disc))
    assert disc(through.latents).max() > 0.9
    assert disc(around.latents).max() < 0.5
    assert around.latents[-1, 0] > 0.45


def test_rollouts_through_obstacles_cost_more():
    line = torch.linspace(-0.5, 0.5, 31)
    low, high = (torch.stack([line, torch.full((31,), y)], dim=1) for y in (0.0, 0.4))
    problem = replace(to([0.5, 0.2], (-0.5, 0.2), horizon=30), inside=disc)
    through, past = problem.cost(torch.stack([low, high]))
    assert through > 3 * past


def nowhere(z):
    """Obstacles are known, and none is here."""
    return 0 * z.sum(dim=-1)


def test_plans_get_better_from_one_to_the_next_where_obstacles_are_known():
    corners = torch.tensor([[-0.5, 0.0], [0.0, 0.6], [0.5, 0.0]])
    path = torch.cat([torch.lerp(*corners[:2], torch.linspace(0, 1, 21)[:20, None]),
                      torch.lerp(*corners[1:], torch.linspace(0, 1, 21)[:, None])])  # fmt: skip
    settings = GraspConfig(iterations=3, restarts=1, state_noise=0.0)
    costs = {}
    for inside in (nowhere, None):
        problem = to([0.5, 0.0], (-0.5, 0.0), horizon=40)
        problem = replace(problem, path=path, running_weight=1.0, inside=inside)
        run, warm, costs[inside] = planner(settings, step=free), None, []
        for _ in range(8):
            plan = run.plan(problem, warm)
            warm = WarmStart(plan.actions, plan.states)
            costs[inside].append(plan.cost)
    assert costs[nowhere][-1] < 0.95 * costs[nowhere][0]
    # Nothing else would keep states off what the model does not know.
    assert costs[None] == pytest.approx([costs[None][0]] * 8)


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
    plan = planner(GraspConfig(state_step='frozen', state_noise=0.0)).plan(problem)
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
    settings = GraspConfig(sync='none', state_step='frozen', state_noise=0.0)
    problem = behind_the_wall(path=path_through_the_door())
    assert planner(settings).plan(problem).cost < AT_GOAL


def test_moved_states_mend_a_path_in_jumps():
    # One state for five steps: no action can jump, so that frozen states mislead.
    jumps = path_through_the_door()[torch.arange(61) // 5 * 5]
    problem = behind_the_wall(path=jumps)
    alone = GraspConfig(restarts=1, state_noise=0.0)
    frozen = replace(alone, state_step='frozen')
    cost, stiff = (planner(one).plan(problem).cost for one in (alone, frozen))
    assert cost < AT_GOAL < 0.5 < stiff
    # So do Adam's steps, if less well, where nothing syncs the actions afterwards.
    adam = replace(alone, state_step='adam', tension=0.0, sync='none')
    assert planner(adam).plan(problem).cost < 0.05


def test_noise_and_restarts_mend_what_frozen_states_cannot():
    jumps = path_through_the_door()[torch.arange(61) // 5 * 5]
    noisy = GraspConfig(state_step='frozen')
    assert planner(noisy).plan(behind_the_wall(path=jumps)).cost < AT_GOAL


def test_trusted_path_is_searched_along_once_and_without_noise():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    problem = replace(behind_the_wall(20), trusted=True)
    (found,) = Grasp(walled, GraspConfig()).propose(problem, None, never, generator)
    assert found.actions.shape == (1, 20, 2)
    assert torch.equal(generator.get_state(), before)


def test_path_that_is_to_be_followed_is_left_as_it_is():
    jumps = path_through_the_door()[torch.arange(61) // 5 * 5]
    settings = GraspConfig()
    far = behind_the_wall(path=jumps)
    ((left, states, _),) = runs(settings, replace(far, followed=True))
    assert len(left) == 1 and torch.equal(states[0], jumps)
    ((moved, states, _),) = runs(settings, far)
    assert len(moved) == settings.restarts and not torch.allclose(states[0], jumps)


def test_followed_path_is_not_left_for_what_the_model_thinks_shorter():
    problem = replace(behind_the_wall(path=path_through_the_door()), running_weight=1.0)
    straight = torch.tensor([[1.0, 0.0]]).repeat(20, 1)
    through = torch.cat([straight, torch.zeros(40, 2)])
    warm = WarmStart(through, rollout(free, problem.start[None], through[None])[0])

    def highest(followed: bool) -> float:
        ignorant = planner(GraspConfig(), step=free)  # this model knows no wall
        return float(ignorant.plan(replace(problem, followed=followed), warm).latents[:, 1].max())

    assert highest(False) < 0.3 and highest(True) > 0.5


def test_tension_shortens_the_way_of_the_virtual_states():
    zigzag = (
        path_through_the_door()
        + 0.02 * torch.tensor([[1.0, 1.0], [-1.0, -1.0]]).repeat(31, 1)[:61]
    )
    zigzag[0], zigzag[-1] = torch.tensor([-0.5, 0.0]), torch.tensor([0.5, 0.0])

    def length(tension: float) -> float:
        settings = GraspConfig(restarts=1, state_noise=0.0, tension=tension)
        states = planner(settings).plan(behind_the_wall(path=zigzag)).states
        return float((states[1:] - states[:-1]).norm(dim=1).sum())

    assert length(0.8) < length(0.5) < 0.9 * length(0.0)


def test_relaxing_finds_the_optimum_of_the_states_between_model_and_neighbours():
    torch.manual_seed(0)
    s, a = torch.randn(2, 9, 2), torch.zeros(2, 8, 2)
    settings = GraspConfig(tension=0.4)
    tau, goal = 0.4 / (2 * 0.6), Goal.of(s[0, -1], 0.1)
    prediction = torch.randn(2, 8, 2)
    before, seventh = s.clone(), s[:, 7].clone().requires_grad_(True)
    Lifted(walled, settings, goal, a, s).relax(prediction)
    seventh.data.copy_(s[:, 7])
    neighbours = (seventh - before[:, 6]).square() + (before[:, 8] - seventh).square()
    loss = (prediction[:, 6] - seventh).square() + tau * neighbours
    (gradient,) = torch.autograd.grad(loss.sum(), seventh)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-5, rtol=0)
    assert torch.equal(s[:, 0], before[:, 0])


def test_restarts_follow_the_time_that_there_is():
    used = 0.0
    planned = Grasp(walled, GraspConfig(iterations=2))

    def restarts() -> int:
        generator = torch.Generator().manual_seed(0)
        (one,) = planned.propose(behind_the_wall(20), None, lambda: used, generator)
        return len(one.actions)

    assert restarts() == GraspConfig().restarts
    used = 0.95
    assert [restarts() for _ in range(5)] == [8, 4, 2, 1, 1]
    used = 0.1
    assert [restarts() for _ in range(5)] == [1, 2, 4, 8, 8]


def test_plans_that_are_late_have_the_next_come_in_time():
    # A clock that only the model moves, by the states it sees: ten times what there is time for.
    seen = begun = whole = 0

    def counted(z, a):
        nonlocal seen
        seen += len(z)
        return walled(z, a)

    def share() -> float:
        return 10 * (seen - begun) / whole

    grasp = Grasp(counted, GraspConfig())
    planned = AnytimePlanner(counted, grasp, seed=0)
    problem = behind_the_wall(path=path_through_the_door())
    planned.plan(problem)
    whole, used, costs = seen, [], []
    for _ in range(8):
        begun = seen
        costs.append(planned.plan(problem, None, share).cost)
        used.append(share())
    assert used[0] > 1.05
    assert max(used[-2:]) < 1.05
    assert max(costs[-2:]) < AT_GOAL  # a sweep had its time


def test_plans_that_follow_say_nothing_about_restarts():
    used = 0.95
    planned = Grasp(walled, GraspConfig(iterations=2))

    def rows(problem) -> int:
        generator = torch.Generator().manual_seed(0)
        (one,) = planned.propose(problem, None, lambda: used, generator)
        return len(one.actions)

    problem = behind_the_wall(20, path_through_the_door(20))
    assert [rows(problem) for _ in range(3)] == [8, 4, 2]
    used = 0.1
    assert rows(replace(problem, followed=True)) == rows(replace(problem, trusted=True)) == 1
    used = 0.95
    assert rows(problem) == 1


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
    for iterations, every in ((3, 3), (3, 100), (0, 100)):
        settings = GraspConfig(iterations=iterations, sync_every=every)
        (one,) = runs(settings, problem)
        assert problem.cost(one[2]).min() < AT_GOAL


def test_no_noise_is_drawn_where_none_is_asked_for():
    generator = torch.Generator().manual_seed(0)
    before = generator.get_state()
    settings = GraspConfig(restarts=1, state_noise=0.0)
    list(Grasp(walled, settings).propose(behind_the_wall(20), None, never, generator))
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
    if action_step == 'adam':
        assert calls == [40] * 7
    else:  # and its derivatives now and then, along the restart without noise
        fresh = [60, 20, 40]
        assert calls == (fresh + (FRESH - 1) * [40] + fresh + 2 * [40])


def test_last_plan_has_derivatives_of_its_own():
    calls = []

    def counted(z, a):
        calls.append(len(z))
        return free(z, a)

    problem = replace(behind_the_wall(20, path_through_the_door(20)), inside=nowhere)
    warm = WarmStart(torch.zeros(20, 2), problem.path)
    settings = GraspConfig(restarts=4, iterations=1, sync='none')
    list(Grasp(counted, settings).propose(problem, warm, never, torch.Generator()))
    assert calls == [2 * 20 * 3, 3 * 20, 5 * 20]


@pytest.mark.parametrize('goes_on', [True, False])
@pytest.mark.parametrize('trusted', [True, False])
def test_several_restarts_beside_the_last_plan_take_fewer_iterations(
    goes_on, trusted, monkeypatch
):
    moved = []
    monkeypatch.setattr(Lifted, 'move', lambda self: moved.append(self))
    path = path_through_the_door(20)
    problem = replace(behind_the_wall(20, path), inside=nowhere, trusted=trusted)
    warm = WarmStart(torch.zeros(20, 2), path) if goes_on else None
    list(Grasp(free, GraspConfig(iterations=20)).propose(problem, warm, never, torch.Generator()))
    assert len(moved) == (FEW if goes_on and not trusted else 20)


def test_search_begins_at_rest():
    problem = replace(behind_the_wall(20), rest=torch.tensor([0.5, -0.5]))
    (one,) = runs(replace(PAPER, iterations=1, lr_actions=0.0, sync='none'), problem)
    assert torch.equal(one[0][0], problem.rest.expand(20, 2))
