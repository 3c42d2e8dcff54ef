# SPDX-License-Identifier: Apache-2.0
"""The planner's loop: continuous motion in time, whatever planning takes, and goals."""

import contextlib
from dataclasses import replace

import numpy as np
import pytest
from bed import PERIOD_STEPS, Bed, problems

from grasp_ros.control.gate import Late
from grasp_ros.control.receding_horizon import Replan
from grasp_ros.control.recovery import Blocked
from grasp_ros.robot.jtc import sample
from grasp_ros.sim.robot import CONTROL_STEP
from grasp_ros.types import BadInput, JointTrajectory, Observation, Refused, nanoseconds


@pytest.mark.parametrize('world', ['wall', 'maze'])
def test_reaches_goals_around_walls_from_pixels(world, robot_file):
    bed = Bed(world, robot_file)
    for problem in problems(bed, 3, seed=50):
        bed.reset(problem.start)
        bed.loop.clear()
        bed.goal_at(problem.goal)
        limit = int(3 * problem.shortest_time / 0.2) + 30
        reached = any(bed.cycle().reached for _ in range(limit))
        error = np.linalg.norm(bed.robot.joints().position - problem.goal)
        assert reached and error < 0.025, f'{problem}: {error:.3f} m'


def test_reference_is_continuous_over_replans(bed: Bed):
    sent = 0
    for _ in range(10):
        before = bed.gate.reference.told
        bed.cycle()
        if before is not None and isinstance(bed.sent, JointTrajectory):
            told = bed.gate.reference.told
            for at in range(before.start_ns, bed.sent_ns + nanoseconds(0.05), 7_000_000):
                if at >= told.start_ns:
                    old, new = sample(before, at), sample(told, at)
                    np.testing.assert_allclose(new.position, old.position, atol=1e-9)
            sent += 1
    assert sent > 5


@pytest.mark.parametrize('latency_steps', [2, 10, 19])
def test_slow_images_do_not_break_the_motion(bed: Bed, latency_steps):
    """Whatever the latency, the robot gets up to speed and keeps it: plans join one another."""
    bed.reset(np.array([-0.2, -0.26]))
    bed.goal_at(np.array([-0.2, 0.26]))  # along a corridor: nothing is in the way
    moved = []
    for _ in range(16):
        before = bed.robot.joints().position
        bed.cycle(latency_steps)
        moved.append(np.abs(bed.robot.joints().position - before).max())
    assert isinstance(bed.sent, JointTrajectory)
    assert np.median(moved[8:]) > 0.8 * 0.15 * PERIOD_STEPS * CONTROL_STEP


def test_plan_begins_after_it_is_ready(bed: Bed):
    for _ in range(8):
        replan = bed.cycle()
        assert replan.start_ns >= bed.sent_ns + nanoseconds(bed.config.control.send_ahead)


def test_overrun_sends_nothing_and_the_next_plans_are_further_ahead(bed: Bed):
    for _ in range(4):
        bed.cycle()
    told = bed.gate.reference.told
    bed.cycle(latency_steps=19)
    assert bed.sent == Late('late')
    assert bed.gate.reference.told is told
    for _ in range(3):
        replan = bed.cycle(latency_steps=19)
    assert isinstance(bed.sent, JointTrajectory)
    assert replan.start_ns - bed.stamp_ns >= nanoseconds(0.19)


def test_one_slow_plan_does_not_cripple_the_next(bed: Bed):
    for _ in range(4):
        bed.cycle()
    bed.cycle(latency_steps=500)
    for _ in range(3):
        replan = bed.cycle()
        assert replan.start_ns - bed.stamp_ns <= nanoseconds(0.2)
    assert isinstance(bed.sent, JointTrajectory)


def test_sent_motion_ends_in_time_whatever_the_latency(bed: Bed):
    for latency in (3, 19, 19, 19, 19):
        bed.cycle(latency)
        if isinstance(bed.sent, JointTrajectory):
            steps = bed.config.control.trajectory_steps
            assert bed.sent.end_ns - bed.stamp_ns <= nanoseconds(steps * 0.1 + 0.06)


def test_the_latent_is_rolled_on_to_where_the_plan_begins(bed: Bed):
    """The plan's first latent is of the place where the robot will be, not of the picture."""
    for _ in range(12):
        replan = bed.cycle(latency_steps=15)
    there = bed.gate.reference.at(replan.start_ns).position
    assert np.abs(there - bed.seen.position).max() > 0.02, 'it is on its way'
    memory = bed.world_model.memory
    latents, positions = memory.latents.numpy(), memory.positions.numpy()
    nearest = np.linalg.norm(latents - replan.plan.latents[0].numpy(), axis=1).argsort()[:3]
    apart = np.linalg.norm(positions[nearest] - there, axis=1).min()
    behind = np.linalg.norm(positions[nearest] - bed.seen.position, axis=1).min()
    assert apart < behind


