# SPDX-License-Identifier: Apache-2.0
"""What every planner promises (planning.problem.Planner)."""

import itertools
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from toy import PAPER, behind_the_wall, path_through_the_door, planner, to, walled

from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import PlanFailed, Problem, WarmStart
from grasp_ros.planning.registry import GdConfig, GraspConfig, IcemConfig
from grasp_ros.types import BadInput
from grasp_ros.world_model.dynamics import rollout

ADAM = replace(PAPER, iterations=40, state_noise=0.1, sync_every=10, sync_steps=3, restarts=4)
SETTINGS = {
    'grasp_shipped': GraspConfig(),
    'grasp_gd': ADAM,
    'grasp_cem': replace(ADAM, sync='cem', sync_steps=2),
    'grasp_unsynced': replace(ADAM, sync='none'),
    'grasp_warm': replace(ADAM, init='warm'),
    'grasp_frozen': GraspConfig(state_step='frozen'),
    'gd': GdConfig(iterations=5, restarts=4),
    'icem': IcemConfig(samples=32, elites=8, iterations=5),
}
every_planner = pytest.mark.parametrize('chosen', SETTINGS.values(), ids=SETTINGS.keys())
explorers = pytest.mark.parametrize('chosen', [SETTINGS['grasp_gd'], SETTINGS['icem']])
good = planner(GraspConfig()).plan(behind_the_wall(path=path_through_the_door()))


def arm(size: int) -> tuple[Problem, object]:
    """A problem for a model of `size` action dimensions that act on all latent dimensions."""
    mix = torch.randn(size, 2 * size, generator=torch.Generator().manual_seed(size)) / size
    goal = Goal.of(torch.tanh(torch.arange(2.0 * size)), 0.1)
    problem = Problem(torch.zeros(2 * size), goal, 12, rest=torch.full((size,), -0.25))
    return problem, lambda z, a: z + 0.2 * torch.tanh(a @ mix) * torch.cos(0.3 * z)


@every_planner
def test_actions_stay_within_bounds(chosen):
    plan = planner(chosen).plan(to([40.0, -30.0], (-0.5, 0.0)))
    assert plan.actions.shape == (20, 2)
    assert plan.actions.abs().max() <= 1


@pytest.mark.parametrize('size', [1, 6, 7])
@every_planner
def test_keeps_its_promises_for_any_number_of_joints(chosen, size):
    problem, step = arm(size)
    resting = problem.cost(rollout(step, problem.start[None], problem.rest.expand(1, 12, -1)))
    plan = planner(chosen, step=step).plan(problem)
    assert plan.actions.shape == (12, size) and plan.actions.abs().max() <= 1
    latents = rollout(step, problem.start[None], plan.actions[None])
    torch.testing.assert_close(plan.latents, latents[0])
    assert plan.cost == pytest.approx(float(problem.cost(latents)), rel=1e-4)
    assert plan.cost < float(resting)
    again = planner(chosen, 1, step).plan(problem, WarmStart(plan.actions, plan.states))
    assert again.cost <= plan.cost * (1 + 1e-5)  # rounding depends on the batch


@explorers
def test_same_seed_gives_the_same_plans(chosen):
    one, two = planner(chosen, 7), planner(chosen, 7)
    for _ in range(2):
        first, second = one.plan(behind_the_wall(30)), two.plan(behind_the_wall(30))
        assert torch.equal(first.actions, second.actions)


@explorers
def test_another_seed_gives_another_plan(chosen):
    first, second = (planner(chosen, seed).plan(behind_the_wall(30)) for seed in (1, 2))
    assert not torch.equal(first.actions, second.actions)


@explorers
def test_each_plan_explores_anew(chosen):
    # A planner that always draws the same numbers stays where it is stuck.
    one = planner(chosen)
    first, second = (one.plan(behind_the_wall(30)) for _ in range(2))
    assert not torch.equal(first.actions, second.actions)


