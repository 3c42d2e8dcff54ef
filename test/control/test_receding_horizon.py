# SPDX-License-Identifier: Apache-2.0
"""The planner's loop on the simulated robot, without ROS, with time that the test sets."""

import contextlib
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch

from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.control.gate import Gate, Late
from grasp_ros.control.receding_horizon import RecedingHorizon, Replan
from grasp_ros.control.route import NO_WAY
from grasp_ros.planning.roadmap import Path
from grasp_ros.robot.jtc import sample
from grasp_ros.sim.robot import CONTROL_STEP, MujocoRobot
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import BadInput, JointTrajectory, Observation, Refused, nanoseconds
from grasp_ros.world_model.bundle import load_bundle

LATENCY_STEPS = 5  # control steps that pass between an image and its trajectory
PERIOD_STEPS = 20


@dataclass
class Bench:
    """A robot and a planner that see the same clock."""

    world: str
    robot_file: object
    overrides: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.config = load(
            PlannerNodeConfig,
            self.robot_file,
            model__bundle=f'gantry_{self.world}',
            planner__deadline=10.0,  # the result must not depend on this machine's load
            **self.overrides,
        )
        self.world_model = load_bundle(self.config.model, self.config.robot)
        self.robot = MujocoRobot(load_world(self.world))
        self.delay_steps = 0
        config = self.config
        self.gate = Gate(config.robot, config.control.send_ahead, config.observation.max_age)
        reference = lambda: self.gate.reference  # noqa: E731
        self.loop = RecedingHorizon(self.world_model, self.config, reference, self.now, lambda: 0)
        # Until it is measured, the latency is taken for the deadline.
        self.loop._latency._samples[0] = nanoseconds(LATENCY_STEPS * CONTROL_STEP)

    def now(self) -> int:
        """The clock; planning takes `delay_steps` in which the robot moves on."""
        for _ in range(self.delay_steps):
            self.step()
        self.delay_steps = 0
        return self.robot.now_ns

    def observe(self) -> Observation:
        joints = self.robot.joints()
        images = {'image': self.robot.render()}
        return Observation(joints.stamp_ns, images, joints.position, joints.velocity)

    def cycle(self, latency_steps: int = LATENCY_STEPS) -> Replan:
        """One replan as the node does it; every trajectory must pass the guard."""
        seen = self.observe()
        self.delay_steps = latency_steps
        replan = self.loop.replan(seen, self.gate.take_blocked())
        assert isinstance(replan, Replan)
        self.sent, self.seen, self.stamp_ns = None, seen, seen.stamp_ns
        self.sent_ns = self.robot.now_ns
        if not replan.reached:
            stamp, now_ns = seen.stamp_ns, self.robot.now_ns
            self.sent = self.gate.admit(replan.trajectory, replan.generation, stamp, now_ns)
            self.tell(self.sent)
        for _ in range(PERIOD_STEPS - latency_steps):
            self.step()
        return replan

    def tell(self, trajectory: JointTrajectory | Refused | None) -> None:
        """Send it, if there is one."""
        if isinstance(trajectory, JointTrajectory):
            assert self.robot.controller.accept(trajectory, self.robot.now_ns) is None
            self.gate.sent(trajectory, self.robot.now_ns)

    def step(self) -> None:
        """One control step, and the joints, as the node sees them."""
        self.robot.step()
        self.gate.observe(self.robot.joints())
        now_ns = self.robot.now_ns
        if self.gate.following is not None and not self.gate.reference.rests(now_ns):
            self.tell(self.gate.stop(now_ns))

    def reset(self, position: np.ndarray) -> None:
        """Place the robot, and say so."""
        self.robot.reset(position)
        self.gate.clear()
        self.gate.observe(self.robot.joints())

    def goal_at(self, position: np.ndarray) -> None:
        before = self.robot.joints().position
        self.robot.reset(position)
        self.loop.set_goal(self.observe())
        self.robot.reset(before)


def problems(bench: Bench, count: int, seed: int):
    return bench.robot.world.task.sample(count, seed)


@pytest.mark.parametrize('world', ['wall', 'maze'])
def test_reaches_goals_around_walls_from_pixels(world, robot_file):
    bench = Bench(world, robot_file)
    for problem in problems(bench, 3, seed=50):
        bench.reset(problem.start)
        bench.loop.clear()
        bench.goal_at(problem.goal)
        limit = int(3 * problem.shortest_time / 0.2) + 30
        reached = any(bench.cycle().reached for _ in range(limit))
        error = np.linalg.norm(bench.robot.joints().position - problem.goal)
        assert reached and error < 0.025, f'{problem}: {error:.3f} m'


def on_its_way(robot_file, **overrides) -> Bench:
    """In the maze, with a goal 60 steps off."""
    bench = Bench('maze', robot_file, overrides)
    problem = problems(bench, 1, seed=3)[0]
    bench.reset(problem.start)
    bench.goal_at(problem.goal)
    return bench


@pytest.fixture
def bench(robot_file) -> Bench:
    """As shipped: pursuit follows the path."""
    return on_its_way(robot_file)


