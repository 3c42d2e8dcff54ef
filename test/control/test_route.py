# SPDX-License-Identifier: Apache-2.0
"""Where a plan leads, how far, and what it begins with."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from bed import Bed, on_its_way

from grasp_ros.control.receding_horizon import RecedingHorizon
from grasp_ros.control.recovery import Blocked
from grasp_ros.control.route import NO_WAY
from grasp_ros.planning.path import Path
from grasp_ros.types import Refused, nanoseconds


@pytest.fixture
def searching(robot_file) -> Bed:
    """The path is not only followed, so each plan leads to the goal."""
    return on_its_way(robot_file, planner__grasp__init='line')


def test_no_way_to_the_goal_is_said_and_nothing_is_planned(robot_file):
    bed = Bed('maze', robot_file)
    bed.reset(np.array([-0.2, -0.2]))
    bed.goal_at(np.array([0.2, 0.2]))
    cut_off(bed)
    assert bed.loop.replan(bed.observe()) == Refused(NO_WAY)


def cut_off(bed: Bed) -> None:
    """Take away all edges of the roadmap, then set the goal once more."""
    memory = bed.world_model.memory
    no = {name: getattr(memory, name)[:0] for name in ('edges', 'edge_steps')}
    bare = replace(memory, **no)
    reference = lambda: bed.gate.reference  # noqa: E731
    bundle = replace(bed.world_model, memory=bare)
    bed.loop = RecedingHorizon(bundle, bed.config, reference, bed.now, lambda: 0)
    bed.goal_at(np.array([0.2, 0.2]))


def test_fast_enough_to_arrive(searching: Bed):
    """The horizon has some slack over the roadmap's time, or plans would end short of the goal."""
    replan = searching.cycle()
    assert len(replan.plan.actions) >= min(100, replan.way.steps * 1.1 + 2)


def test_a_followed_path_is_planned_as_far_as_it_matters(robot_file):
    """What is sent is what pursuit of the whole path would have sent."""
    plans = []
    for horizon in ('auto', 60):
        bed = on_its_way(robot_file, seed=4, planner__horizon=horizon)
        plans.append([bed.cycle() for _ in range(6)])
    for short, long in zip(*plans, strict=True):
        assert len(short.plan.actions) < 15 and len(long.plan.actions) == 60
        assert short.trajectory.times_ns.tolist() == long.trajectory.times_ns.tolist()
        np.testing.assert_allclose(
            short.trajectory.positions, long.trajectory.positions, atol=1e-6
        )


@pytest.mark.parametrize(
    ('times', 'followed'),
    [
        ((), True),  # the model itself arrives
        ((2.0, 6.0, 10.0, 13.0), True),
        ((1.2, 9.2, 12.0), False),  # a gap, of which a straight line knows nothing
        ((4.0, 8.0, 11.5, 25.0), True),  # a gap that is for later
        ((4.0, 8.0, 10.5, 25.0), False),
    ],
)
def test_a_path_is_followed_until_there_is_a_gap(bed: Bed, searching: Bed, times, followed):
    latents = torch.zeros(30, bed.world_model.manifest.latent)
    path = Path(latents, tuple(range(len(times))), np.array([0.0, *times, 27.0]), 27.0)
    assert bed.loop._route._is_followed(path) == followed
    assert not searching.loop._route._is_followed(path)


def asked(bed: Bed, monkeypatch) -> list:
    """(problem, warm start) of each plan that the loop asks for from now on."""
    given, real = [], bed.loop._planner.plan

    def plan(problem, warm_start=None, deadline=None):
        given.append((problem, warm_start))
        return real(problem, warm_start, deadline)

    monkeypatch.setattr(bed.loop._planner, 'plan', plan)
    return given


@pytest.mark.parametrize(
    ('known', 'likely', 'blocked', 'trusted'),
    [
        (True, 0.1, (), True),
        (True, 0.9, (), False),  # the map leads through an obstacle
        (True, 0.1, (0,), False),  # the robot did not get on
        (False, 0.1, (), False),  # nobody knows
    ],
)
def test_a_path_is_trusted_while_nothing_speaks_against_it(
    searching: Bed, known, likely, blocked, trusted, monkeypatch
):
    route, given = searching.loop._route, asked(searching, monkeypatch)
    inside = (lambda z: z[..., 0] * 0 + likely) if known else None
    route._inside = lambda now_ns: inside
    route._recovery.known = lambda now_ns: blocked
    searching.cycle()
    assert given[0][0].trusted == trusted


