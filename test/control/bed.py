# SPDX-License-Identifier: Apache-2.0
"""The planner's loop on the simulated robot, without ROS, with time that the test sets."""

from dataclasses import dataclass, field

import numpy as np

from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.control.gate import Gate
from grasp_ros.control.receding_horizon import RecedingHorizon, Replan
from grasp_ros.sim.robot import CONTROL_STEP, MujocoRobot
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import JointTrajectory, Observation, Refused, nanoseconds
from grasp_ros.world_model.bundle import load_bundle

LATENCY_STEPS = 5  # control steps that pass between an image and its trajectory
PERIOD_STEPS = 20


@dataclass
class Bed:
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


def problems(bed: Bed, count: int, seed: int):
    return bed.robot.world.task.sample(count, seed)


def on_its_way(robot_file, seed: int = 3, **overrides) -> Bed:
    """In the maze, with a goal 60 steps off."""
    bed = Bed('maze', robot_file, overrides)
    problem = problems(bed, 1, seed=seed)[0]
    bed.reset(problem.start)
    bed.goal_at(problem.goal)
    return bed