@pytest.fixture
def searching(robot_file) -> Bench:
    """The path is not only followed, so each plan leads to the goal."""
    return on_its_way(robot_file, planner__grasp__init='line')


def test_reference_is_continuous_over_replans(bench: Bench):
    sent = 0
    for _ in range(10):
        before = bench.gate.reference.told
        bench.cycle()
        if before is not None and isinstance(bench.sent, JointTrajectory):
            told = bench.gate.reference.told
            for at in range(before.start_ns, bench.sent_ns + nanoseconds(0.05), 7_000_000):
                if at >= told.start_ns:
                    old, new = sample(before, at), sample(told, at)
                    np.testing.assert_allclose(new.position, old.position, atol=1e-9)
            sent += 1
    assert sent > 5


@pytest.mark.parametrize('latency_steps', [2, 10, 19])
def test_slow_images_do_not_break_the_motion(bench: Bench, latency_steps):
    """Whatever the latency, the robot gets up to speed and keeps it: plans join one another."""
    bench.reset(np.array([-0.2, -0.26]))
    bench.goal_at(np.array([-0.2, 0.26]))  # along a corridor: nothing is in the way
    moved = []
    for _ in range(16):
        before = bench.robot.joints().position
        bench.cycle(latency_steps)
        moved.append(np.abs(bench.robot.joints().position - before).max())
    assert isinstance(bench.sent, JointTrajectory)
    assert np.median(moved[8:]) > 0.8 * 0.15 * PERIOD_STEPS * CONTROL_STEP


def test_plan_begins_after_it_is_ready(bench: Bench):
    for _ in range(8):
        replan = bench.cycle()
        assert replan.start_ns >= bench.sent_ns + nanoseconds(bench.config.control.send_ahead)


def test_overrun_sends_nothing_and_the_next_plans_are_further_ahead(bench: Bench):
    for _ in range(4):
        bench.cycle()
    told = bench.gate.reference.told
    bench.cycle(latency_steps=19)
    assert bench.sent == Late('late')
    assert bench.gate.reference.told is told
    for _ in range(3):
        replan = bench.cycle(latency_steps=19)
    assert isinstance(bench.sent, JointTrajectory)
    assert replan.start_ns - bench.stamp_ns >= nanoseconds(0.19)


def test_one_slow_plan_does_not_cripple_the_next(bench: Bench):
    for _ in range(4):
        bench.cycle()
    bench.cycle(latency_steps=500)
    for _ in range(3):
        replan = bench.cycle()
        assert replan.start_ns - bench.stamp_ns <= nanoseconds(0.2)
    assert isinstance(bench.sent, JointTrajectory)


def test_sent_motion_ends_in_time_whatever_the_latency(bench: Bench):
    for latency in (3, 19, 19, 19, 19):
        bench.cycle(latency)
        if isinstance(bench.sent, JointTrajectory):
            steps = bench.config.control.trajectory_steps
            assert bench.sent.end_ns - bench.stamp_ns <= nanoseconds(steps * 0.1 + 0.06)


def test_the_latent_is_rolled_on_to_where_the_plan_begins(bench: Bench):
    """The plan's first latent is of the place where the robot will be, not of the picture."""
    for _ in range(12):
        replan = bench.cycle(latency_steps=15)
    there = bench.gate.reference.at(replan.start_ns).position
    assert np.abs(there - bench.seen.position).max() > 0.02, 'it is on its way'
    memory = bench.world_model.memory
    latents, positions = memory.latents.numpy(), memory.positions.numpy()
    nearest = np.linalg.norm(latents - replan.plan.latents[0].numpy(), axis=1).argsort()[:3]
    apart = np.linalg.norm(positions[nearest] - there, axis=1).min()
    behind = np.linalg.norm(positions[nearest] - bench.seen.position, axis=1).min()
    assert apart < behind


def test_blocked_robot_is_stopped_and_planned_for_where_it_stands(bench: Bench):
    for _ in range(5):
        bench.cycle()
    assert np.abs(bench.robot.joints().velocity).max() > 0.05
    walls = bench.robot.world  # something that stands in the way: the joints are held
    with held(bench.robot):
        for _ in range(30):
            bench.step()
    stands = bench.robot.joints().position
    told = bench.gate.reference.told
    np.testing.assert_allclose(told.positions[-1], stands, atol=2e-3)
    for _ in range(2):
        replan = bench.cycle()
    np.testing.assert_allclose(replan.start.position, stands, atol=1e-2)
    assert walls is bench.robot.world


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


def test_no_way_to_the_goal_is_said_and_nothing_is_planned(robot_file):
    bench = Bench('maze', robot_file)
    bench.reset(np.array([-0.2, -0.2]))
    bench.goal_at(np.array([0.2, 0.2]))
    cut_off(bench)
    assert bench.loop.replan(bench.observe()) == Refused(NO_WAY)


