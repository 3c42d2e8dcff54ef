# SPDX-License-Identifier: Apache-2.0
"""Planners in every precision, and code that reads no value: it runs on the device 'meta'."""

from dataclasses import replace

import pytest
import torch
from toy import PAPER, planner

from grasp_ros.planning import sync
from grasp_ros.planning.anytime import Candidates, Incumbent
from grasp_ros.planning.grasp import Grasp
from grasp_ros.planning.greedy import boxed_step, linearise
from grasp_ros.planning.lifted import Lifted
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import Problem, WarmStart, never
from grasp_ros.planning.registry import GraspConfig, IcemConfig
from grasp_ros.world_model.dynamics import ResidualMLP, rollout

SIZE, LATENT, HORIZON = 6, 8, 10
DTYPES = [torch.float64, torch.float32, torch.bfloat16, torch.float16]
NOISY = replace(PAPER, iterations=4, sync_every=2, sync_steps=2, restarts=3)
SETTINGS = {
    'shipped': GraspConfig(),
    'paper': NOISY,
    'cem': replace(NOISY, sync='cem'),
    'pursuit': replace(NOISY, action_step='gauss_newton', sync='pursuit'),
    'icem': IcemConfig(samples=16, elites=4, iterations=3),
}


def case(dtype: torch.dtype = torch.float32, device: str = 'cpu'):
    """A small random model of SIZE actions, and a problem for it with a path."""
    torch.manual_seed(0)
    model = ResidualMLP(LATENT, SIZE, 16, 2).requires_grad_(False)
    torch.nn.init.normal_(model.last.weight, std=0.1)
    start, goal = torch.zeros(LATENT), torch.linspace(-0.5, 0.5, LATENT)
    path = torch.linspace(0, 1, HORIZON + 1)[:, None] * goal
    start, goal, path, rest = (
        one.to(device, dtype) for one in (start, goal, path, torch.full((SIZE,), 0.25))
    )
    problem = Problem(start, Goal.of(goal, 0.1), HORIZON, rest, path)
    return model.to(device, dtype), problem


@pytest.mark.parametrize('dtype', DTYPES, ids=str)
@pytest.mark.parametrize('settings', SETTINGS.values(), ids=SETTINGS.keys())
def test_plans_in_every_precision(settings, dtype):
    model, problem = case(dtype)
    one = planner(settings, step=model)
    plan = one.plan(problem)
    again = one.plan(problem, WarmStart(plan.actions, plan.states))
    for tensor in (plan.actions, plan.latents, plan.states):
        assert tensor.dtype == dtype and torch.isfinite(tensor).all()
    assert plan.actions.abs().max() <= 1
    # Rounding depends on how many are rolled out together.
    assert again.cost <= plan.cost * (1 + 10 * torch.finfo(dtype).eps)
    resting = problem.rest.expand(1, HORIZON, -1)
    start = problem.cost(rollout(model, problem.start[None], resting))
    assert plan.cost < 0.9 * float(start)


@pytest.mark.parametrize('dtype', DTYPES, ids=str)
@pytest.mark.parametrize('size', [1, 2, 7])
def test_gauss_newton_in_every_precision(dtype, size):
    mix = torch.eye(size, LATENT, dtype=dtype) * 0.5
    z, action = torch.zeros(3, LATENT, dtype=dtype), torch.zeros(3, size, dtype=dtype)
    target = torch.full((3, LATENT), 0.25, dtype=dtype)
    solved = boxed_step(*linearise(lambda z, a: z + a @ mix, z, action), action, target)
    assert solved.dtype == dtype
    torch.testing.assert_close(solved, torch.full_like(solved, 0.5), atol=0.02, rtol=0)


@pytest.mark.parametrize('weighted', [False, True])
def test_nothing_in_a_plan_reads_a_value(weighted):
    model, problem = case(device='meta')
    goal = problem.goal
    if weighted:
        goal = Goal(goal.latent, goal.weight, goal.tolerance)
    problem = replace(problem, goal=goal)
    a = torch.zeros(3, HORIZON, SIZE, device='meta')
    s = torch.zeros(3, HORIZON + 1, LATENT, device='meta')

    for state_step in ('adam', 'relax'):
        lifted = Lifted(model, replace(NOISY, state_step=state_step), goal, a, s)
        prediction, gradient = lifted.action_gradient()
        assert gradient.shape == a.shape
        assert lifted.state_gradient(prediction).shape == s.shape
        assert lifted.gauss_newton().shape == prediction.shape
        lifted.move()
    for actions, latents in (
        sync.pursuit(model, problem, a, s, 3, never),
        sync.gd(model, problem, a, 2, 0.1, never),
    ):
        assert actions.shape == a.shape and latents.shape == s.shape
    incumbent = Incumbent(model, problem)
    for _ in range(2):
        incumbent.offer(Candidates(a, s))


@pytest.mark.parametrize('settings', [GraspConfig(), SETTINGS['pursuit']])
def test_whole_search_reads_no_value(settings):
    model, problem = case(device='meta')
    settings = replace(settings, state_noise=0.0, restarts=1)
    candidates = Grasp(model, settings).propose(problem, None, never, torch.Generator())
    assert all(one.actions.shape == (1, HORIZON, SIZE) for one in candidates)
