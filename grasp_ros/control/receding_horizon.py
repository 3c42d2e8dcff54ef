# SPDX-License-Identifier: Apache-2.0
"""Receding horizon: from an observation to the next piece of trajectory, again and again.

A plan takes time, and the robot moves meanwhile. So each plan starts at `start_ns`, a whole number
of model steps after the observation and later than the plan will be ready: the latent is rolled
forward with what the controller was already told to do until then, and the new motion continues
its reference there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from grasp_ros.config import PlannerNodeConfig
from grasp_ros.control.latency import Latency
from grasp_ros.control.progress import Progress
from grasp_ros.control.recovery import Blocked, Recovery
from grasp_ros.control.reference import Reference
from grasp_ros.control.route import Route
from grasp_ros.control.start import StartPredictor
from grasp_ros.control.trajectory import from_actions
from grasp_ros.control.way import Way
from grasp_ros.planning.anytime import make_planner
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import Deadline, Plan, Problem
from grasp_ros.planning.warmstart import shift
from grasp_ros.robot.limits import Limits
from grasp_ros.types import (
    Clock,
    FloatArray,
    JointTrajectory,
    Motion,
    Observation,
    Refused,
    nanoseconds,
)
from grasp_ros.world_model.bundle import Bundle


@dataclass(frozen=True)
class Replan:
    """What one observation led to.

    The plan begins at start_ns in the state `start` of the reference that is named by generation.
    trajectory: its motion from there to rest, as far as it is to be sent. distance: of the
    observation to the goal. way: what is to come by the roadmap, None where it is not used.
    goal_joints (J,): what the goal shows. blocked: why the robot does not get on, in words: what
    is known to be in the way, or that the model leads no nearer.
    encode_ns and plan_ns: time spent, by the steady clock; way_ns: of the latter, until the way to
    go was known.
    """

    plan: Plan
    start: Motion
    start_ns: int
    generation: int
    trajectory: JointTrajectory
    distance: float
    way: Way | None
    reached: bool
    goal_joints: FloatArray
    blocked: str
    encode_ns: int
    way_ns: int
    plan_ns: int


class RecedingHorizon:
    """The loop's memory: goal, last plan, and how long planning takes.

    reference: what the controller is following now. clock: ns of the time in which observations
    are stamped. steady: ns that never jump, for the planner's deadline.
    """

    def __init__(
        self,
        bundle: Bundle,
        config: PlannerNodeConfig,
        reference: Callable[[], Reference],
        clock: Clock,
        steady: Clock,
    ):
        self._bundle, self._config = bundle, config
        self._reference, self._clock, self._steady = reference, clock, steady
        self._command, self._limits = bundle.manifest.command, Limits.of(config.robot)
        self._planner = make_planner(bundle.dynamics, config.planner)
        dt = self._command.dt
        step = dt * self._limits.velocity
        self._starts = StartPredictor(bundle.dynamics, self._command, step)
        positions = bundle.memory.positions.cpu().numpy().astype(np.float64)
        shares = np.ones(len(step))
        if bundle.obstacles is not None:
            shares = bundle.obstacles.shares(bundle.memory.positions)
        self.recovery = Recovery(positions, step, shares)
        # The goal's tolerance is half a model step.
        scale = 2 * bundle.manifest.goal_tolerance
        self._progress = Progress(bundle.dynamics, self._command, step, scale)
        sent = config.control.trajectory_steps
        self._route = Route(bundle, config.planner, self.recovery, step, sent)
        self._send_ahead_ns = nanoseconds(config.control.send_ahead)
        self._latency = Latency(
            nanoseconds(config.planner.deadline), nanoseconds(config.observation.max_age)
        )
        self._goal: Goal | None = None
        self._goal_joints = np.full(len(config.robot.joints), np.nan)
        self._last: tuple[int, Plan] | None = None
        self._near = 0

    def warm_up(self) -> None:
        """Plan once between remembered places: the first plan in a process is slow."""
        memory = self._bundle.memory
        latents = memory.latents
        self._seen(self._bundle.remembered(0))
        goal = self._goal_at(latents[0])
        self._route.set_goal(goal, self._bundle.joints_shown(goal.latent))
        far = int(goal.distance(latents).argmax())
        position = memory.positions[far].cpu().numpy().astype(np.float64)
        found = self._route.problem(latents[far], position, 0)
        if not isinstance(found, Refused):
            self._planner.plan(found[0])

    def set_goal(self, seen: Observation) -> Refused | None:
        """Plan towards what `seen` shows, or say why not and keep the old goal.

        Raises BadInput where it is no input of the bundle.
        """
        latent = self._seen(seen)
        if isinstance(latent, Refused):
            return latent
        goal = self._goal_at(latent, self._bundle.certainty(seen))
        self._goal_joints = self._bundle.joints_shown(latent)
        self._route.set_goal(goal, self._goal_joints)
        self._goal, self._last, self._near = goal, None, 0
        self.recovery.begin()
        self._progress.begin()
        return None

    def clear(self) -> None:
        """Forget goal, plan and latency: after the clock jumped."""
        self._goal = self._last = None
        self._latency.clear()
        self.recovery.begin()
        self._progress.begin()

    def replan(self, observation: Observation, blocked: Blocked | None = None) -> Replan | Refused:
        """Plan from an observation to the goal. blocked: what happened since the last call."""
        if blocked is not None:
            self._take(blocked)
        goal = self._goal
        if goal is None:
            return Refused('no goal')
        begin = self._steady()
        latent = self._seen(observation)
        encoded = self._steady()
        if isinstance(latent, Refused):
            return latent
        distance = float(goal.distance(latent))
        reached = self._reached(distance, goal.tolerance)

        self.recovery.pass_by(observation.position, observation.stamp_ns)
        reference = self._reference()
        if self._progress.surprised(observation.stamp_ns, latent, reference):
            self._take(Blocked(observation.stamp_ns, observation.position, reference))
        ready_ns = self._latency.estimate_ns() + self._send_ahead_ns
        start = self._starts.predict(observation, latent, reference, ready_ns)
        found = self._route.problem(start.latent, start.motion.position, observation.stamp_ns)
        if isinstance(found, Refused):
            return found
        problem, way = found
        sought = self._steady()
        budget_ns = nanoseconds(self._config.planner.deadline)
        plan = self._plan(problem, start.ns, lambda: (self._steady() - encoded) / budget_ns)
        self._last = (start.ns, plan)
        planned = self._steady()

        # The time until the plan begins is blind, too.
        steps = max(1, self._config.control.trajectory_steps - start.ahead)
        trajectory = self._motion(_array(plan.actions[:steps]), start.motion, start.ns)
        if way is not None and not reached:
            self._look_for_progress(observation, reference, way, plan, trajectory)
        self._latency.add(self._clock() - observation.stamp_ns)
        return Replan(
            plan,
            start.motion,
            start.ns,
            reference.generation,
            trajectory,
            distance,
            way,
            reached,
            self._goal_joints,
            self.recovery.words or self._as_near(distance, goal.tolerance),
            encode_ns=encoded - begin,
            way_ns=sought - encoded,
            plan_ns=planned - encoded,
        )

    def _take(self, blocked: Blocked) -> None:
        """The robot does not get on; what was seen before is then no measure any more."""
        if self._config.control.recovery:
            self.recovery.blocked(blocked)
            self._progress.begin()
            self._last = None  # it led there

    def _look_for_progress(
        self,
        observation: Observation,
        reference: Reference,
        way: Way,
        plan: Plan,
        trajectory: JointTrajectory,
    ) -> None:
        """What leads nowhere is as good as blocked: where the plan wants to be soon or, where it
        rests, where the way goes on."""
        stamp_ns, planned = observation.stamp_ns, trajectory.positions
        if self._progress.fruitless(stamp_ns, way.steps, reference, planned):
            rests = self._progress.rests(planned)
            wanted = way.positions()[1] if rests else self._bundle.joints_shown(plan.latents[1])
            self._take(Blocked(stamp_ns, observation.position, reference, wanted))

    def _as_near(self, distance: float, tolerance: float) -> str:
        if not self._progress.as_near_as_it_gets:
            return ''
        return (
            f'as near as the model gets: latent distance {distance:.3f}, '
            f'reached below {tolerance:.3f}'
        )

    def preview(self, replan: Replan) -> JointTrajectory:
        """The motion of the whole plan and of the way from there, for people.

        Only its beginning is sent.
        """
        actions = _array(replan.plan.actions)
        if replan.way is not None:
            onward = self._command.actions(replan.way.positions()[len(actions) :])
            actions = np.concatenate([actions, onward])
        return self._motion(actions, replan.start, replan.start_ns)

    def _motion(self, actions: FloatArray, start: Motion, start_ns: int) -> JointTrajectory:
        joints = self._config.robot.joints
        return from_actions(actions, start, start_ns, self._command, self._limits, joints)

    def _seen(self, observation: Observation) -> Tensor | Refused:
        """The latent of an observation that is like something in the memory."""
        latent = self._bundle.encode(observation)
        return self._bundle.trust.judge(latent, observation) or latent

    def _goal_at(self, latent: Tensor, weight: Tensor | None = None) -> Goal:
        tolerance = self._bundle.manifest.goal_tolerance
        if weight is None:
            return Goal.of(latent, tolerance)
        return Goal(latent, weight, tolerance)

    def _reached(self, distance: float, tolerance: float) -> bool:
        """Near the goal for some observations in a row, and until it is left by twice as much."""
        count = self._config.control.reached_count
        if distance <= tolerance or (self._near >= count and distance <= 2 * tolerance):
            self._near += 1
        else:
            self._near = 0
        return self._near >= count

    def _plan(self, problem: Problem, start_ns: int, deadline: Deadline) -> Plan:
        warm = None
        if self._last is not None:
            last_ns, plan = self._last
            steps = round((start_ns - last_ns) / nanoseconds(self._command.dt))
            warm = shift(plan, max(0, steps), problem.horizon, problem.rest)
        return self._planner.plan(problem, warm, deadline)


def _array(values: Tensor) -> FloatArray:
    return np.asarray(values.cpu().numpy(), dtype=np.float64)