@every_planner
def test_returned_latents_and_cost_are_the_true_rollout(chosen):
    problem = behind_the_wall(30)
    plan = planner(chosen).plan(problem)
    latents = rollout(walled, problem.start[None], plan.actions[None])
    torch.testing.assert_close(plan.latents, latents[0])
    assert plan.cost == pytest.approx(float(problem.cost(latents)), rel=1e-5)


@every_planner
def test_never_worse_than_the_warm_start(chosen):
    warm = WarmStart(good.actions, good.states)
    assert planner(chosen).plan(behind_the_wall(), warm).cost <= good.cost


@every_planner
@settings(max_examples=10)
@given(limit=st.integers(0, 30), share=st.floats(0.0, 1.0))
def test_whenever_time_ends_the_plan_is_whole_and_no_worse_than_the_warm_start(
    chosen, limit, share
):
    problem = behind_the_wall(20)
    warm = WarmStart(share * good.actions[:20], good.states[:21])
    calls = itertools.count()
    plan = planner(chosen).plan(problem, warm, lambda: next(calls) >= limit)
    cost = problem.cost(rollout(walled, problem.start[None], warm.actions[None]))
    assert plan.cost <= float(cost)
    assert plan.actions.shape == (20, 2) and plan.latents.shape == plan.states.shape == (21, 2)


@every_planner
def test_plans_under_a_deadline_that_is_over_already(chosen):
    asked = []

    def over() -> bool:
        asked.append(1)
        return True

    plan = planner(chosen).plan(behind_the_wall(), deadline=over)
    assert torch.isfinite(plan.actions).all()
    # Nothing is optimised after the deadline: it is asked once a loop that it ends, and once for
    # how long a sync took.
    assert len(asked) <= 4


@explorers
def test_deadline_ends_the_search_and_keeps_the_best_so_far(chosen):
    def calls(limit):
        seen = iter(range(10_000))
        return planner(chosen).plan(behind_the_wall(), deadline=lambda: next(seen) >= limit)

    assert calls(10_000).cost <= calls(4).cost <= calls(0).cost


@every_planner
def test_model_that_turns_to_nan_never_wins(chosen):
    def broken(z, a):
        # NaN where both actions push the same way.
        return walled(z, a) + torch.where((a.prod(dim=1) > 0.5)[:, None], torch.nan, 0.0)

    plan = planner(chosen, step=broken).plan(behind_the_wall(30))
    for one in (plan.actions, plan.latents, plan.states, torch.tensor(plan.cost)):
        assert torch.isfinite(one).all()


@every_planner
@pytest.mark.parametrize('value', [torch.nan, torch.inf])
def test_model_without_a_finite_answer_gives_no_plan(chosen, value):
    with pytest.raises(PlanFailed, match='finite'):
        planner(chosen, step=lambda z, a: z + value * a).plan(behind_the_wall(30))


def test_actions_that_are_not_finite_never_win_though_their_rollout_is():
    def deaf(z, a):
        return z + 0.01 * torch.nan_to_num(a, nan=1.0)

    problem = to([1.0, 1.0])
    warm = WarmStart(torch.full((20, 2), torch.nan), torch.zeros(21, 2))
    plan = planner(GraspConfig(), step=deaf).plan(problem, warm, lambda: True)
    assert torch.isfinite(plan.actions).all()


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'horizon': 1}, 'horizon 1'),
        ({'goal': Goal.of(torch.zeros(3), 0.1)}, 'differ'),
        ({'rest': torch.zeros(1, 2)}, 'not one action'),
        ({'path': torch.zeros(5, 2)}, r'path \(5, 2\) is not'),
        ({'path': torch.zeros(61, 3)}, r'path \(61, 3\) is not'),
    ],
)
def test_refuses_a_problem_that_makes_no_sense(change, reason):
    with pytest.raises(BadInput, match=reason):
        replace(behind_the_wall(), **change)