def test_a_robot_at_rest_is_planned_for_from_where_it_is_seen(bed: Bed):
    """Models drift, and nothing was told yet."""
    seen = bed.observe()
    begins = bed.loop.replan(seen).plan.latents[0]
    np.testing.assert_array_equal(begins, bed.world_model.encode(seen))


def test_blocked_robot_is_stopped_and_planned_for_where_it_stands(bed: Bed):
    for _ in range(5):
        bed.cycle()
    assert np.abs(bed.robot.joints().velocity).max() > 0.05
    walls = bed.robot.world  # something that stands in the way: the joints are held
    with held(bed.robot):
        for _ in range(30):
            bed.step()
    stands = bed.robot.joints().position
    told = bed.gate.reference.told
    np.testing.assert_allclose(told.positions[-1], stands, atol=2e-3)
    for _ in range(2):
        replan = bed.cycle()
    np.testing.assert_allclose(replan.start.position, stands, atol=1e-2)
    assert walls is bed.robot.world


def test_the_plan_that_led_to_a_block_is_no_start_of_the_next(bed: Bed, monkeypatch):
    for _ in range(3):
        bed.cycle()
    real, starts = bed.loop._planner.plan, []

    def plan(problem, warm_start, deadline):
        starts.append(warm_start)
        return real(problem, warm_start, deadline)

    monkeypatch.setattr(bed.loop._planner, 'plan', plan)
    seen = bed.observe()
    bed.loop.replan(seen)
    bed.loop.replan(seen, Blocked(seen.stamp_ns, seen.position, bed.gate.reference))
    assert starts[0] is not None and starts[1] is None


@contextlib.contextmanager
def held(robot):
    """The robot's joints do not move, whatever the servos do."""
    position = robot.data.qpos.copy()
    real = robot.step

    def still():
        real()
        robot.data.qpos[:], robot.data.qvel[:] = position, 0.0

    robot.step = still
    yield
    del robot.step


def test_goal_of_another_size_is_refused_and_the_old_one_stays(bed: Bed):
    goal = bed.loop._goal
    with pytest.raises(BadInput, match='image is 32x32'):
        bed.loop.set_goal(Observation.pictured({'image': np.zeros((32, 32, 3), np.uint8)}, 2))
    assert bed.loop._goal is goal


def test_a_goal_unlike_anything_seen_is_refused_and_the_old_one_stays(bed: Bed):
    goal, black = bed.loop._goal, np.zeros((64, 64, 3), np.uint8)
    refused = bed.loop.set_goal(Observation.pictured({'image': black}, 2))
    assert isinstance(refused, Refused) and 'unlike anything in the memory' in refused.reason
    assert bed.loop._goal is goal


def test_nothing_is_planned_from_what_is_unlike_anything_seen(bed: Bed):
    seen = bed.observe()
    covered = replace(seen, images={'image': seen.images['image'] // 4})
    frozen = replace(seen, position=seen.position + 0.1)
    for one, reason in ((covered, 'unlike anything in the memory'), (frozen, 'joint_states says')):
        refused = bed.loop.replan(one)
        assert isinstance(refused, Refused) and reason in refused.reason
    assert isinstance(bed.loop.replan(seen), Replan)


def test_robot_that_comes_near_a_goal_and_no_nearer_says_so(bed: Bed):
    bed.goal_at(bed.robot.joints().position + [0.04, 0.0])
    bed.loop._goal = replace(bed.loop._goal, tolerance=1e-3)
    said = [bed.cycle().blocked for _ in range(25)]
    assert said[0] == ''
    assert said[-1].startswith('as near as the model gets: latent distance 0.')
    assert said[-1].endswith(', reached below 0.001')
    bed.loop._goal = replace(bed.loop._goal, tolerance=1e3)
    assert any(bed.cycle().reached for _ in range(5))


def test_robot_that_is_pushed_off_its_goal_after_a_rest_there_is_not_blocked(bed: Bed):
    bed.reset(np.array([-0.2, -0.1]))
    bed.goal_at(np.array([-0.2, -0.06]))
    assert all([bed.cycle().reached for _ in range(40)][-20:])
    bed.robot.reset(np.array([-0.2, 0.04]))
    bed.gate.observe(bed.robot.joints())
    replan = bed.cycle()
    assert replan.way.steps > 4 and replan.blocked == ''


def test_nothing_is_planned_without_a_goal(bed: Bed):
    bed.loop.clear()
    assert bed.loop.replan(bed.observe()) == Refused('no goal')


def test_reached_needs_some_observations_in_a_row_and_ends_when_the_goal_is_left(bed: Bed):
    limit = bed.world_model.manifest.goal_tolerance
    seen = [0.5 * limit] * 2 + [2 * limit] + [0.5 * limit] * 3 + [1.5 * limit, 2.5 * limit]
    expected = [False] * 5 + [True, True, False]
    assert [bed.loop._reached(distance, limit) for distance in seen] == expected
