# SPDX-License-Identifier: Apache-2.0
"""What a robot that does not get on learns of the map, and that it finds the other way."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from drawn import Drawn
from lockstep import Lockstep
from told import stuck, told

from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.control.blocks import COST, FADES_NS, HALF_LIFE_NS, MOST, RADIUS, Blocks
from grasp_ros.control.recovery import PAUSE_NS, TRIES, Recovery
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import NS, Refused

STEP = np.array([0.015, 0.015])  # m a model step
# Landmarks every 3 cm.
GRID = np.stack(np.meshgrid(*[np.arange(-0.3, 0.31, 0.03)] * 2), axis=-1).reshape(-1, 2)
SOUTH, NORTH = np.array([0.0, -0.1]), np.array([0.0, 0.1])


@pytest.fixture
def recovery():
    return Recovery(GRID, STEP, np.ones(2))


def charge(toll, start, end) -> float:
    return float(toll(np.array([start], dtype=float), np.array([end], dtype=float))[0])


def test_moves_into_the_obstacle_cost_and_those_along_it_do_not(recovery):
    recovery.blocked(stuck([0.0, -0.03], told([0.0, -0.2], [0.0, 0.0])))
    assert recovery.words == f'the way near landmark {nearest([0.0, -0.0225])} is blocked'
    toll = recovery.toll(2 * NS)
    assert charge(toll, [0.0, -0.03], [0.0, 0.03]) == pytest.approx(COST)
    assert charge(toll, [0.0, 0.2], [0.0, -0.2]) == pytest.approx(COST), 'however long the move is'
    beside = charge(toll, [0.03, -0.03], [0.03, 0.03])
    assert 0.5 * COST < beside < COST, 'a parallel move leads into the same obstacle'
    edge = 1.05 * RADIUS * STEP[0]
    assert charge(toll, [edge, -0.03], [edge, 0.03]) == 0.0
    assert charge(toll, [-0.2, -0.03], [0.2, -0.03]) == 0.0, 'along it, before'
    assert charge(toll, [-0.2, 0.03], [0.2, 0.03]) == 0.0, 'and behind'
    assert charge(toll, [0.0, -0.03], [0.0, -0.2]) == 0.0, 'away from it'


def nearest(place) -> int:
    return int(np.linalg.norm(GRID - place, axis=1).argmin())


def test_cost_grows_with_failures_and_fades():
    blocks = Blocks(GRID, STEP, np.ones(2))
    blocks.add(np.zeros(2), np.array([0.0, 1.0]), 0)
    once = charge(blocks.toll(0), SOUTH, NORTH)
    assert charge(blocks.toll(HALF_LIFE_NS), SOUTH, NORTH) == pytest.approx(once / 2)
    assert blocks.add(np.array([0.01, 0.0]), np.array([0.0, 1.0]), 0).failures == 2
    assert charge(blocks.toll(0), SOUTH, NORTH) > 2.5 * once
    blocks.pass_by(SOUTH, 100 * HALF_LIFE_NS)
    assert blocks.toll(100 * HALF_LIFE_NS) is None, 'a wrong belief heals'


def test_far_failures_are_others():
    blocks = Blocks(GRID, STEP, np.ones(2))
    for place in (-0.2, 0.2):
        block = blocks.add(np.array([place, 0.0]), np.array([0.0, 1.0]), 0)
        assert block.failures == 1


def test_a_block_is_long_where_a_joint_does_little_about_obstacles():
    """Another pose of the wrist is no other way."""
    across, wrist = np.array([0.1, 0.0]), np.array([0.0, 0.2])
    start, end = wrist - across, wrist + across
    for shares, blocked in ((np.ones(2), False), (np.array([1.0, 0.15]), True)):
        blocks = Blocks(GRID, STEP, shares)
        blocks.add(np.zeros(2), across, 0)
        assert (charge(blocks.toll(0), start, end) > 0.5 * COST) == blocked
        assert blocks.add(wrist, across, 0).failures == 1 + blocked


def test_costs_are_finite_however_often_it_fails(recovery):
    for count in range(30):
        recovery.blocked(stuck([0.0, -0.03], told([0.0, -0.2], [0.0, 0.0]), count * NS + 2))
    assert np.isfinite(charge(recovery.toll(30 * NS), SOUTH, NORTH))
    assert recovery.count == 30


@pytest.fixture
def closed():
    """An hour at a way that is closed, after another one far off was found to be."""
    blocks = Blocks(GRID, STEP, np.ones(2))
    blocks.add(np.array([0.2, 0.0]), np.array([0.0, 1.0]), 0)
    for count in range(1100):
        block = blocks.add(np.zeros(2), np.array([0.0, 1.0]), count)
    return blocks, block


def test_costs_are_numbers_after_an_hour_at_a_closed_way(closed):
    blocks, block = closed
    assert block.failures == 1100, 'people are told of all'
    inside = blocks.inside(torch.tensor([[0.0, 0.0], [0.3, 0.3]]), 1100)
    assert torch.isfinite(inside).all() and inside[0] > 1 and inside[1] == 0
    assert charge(blocks.toll(1100), SOUTH, NORTH) <= MOST * 64 * COST
    blocks.pass_by(np.zeros(2), 20 * 64 * HALF_LIFE_NS)
    assert blocks.toll(20 * 64 * HALF_LIFE_NS) is None, 'heals like any other'


def test_another_closed_way_is_not_forgotten_over_it(closed):
    blocks, _ = closed
    assert len(blocks) == MOST
    assert charge(blocks.toll(0), [0.2, -0.1], [0.2, 0.1]) == pytest.approx(COST)


def test_however_many_ways_are_closed_there_is_an_end():
    blocks = Blocks(np.zeros((1, 2)), STEP, np.ones(2))
    for count in range(2 * MOST):
        blocks.add(np.array([float(count), 0.0]), np.array([0.0, 1.0]), count)
    assert len(blocks) == MOST
    last = 2.0 * MOST - 1
    assert charge(blocks.toll(0), [last, -0.1], [last, 0.1]) == pytest.approx(COST)


def test_tolls_that_only_fade_change_now_and_then():
    blocks = Blocks(GRID, STEP, np.ones(2))
    for part in range(20):  # each at another moment
        blocks.add(np.array([0.02 * part - 0.2, 0.0]), np.array([0.0, 1.0]), part * FADES_NS // 20)
    looks = range(2 * FADES_NS, 7 * FADES_NS, FADES_NS // 10)
    assert len({blocks.known(now_ns) for now_ns in looks}) == 5
    known = blocks.known(7 * FADES_NS)
    blocks.add(np.array([0.3, 0.0]), np.array([0.0, 1.0]), 7 * FADES_NS)
    assert blocks.known(7 * FADES_NS) != known


def test_robot_that_wants_to_get_nowhere_has_met_nothing(recovery):
    here = np.array([0.0, -0.03])
    blocked = stuck(here, told([0.0, -0.2], [0.0, 0.0]))
    recovery.blocked(replace(blocked, wanted=here.copy()))
    assert recovery.toll(2 * NS) is None and recovery.words == '' and recovery.count == 0


def test_a_place_that_the_robot_gets_through_was_not_blocked(recovery):
    recovery.blocked(stuck([0.0, -0.03], told([0.0, -0.2], [0.0, 0.0])))
    # While it is stopped it slides on, along what it touches.
    for place in ([0.0, -0.03], [0.0, -0.015], [0.01, -0.01], [0.1, 0.01], [0.0, 0.1]):
        recovery.pass_by(np.array(place), 3 * NS)
        assert recovery.known(3 * NS), place
    recovery.pass_by(np.array([0.0, 0.001]), 3 * NS)
    assert not recovery.known(3 * NS)
    assert recovery.toll(3 * NS) is None and recovery.words == ''


def test_another_mission_knows_nothing_of_it(recovery):
    recovery.blocked(stuck([0.0, -0.03], told([0.0, -0.2], [0.0, 0.0])))
    recovery.begin()
    assert recovery.toll(2 * NS) is None and recovery.words == '' and recovery.count == 1


def test_robot_waits_only_where_no_other_way_is_known(recovery):
    through, around = np.stack([SOUTH, NORTH]), np.array([SOUTH, [0.2, -0.1], [0.2, 0.1], NORTH])
    for count in range(TRIES):
        assert recovery.wait(through, 2 * NS) is None, f'{count} failures'
        recovery.blocked(stuck([0.0, -0.03], told([0.0, -0.2], [0.0, 0.0])))
    refused = recovery.wait(through, 2 * NS)
    assert isinstance(refused, Refused)
    assert f'is blocked: tried {TRIES} times' in refused.reason
    assert recovery.wait(around, 2 * NS) is None
    assert recovery.wait(through, 2 * NS + PAUSE_NS) is None, 'tried again later'
    recovery.blocked(stuck([0.0, -0.03], told([0.0, -0.2], [0.0, 0.0])))
    assert recovery.wait(through, 2 * NS + PAUSE_NS) is not None, 'and then later still'


@pytest.fixture(scope='module')
def gantry():
    """Before a wall with two doors, one of which was closed."""
    robot = MujocoRobot(load_world('two_ways_closed'))
    yield robot
    robot.close()


@pytest.fixture(scope='module')
def before():
    """What a model knew of that world when both doors were open."""
    return Drawn(load_world('two_ways'))


def mission(before, gantry, robot_file, recovers: bool) -> Lockstep:
    config = load(
        PlannerNodeConfig,
        robot_file,
        planner__deadline=10.0,  # the result must not depend on this machine's load
        planner__grasp__iterations=3,
        planner__grasp__restarts=1,
    )
    config = replace(config, control=replace(config.control, recovery=recovers))
    return Lockstep(before, config, gantry)


def test_closed_door_is_gone_around(before, gantry, robot_file):
    problem = gantry.world.task.sample(1, 5001)[0]
    run = mission(before, gantry, robot_file, recovers=True)
    run.aim(problem.start, problem.goal)
    assert run.run(3 * problem.shortest_time + 10)
    assert np.linalg.norm(gantry.state() - problem.goal) < 0.025
    assert any('is blocked' in one and one.startswith('PLANNING') for one in run.said)
    failures = run.report.statistics.counts['blocked']
    assert 1 <= failures <= 6
    assert run.longest_press < 0.8, 'contact is left at once'


def test_without_recovery_the_robot_stays_before_the_closed_door(before, gantry, robot_file):
    problem = gantry.world.task.sample(1, 5001)[0]
    run = mission(before, gantry, robot_file, recovers=False)
    run.aim(problem.start, problem.goal)
    assert not run.run(2 * problem.shortest_time)
    # It has never been on the other side.
    assert np.sign(np.array(run.path)[:, 0]).max() == np.sign(problem.start[0])
    assert run.report.statistics.counts['blocked'] == 0


def test_robot_that_cannot_move_is_held_and_tells_why(before, gantry, robot_file):
    problem = gantry.world.task.sample(1, 5001)[0]
    run = mission(before, gantry, robot_file, recovers=True)
    run.aim(problem.start, problem.goal)
    real, at = gantry.step, gantry.data.qpos.copy()

    def still():
        real()
        gantry.data.qpos[:], gantry.data.qvel[:] = at, 0.0

    gantry.step = still
    try:
        assert not run.run(10.0)
    finally:
        del gantry.step
    held = [one for one in run.said if one.startswith('HOLDING')]
    assert any('has not followed' in one or 'is blocked: tried' in one for one in held), run.said
    assert run.longest_press < 0.8
