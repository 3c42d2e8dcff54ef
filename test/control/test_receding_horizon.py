# SPDX-License-Identifier: Apache-2.0
"""The planner's loop on the simulated robot, without ROS, with time that the test sets."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from grasp_ros.config import PlannerNodeConfig, SimulatorNodeConfig, load
from grasp_ros.control.gate import Gate
from grasp_ros.control.receding_horizon import RecedingHorizon, Replan
from grasp_ros.robot.jtc import sample
from grasp_ros.sim.robot import CONTROL_STEP, MujocoRobot
from grasp_ros.sim.worlds import load_world, sample_problems
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
        sim = load(SimulatorNodeConfig, self.robot_file, simulator__world=self.world)
        self.config = load(
            PlannerNodeConfig,
            self.robot_file,
            model__bundle=f'gantry_{self.world}',
            planner__deadline=10.0,  # the result must not depend on this machine's load
            **self.overrides,
        )
        self.world_model = load_bundle(self.config.model, self.config.robot)
        self.robot = MujocoRobot(sim.robot, sim.simulator, load_world(self.world))
        self.delay_steps = 0
        self.gate = Gate(self.config)
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
        replan = self.loop.replan(seen)
        assert isinstance(replan, Replan)
        self.sent = None
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
    robot = bench.robot
    return sample_problems(robot.world, robot.low, robot.high, robot.tool_radius, count, seed)


@pytest.mark.parametrize('world', ['wall', 'maze'])
def test_reaches_goals_around_walls_from_pixels(world, robot_file):
    bench = Bench(world, robot_file)
    for problem in problems(bench, 3, seed=50):
        bench.reset(problem.start)
        bench.loop.clear()
        bench.goal_at(problem.goal)
        limit = int(3 * problem.shortest / 0.15 / 0.2) + 30
        reached = any(bench.cycle().reached for _ in range(limit))
        error = np.linalg.norm(bench.robot.joints().position - problem.goal)
        assert reached and error < 0.025, f'{problem}: {error:.3f} m'


@pytest.fixture
def bench(robot_file) -> Bench:
    """In the maze, on its way to a goal 60 steps off."""
    bench = Bench('maze', robot_file)
    problem = problems(bench, 1, seed=3)[0]
    bench.reset(problem.start)
    bench.goal_at(problem.goal)
    return bench


def test_reference_is_continuous_over_replans(bench: Bench):
    before = None
    for _ in range(10):
        replan = bench.cycle()
        committed = bench.loop._committed
        if before is not None and replan.trajectory is committed:
            at = committed.start_ns + int(committed.times_ns[0])
            old, new = sample(before, at), sample(committed, at)
            np.testing.assert_allclose(new.position, old.position, atol=1e-6)
            np.testing.assert_allclose(new.velocity, old.velocity, atol=1e-5)
        before = committed
    assert before is not None


def test_trajectory_is_never_sent_late(bench: Bench):
    ahead_ns = nanoseconds(bench.config.control.send_ahead)
    for _ in range(8):
        replan = bench.cycle()
        sent_ns = bench.robot.now_ns - nanoseconds((PERIOD_STEPS - LATENCY_STEPS) * CONTROL_STEP)
        first_ns = replan.trajectory.start_ns + int(replan.trajectory.times_ns[0])
        assert first_ns >= sent_ns + ahead_ns


def test_overrun_sends_nothing_and_plans_further_ahead_next_time(bench: Bench):
    bench.cycle()
    committed = bench.loop._committed
    late = bench.cycle(latency_steps=19)
    assert late.trajectory is None
    assert bench.loop._committed is committed
    for _ in range(3):
        seen = bench.observe()
        bench.delay_steps = 19
        replan = bench.loop.replan(seen)
    assert replan.trajectory is not None
    assert replan.start_ns - seen.stamp_ns >= nanoseconds(0.19)


def test_blocked_robot_is_planned_for_where_it_was_measured(bench: Bench):
    bench.cycle()
    seen = bench.observe()
    held = Observation(seen.stamp_ns, seen.images, seen.position - 0.05, np.zeros(2))
    replan = bench.loop.replan(held)
    np.testing.assert_allclose(replan.start.position, held.position)
    assert not replan.start.velocity.any()


def test_stop_brings_a_moving_robot_to_rest(bench: Bench):
    for _ in range(3):
        bench.cycle()
    trajectory = bench.loop.stop()
    assert trajectory is not None
    assert bench.robot.controller.accept(trajectory, bench.robot.now_ns) is None
    moving = np.abs(bench.robot.joints().velocity).max()
    for _ in range(30):
        bench.robot.step()
    assert moving > 0.05 and np.abs(bench.robot.joints().velocity).max() < 1e-3


def test_resting_robot_needs_no_stop(bench: Bench):
    assert bench.loop.stop() is None


def test_sent_motion_is_short_and_the_preview_long(bench: Bench):
    replan = bench.cycle()
    steps = bench.config.control.trajectory_steps
    assert replan.trajectory.end_ns - replan.start_ns <= nanoseconds(steps * 0.1 + 0.1)
    assert bench.loop.preview(replan).end_ns - replan.start_ns >= nanoseconds(4.0)


def test_goal_of_another_size_is_refused_and_the_old_one_stays(bench: Bench):
    goal = bench.loop._goal
    with pytest.raises(BadInput, match='image is 32x32'):
        bench.loop.set_goal(Observation.pictured({'image': np.zeros((32, 32, 3), np.uint8)}, 2))
    assert bench.loop._goal is goal


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
    assert replan.path_steps > steps
    one_step = 2 * bench.world_model.manifest.reached_distance
    assert replan.plan.cost < (2 * one_step) ** 2


def test_reached_needs_some_observations_in_a_row_and_ends_when_the_goal_is_left(bench: Bench):
    limit = bench.world_model.manifest.reached_distance
    seen = [0.5 * limit] * 2 + [2 * limit] + [0.5 * limit] * 3 + [1.5 * limit, 2.5 * limit]
    expected = [False] * 5 + [True, True, False]
    assert [bench.loop._reached(distance, limit) for distance in seen] == expected
