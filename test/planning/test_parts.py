# SPDX-License-Identifier: Apache-2.0
"""Sync, coloured noise and warm starts."""

from dataclasses import replace

import pytest
import torch
from toy import behind_the_wall, free, path_through_the_door, to, walled

from grasp_ros.planning import sync
from grasp_ros.planning.noise import coloured
from grasp_ros.planning.problem import Plan, never
from grasp_ros.planning.warmstart import shift
from grasp_ros.world_model.dynamics import rollout


def test_pursuit_makes_actions_true_to_the_rollout():
    problem = behind_the_wall()
    path = path_through_the_door()[None]
    actions, latents = sync.pursuit(walled, problem, torch.zeros(1, 60, 2), path, 3, never)
    torch.testing.assert_close(latents, rollout(walled, problem.start[None], actions))
    assert float(problem.cost(latents)) < 0.01


def test_pursuit_does_not_press_on_what_blocks_it():
    def before_a_wall(z, a):
        return z + 0.05 * a * torch.tensor([0.0, 1.0])

    # The way leads through the wall, on and up; only up is possible.
    path = torch.stack([torch.linspace(0, 0.5, 21), torch.linspace(0, 0.5, 21)], dim=1)
    pressing = torch.ones(1, 20, 2)
    actions, latents = sync.pursuit(before_a_wall, to([0.5, 0.5]), pressing, path[None], 3, never)
    assert actions[0, :, 0].abs().max() < 0.05
    assert latents[0, -1, 1] > 0.1, 'and it gets on where it can'


def test_pursuit_stays_on_a_way_that_one_joint_is_too_slow_for():
    """No other joint, that shows in the latent alike, is to make up for what is missing."""

    def alike(z, a):
        return z + 0.05 * a @ torch.tensor([[1.0, 0.9], [0.0, 0.4]])

    path = torch.stack([torch.zeros(21), torch.linspace(0, 0.4, 21)], dim=1)
    _, latents = sync.pursuit(alike, to([0.0, 0.4]), torch.zeros(1, 20, 2), path[None], 3, never)
    assert latents[0, :, 0].abs().max() < 0.01, 'a fifth of a step'
    torch.testing.assert_close(latents[0, -1], path[-1], atol=0.005, rtol=0)


@pytest.mark.parametrize('at', [[0.0, 0.0], [0.5, -0.2]])  # where rest is, among the actions
def test_foreseen_path_is_kept_to_on_its_line_and_around_its_corner(at):
    rest = torch.tensor(at)

    def shifted(z, a):
        return z + 0.05 * (a - rest)

    corner = torch.tensor([0.5, 0.2])
    there = corner * torch.linspace(0, 1, 11)[:, None]
    path = torch.cat(
        [there, corner + torch.tensor([0.0, 0.4]) * torch.linspace(0, 1, 9)[1:, None]]
    )
    line = torch.cat([path[:-1].lerp(path[1:], share) for share in torch.linspace(0, 1, 20)])
    beside = {}
    for foreseen in (True, False):
        problem = replace(to([0.5, 0.6], horizon=18), rest=rest, foreseen=foreseen)
        _, latents = sync.pursuit(shifted, problem, rest.repeat(1, 18, 1), path[None], 3, never)
        z = latents[0]
        beside[foreseen] = float(torch.cdist(z, line).amin(dim=1).max())
    assert beside[False] > 2 * beside[True], 'one joint runs ahead, the corner is cut'
    assert beside[True] < 0.025, 'half a step'


def test_pursuit_is_thrifty_beyond_its_first_steps_where_obstacles_are_known():
    path, counts = path_through_the_door()[None], []
    for inside in (None, lambda z: 0 * z.sum(dim=-1)):
        batches = []

        def counted(z, a, batches=batches):
            batches.append(len(z))
            return walled(z, a)

        problem = replace(behind_the_wall(), inside=inside)
        sync.pursuit(counted, problem, torch.zeros(1, 60, 2), path, 3, never)
        linearised = [t for t, size in enumerate(batches) if size > 1]
        assert linearised[: sync.EXACT] == list(range(0, 2 * sync.EXACT, 2))
        counts.append(len(linearised))
    assert counts[0] == 60 and counts[1] <= sync.EXACT + (60 - sync.EXACT) / 3 + 1


