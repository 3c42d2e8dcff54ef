# SPDX-License-Identifier: Apache-2.0
"""What every planner promises (planning.problem.Planner)."""

from dataclasses import replace

import pytest
import torch
from toy import behind_the_wall, path_through_the_door, to, walled

from grasp_ros.config import GraspConfig, IcemConfig
from grasp_ros.planning.grasp import Grasp
from grasp_ros.planning.icem import Icem
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import WarmStart
from grasp_ros.types import BadInput
from grasp_ros.world_model.dynamics import rollout

ADAM = GraspConfig(
    init='line', action_step='adam', iterations=40, lr_states=0.1, state_noise=0.1, sync='gd',
    sync_every=10, sync_steps=3, restarts=4,
)  # fmt: skip
ICEM = IcemConfig(samples=32, elites=8, iterations=5)
PLANNERS = {
    'grasp_shipped': lambda seed: Grasp(walled, 2, GraspConfig(), seed),
    'grasp_gd': lambda seed: Grasp(walled, 2, ADAM, seed),
    'grasp_cem': lambda seed: Grasp(walled, 2, replace(ADAM, sync='cem', sync_steps=2), seed),
    'grasp_unsynced': lambda seed: Grasp(walled, 2, replace(ADAM, sync='none'), seed),
    'grasp_warm': lambda seed: Grasp(walled, 2, replace(ADAM, init='warm'), seed),
    'icem': lambda seed: Icem(walled, 2, ICEM, seed),
}
every_planner = pytest.mark.parametrize('make', PLANNERS.values(), ids=PLANNERS.keys())


@every_planner
def test_actions_stay_within_bounds(make):
    plan = make(0).plan(to([40.0, -30.0], (-0.5, 0.0)))
    assert plan.actions.shape == (20, 2)
    assert plan.actions.abs().max() <= 1


@every_planner
def test_same_seed_gives_the_same_plan(make):
    first, second = (make(7).plan(behind_the_wall(30)) for _ in range(2))
    assert torch.equal(first.actions, second.actions)


@pytest.mark.parametrize('name', ['grasp_gd', 'icem'])
def test_another_seed_gives_another_plan(name):
    first, second = (PLANNERS[name](seed).plan(behind_the_wall(30)) for seed in (1, 2))
    assert not torch.equal(first.actions, second.actions)


@every_planner
def test_returned_latents_and_cost_are_the_true_rollout(make):
    problem = behind_the_wall(30)
    plan = make(0).plan(problem)
    latents = rollout(walled, problem.start[None], plan.actions[None])
    torch.testing.assert_close(plan.latents, latents[0])
    assert plan.cost == pytest.approx(float(problem.cost(latents)), rel=1e-5)


@every_planner
def test_never_worse_than_the_warm_start(make):
    problem = behind_the_wall()
    seeded = replace(problem, path=path_through_the_door())
    good = Grasp(walled, 2, GraspConfig(), seed=0).plan(seeded)
    plan = make(0).plan(problem, WarmStart(good.actions, good.states))
    assert plan.cost <= good.cost


@every_planner
def test_plans_under_a_deadline_that_is_over_already(make):
    asked = []

    def over() -> bool:
        asked.append(1)
        return True

    plan = make(0).plan(behind_the_wall(), deadline=over)
    assert torch.isfinite(plan.actions).all()
    # Nothing is optimised after the deadline: it is asked once a loop that it ends.
    assert len(asked) <= 3


@pytest.mark.parametrize('name', ['grasp_gd', 'icem'])
def test_deadline_ends_the_search_and_keeps_the_best_so_far(name):
    def calls(limit):
        seen = iter(range(10_000))
        return PLANNERS[name](0).plan(behind_the_wall(), deadline=lambda: next(seen) >= limit)

    assert calls(10_000).cost <= calls(4).cost <= calls(0).cost


@every_planner
def test_model_that_turns_to_nan_never_wins(make):
    def broken(z, a):
        # NaN where both actions push the same way.
        return walled(z, a) + torch.where((a.prod(dim=1) > 0.5)[:, None], torch.nan, 0.0)

    planner = make(0)
    planner._step = broken
    assert torch.isfinite(torch.tensor(planner.plan(behind_the_wall(30)).cost))


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