def cut_off(bench: Bench) -> None:
    """Take away all edges of the roadmap, then set the goal once more."""
    memory = bench.world_model.memory
    no = {name: getattr(memory, name)[:0] for name in ('edges', 'edge_steps', 'edge_tolls')}
    bare = replace(memory, **no)
    reference = lambda: bench.gate.reference  # noqa: E731
    bundle = replace(bench.world_model, memory=bare)
    bench.loop = RecedingHorizon(bundle, bench.config, reference, bench.now, lambda: 0)
    bench.goal_at(np.array([0.2, 0.2]))


def test_fast_enough_to_arrive(searching: Bench):
    """The horizon has some slack over the roadmap's time, or plans would end short of the goal."""
    replan = searching.cycle()
    assert len(replan.plan.actions) >= min(100, replan.way.steps * 1.1 + 2)


def test_a_followed_path_is_planned_as_far_as_it_matters(robot_file):
    """What is sent is what pursuit of the whole path would have sent."""
    plans = []
    for horizon in ('auto', 60):
        bench = on_its_way(robot_file, planner__horizon=horizon)
        plans.append([bench.cycle() for _ in range(6)])
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
def test_a_path_is_followed_until_there_is_a_gap(bench: Bench, searching: Bench, times, followed):
    latents = torch.zeros(30, bench.world_model.manifest.latent)
    path = Path(latents, tuple(range(len(times))), np.array([0.0, *times, 27.0]))
    assert bench.loop._route._is_followed(path) == followed
    assert not searching.loop._route._is_followed(path)


@pytest.mark.parametrize('seed', [3, 4])
def test_warm_start_is_the_rest_of_the_last_plan(searching: Bench, seed, monkeypatch):
    bench, given = searching, []
    real = bench.loop._planner.plan

    def plan(problem, warm_start=None, deadline=None):
        given.append(warm_start)
        return real(problem, warm_start, deadline)

    monkeypatch.setattr(bench.loop._planner, 'plan', plan)
    first, second = bench.cycle(), bench.cycle()
    assert given[0] is None
    shifted = round((second.start_ns - first.start_ns) / nanoseconds(0.1))
    rest = first.plan.actions[shifted:]
    count = min(len(rest), len(given[1].actions))
    assert shifted >= 1 and count > 10
    assert torch.equal(given[1].actions[:count], rest[:count])


def test_sent_motion_is_short_and_the_preview_long(bench: Bench):
    replan = bench.cycle()
    assert replan.trajectory.end_ns - replan.start_ns <= nanoseconds(0.8)
    assert bench.loop.preview(replan).end_ns - replan.start_ns >= nanoseconds(4.0)


def test_goal_of_another_size_is_refused_and_the_old_one_stays(bench: Bench):
    goal = bench.loop._goal
    with pytest.raises(BadInput, match='image is 32x32'):
        bench.loop.set_goal(Observation.pictured({'image': np.zeros((32, 32, 3), np.uint8)}, 2))
    assert bench.loop._goal is goal


def test_a_goal_unlike_anything_seen_is_refused_and_the_old_one_stays(bench: Bench):
    goal, black = bench.loop._goal, np.zeros((64, 64, 3), np.uint8)
    refused = bench.loop.set_goal(Observation.pictured({'image': black}, 2))
    assert isinstance(refused, Refused) and 'unlike anything in the memory' in refused.reason
    assert bench.loop._goal is goal


def test_nothing_is_planned_from_what_is_unlike_anything_seen(bench: Bench):
    seen = bench.observe()
    covered = replace(seen, images={'image': seen.images['image'] // 4})
    frozen = replace(seen, position=seen.position + 0.1)
    for one, reason in ((covered, 'unlike anything in the memory'), (frozen, 'joint_states says')):
        refused = bench.loop.replan(one)
        assert isinstance(refused, Refused) and reason in refused.reason
    assert isinstance(bench.loop.replan(seen), Replan)


def test_nothing_is_planned_without_a_goal(bench: Bench):
    bench.loop.clear()
    assert bench.loop.replan(bench.observe()) == Refused('no goal')


@pytest.mark.parametrize(('horizon', 'steps'), [(20, 20), ('4.5 s', 45)])
def test_fixed_horizon_is_kept_and_aims_at_a_point_of_the_path(robot_file, horizon, steps):
    bench = Bench('maze', robot_file, {'planner__horizon': horizon})
    problem = problems(bench, 1, seed=3)[0]
    bench.reset(problem.start)
    bench.goal_at(problem.goal)
    replan = bench.cycle()
    assert replan.plan.actions.shape == (steps, 2)
    # The goal is beyond the horizon; the plan ends within two model steps of where it aims.
    assert replan.way.steps > steps
    one_step = 2 * bench.world_model.manifest.goal_tolerance
    missed = replan.plan.latents[-1] - replan.plan.states[-1]
    assert float(missed.norm()) < 2 * one_step


def test_reached_needs_some_observations_in_a_row_and_ends_when_the_goal_is_left(bench: Bench):
    limit = bench.world_model.manifest.goal_tolerance
    seen = [0.5 * limit] * 2 + [2 * limit] + [0.5 * limit] * 3 + [1.5 * limit, 2.5 * limit]
    expected = [False] * 5 + [True, True, False]
    assert [bench.loop._reached(distance, limit) for distance in seen] == expected