@pytest.mark.parametrize('learned', [True, False])
def test_plans_keep_off_what_was_found_to_be_blocked(bed: Bed, learned, monkeypatch):
    given = asked(bed, monkeypatch)
    if not learned:
        bed.loop._route._bundle = replace(bed.world_model, obstacles=None)
    first = bed.cycle()
    here, there = (bed.world_model.joints_shown(first.plan.latents[at]) for at in (5, 8))
    bed.loop.recovery.blocked(Blocked(bed.now(), here, bed.gate.reference, wanted=there))
    bed.cycle()
    before, after = (problem.inside for problem, _ in given)
    assert learned == (before is not None)
    way = first.plan.latents[3:9]
    assert before is None or before(way).max() < 0.3
    assert after(way).max() > 0.7 and after(way).min() < 0.3


@pytest.mark.parametrize('seed', [3, 4])
def test_warm_start_is_the_rest_of_the_last_plan(searching: Bed, seed, monkeypatch):
    bed, given = searching, asked(searching, monkeypatch)
    first, second = bed.cycle(), bed.cycle()
    assert given[0][1] is None
    shifted = round((second.start_ns - first.start_ns) / nanoseconds(0.1))
    rest = first.plan.actions[shifted:]
    count = min(len(rest), len(given[1][1].actions))
    assert shifted >= 1 and count > 10
    assert torch.equal(given[1][1].actions[:count], rest[:count])


def test_sent_motion_is_short_and_the_preview_long(bed: Bed):
    replan = bed.cycle()
    assert replan.trajectory.end_ns - replan.start_ns <= nanoseconds(0.8)
    assert bed.loop.preview(replan).end_ns - replan.start_ns >= nanoseconds(4.0)


@pytest.mark.parametrize(('horizon', 'steps'), [(20, 20), ('4.5 s', 45)])
def test_fixed_horizon_is_kept_and_aims_at_a_point_of_the_path(robot_file, horizon, steps):
    bed = on_its_way(robot_file, planner__horizon=horizon)
    replan = bed.cycle()
    assert replan.plan.actions.shape == (steps, 2)
    # The goal is beyond the horizon; the plan ends within two model steps of where it aims.
    assert replan.way.steps > steps
    one_step = 2 * bed.world_model.manifest.goal_tolerance
    missed = replan.plan.latents[-1] - replan.plan.states[-1]
    assert float(missed.norm()) < 2 * one_step


def test_way_over_a_dense_map_is_shortened(bed: Bed, monkeypatch):
    given, route = asked(bed, monkeypatch), bed.loop._route
    first = bed.cycle()
    problem, path = given[0][0], route._roadmap.path(given[0][0].start, first.start.position)
    assert problem.followed and problem.foreseen
    assert first.way.steps < 0.97 * path.steps
    near, goal = path.landmarks[-1], first.way.stops[-1]
    np.testing.assert_allclose(first.way.stops[-2], route._positions[near], atol=1e-9)
    assert first.way.times[-1] - first.way.times[-2] == pytest.approx(
        path.times[-1] - path.times[-2]
    )
    np.testing.assert_allclose(goal, bed.loop._goal_joints)


def test_foreseen_path_is_what_the_model_makes_of_the_way(bed: Bed, monkeypatch):
    given = asked(bed, monkeypatch)
    replan = bed.cycle()
    problem = given[0][0]
    shown = bed.world_model.shown(problem.path).numpy()
    assert torch.equal(problem.path[0], problem.start)
    assert len(shown) == problem.horizon + 1
    apart = np.abs(shown - replan.way.positions()[: len(shown)]).max(axis=1)
    assert apart[0] < 0.005 and apart.max() < 0.01  # m, a model step is 0.015
    assert float((problem.path[-1] - problem.goal.latent).norm()) == 0.0


def test_without_learned_obstacles_the_way_of_the_map_is_kept(bed: Bed, monkeypatch):
    given = asked(bed, monkeypatch)
    bed.loop._route._shortener = None
    replan = bed.cycle()
    assert given[0][0].followed and not given[0][0].foreseen
    path = bed.loop._route._roadmap.path(given[0][0].start, replan.start.position)
    np.testing.assert_array_equal(replan.way.times, path.times)


def test_no_plan_goes_on_to_another_goal(bed: Bed, monkeypatch):
    far = bed.cycle().way
    bed.goal_at(far.positions()[30])
    near = bed.cycle().way
    monkeypatch.setattr('grasp_ros.control.way.shortened', lambda way, *_: way)
    bed.goal_at(far.stops[-1])
    again = bed.cycle().way
    np.testing.assert_allclose(again.stops[-1], far.stops[-1], atol=0.01)
    assert near.steps < 0.6 * again.steps


def test_no_plan_goes_on_where_the_robot_did_not_get_on(bed: Bed, monkeypatch):
    first = bed.cycle().way
    monkeypatch.setattr('grasp_ros.control.way.shortened', lambda way, *_: way)
    far = first.stops[-2]  # where the block is costs nothing here
    bed.loop.recovery.blocked(Blocked(bed.now(), far + 0.2, bed.gate.reference, wanted=far + 0.3))
    second = bed.cycle()
    assert second.way.steps > 1.05 * first.steps