def test_pursuit_treats_restarts_independently():
    problem = behind_the_wall()
    paths = torch.stack([path_through_the_door(), problem.start.expand(61, 2).clone()])
    actions = torch.zeros(2, 60, 2)
    both, _ = sync.pursuit(walled, problem, actions, paths, 3, never)
    alone, _ = sync.pursuit(walled, problem, actions[1:], paths[1:], 3, never)
    torch.testing.assert_close(both[1:], alone)


def test_pursuit_keeps_the_old_actions_after_the_deadline():
    old = torch.full((1, 60, 2), 0.25)
    path = path_through_the_door()[None]
    actions, latents = sync.pursuit(walled, behind_the_wall(), old, path, 3, lambda: True)
    assert torch.equal(actions, old)
    assert latents.shape == (1, 61, 2)


def test_gradient_sync_lowers_the_true_cost_and_keeps_the_bounds():
    problem = to([9.0, 0.3])
    start = torch.zeros(3, 20, 2)
    actions, latents = sync.gd(free, problem, start, 30, 0.1, never)
    before = problem.cost(rollout(free, problem.start.expand(3, -1), start))
    assert (problem.cost(latents) < before).all()
    assert actions.abs().max() <= 1


def test_cem_sync_never_loses_its_start():
    problem = behind_the_wall()
    start = torch.rand(2, 60, 2, generator=torch.Generator().manual_seed(0)) - 0.5
    generator = torch.Generator().manual_seed(0)
    _, latents = sync.cem(walled, problem, start, 3, never, generator)
    before = problem.cost(rollout(walled, problem.start.expand(2, -1), start))
    assert (problem.cost(latents) <= before).all()


@pytest.mark.parametrize('beta', [0.0, 2.0, 4.0])
@pytest.mark.parametrize('horizon', [5, 40])
def test_coloured_noise_has_unit_variance(beta, horizon):
    generator = torch.Generator().manual_seed(0)
    noise = coloured((20_000, horizon, 2), beta, generator, torch.zeros(1))
    assert noise.shape == (20_000, horizon, 2)
    torch.testing.assert_close(noise.var(dim=0), torch.ones(horizon, 2), atol=0.06, rtol=0)


def test_redder_noise_changes_more_slowly():
    generator = torch.Generator().manual_seed(0)

    def change(beta):
        noise = coloured((500, 40, 1), beta, generator, torch.zeros(1))
        return float(noise.diff(dim=1).square().mean())

    assert change(0.0) > 4 * change(2.0) > 4 * change(4.0)


REST = torch.tensor([0.5, -0.25])


def plan(horizon: int) -> Plan:
    actions = torch.arange(2.0 * horizon).view(horizon, 2)
    states = torch.arange(2.0 * (horizon + 1)).view(horizon + 1, 2)
    return Plan(actions, states, states, 0.0, 0.0)


def test_warm_start_drops_what_was_executed():
    warm = shift(plan(10), 3, 7, REST)
    assert warm is not None
    assert torch.equal(warm.actions, plan(10).actions[3:])
    assert torch.equal(warm.states, plan(10).states[3:])


def test_warm_start_is_cut_to_a_shorter_horizon():
    warm = shift(plan(10), 3, 4, REST)
    assert warm is not None
    assert torch.equal(warm.actions, plan(10).actions[3:7])
    assert warm.states.shape == (5, 2)


def test_warm_start_is_filled_up_with_rest():
    warm = shift(plan(10), 8, 6, REST)
    assert warm is not None
    assert warm.actions.shape == (6, 2)
    assert torch.equal(warm.actions[2:], REST.expand(4, 2))
    assert torch.equal(warm.states[3:], plan(10).states[-1].expand(4, 2))


def test_nothing_is_left_of_a_plan_that_is_over():
    assert shift(plan(10), 10, 5, REST) is None
