# SPDX-License-Identifier: Apache-2.0
"""Receding horizon: from an observation to the next piece of trajectory, again and again.

A plan takes time, and the robot moves meanwhile. So each plan starts at `start_ns`, a whole number
of model steps after the observation and later than the plan will be ready: the latent is rolled
forward with what the controller was already told to do until then, and the new motion continues
its reference there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grasp_ros.config import PlannerNodeConfig, horizon_steps
from grasp_ros.control.latency import Latency
from grasp_ros.control.reference import Reference
from grasp_ros.control.trajectory import from_actions
from grasp_ros.planning.anytime import make_planner
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.problem import Deadline, Plan, Problem
from grasp_ros.planning.roadmap import Roadmap
from grasp_ros.planning.warmstart import shift
from grasp_ros.robot.limits import Limits
from grasp_ros.types import (
    FloatArray,
    JointTrajectory,
    Motion,
    Observation,
    Refused,
    nanoseconds,
)
from grasp_ros.world_model.bundle import Bundle
from grasp_ros.world_model.dynamics import rollout

SLACK = 1.1  # a fixed-horizon plan must not miss the goal because the roadmap was optimistic
EXTRA_STEPS = 2
MIN_HORIZON = 4
NO_WAY = (
    'the roadmap knows no way from here to the goal: no bag went there, or the picture shows '
    'something else'
)
Clock = Callable[[], int]


@dataclass(frozen=True)
class Replan:
    """What one observation led to.

    The plan begins at start_ns in the state `start` of the reference that is named by generation.
    trajectory: its motion from there to rest, as far as it is to be sent. distance: of the
    observation to the goal. path_steps: travel time to the goal by the roadmap. encode_ns and
    plan_ns: time spent, by the steady clock.
    """

    plan: Plan
    start: Motion
    start_ns: int
    generation: int
    trajectory: JointTrajectory
    distance: float
    path_steps: float | None
    reached: bool
    encode_ns: int
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
        self._command, roadmap = bundle.manifest.command, bundle.manifest.roadmap
        self._limits = Limits.of(config.robot)
        self._planner = make_planner(bundle.dynamics, config.planner)
        self._roadmap = Roadmap(
            bundle.memory,
            bundle.dynamics,
            self._command.size,
            roadmap.connect_steps,
            roadmap.neighbours,
        )
        self._send_ahead_ns = nanoseconds(config.control.send_ahead)
        self._latency = Latency(
            nanoseconds(config.planner.deadline), nanoseconds(config.observation.max_age)
        )
        self._goal: Goal | None = None
        self._last: tuple[int, Plan] | None = None
        self._near = 0

    def warm_up(self) -> None:
        """Plan once between remembered places: the first plan in a process is slow."""
        memory = self._bundle.memory
        latents = memory.latents
        self._seen(self._bundle.remembered(0))
        goal = self._goal_at(latents[0])
        self._roadmap.set_goal(goal)
        far = int(goal.distance(latents).argmax())
        position = memory.positions[far].cpu().numpy().astype(np.float64)
        problem, _ = self._problem(latents[far], position, goal)
        if problem is not None:
            self._planner.plan(problem)

    def set_goal(self, seen: Observation) -> Refused | None:
        """Plan towards what `seen` shows, or say why not and keep the old goal.

        Raises BadInput where it is no input of the bundle.
        """
        latent = self._seen(seen)
        if isinstance(latent, Refused):
            return latent
        goal = self._goal_at(latent)
        self._roadmap.set_goal(goal)
        self._goal, self._last, self._near = goal, None, 0
        return None

    def clear(self) -> None:
        """Forget goal, plan and latency: after a cancelled goal or a clock that jumped."""
        self._goal = self._last = None
        self._latency.clear()

    def replan(self, observation: Observation) -> Replan | Refused:
        """Plan from an observation to the goal."""
        goal = self._goal
        if goal is None:
            return Refused('no goal')
        begin = self._steady()
        latent = self._seen(observation)
        encoded = self._steady()
        if isinstance(latent, Refused):
            return latent
        deadline_ns = encoded + nanoseconds(self._config.planner.deadline)
        distance = float(goal.distance(latent))
        reached = self._reached(distance, goal.tolerance)

        reference = self._reference()
        ahead, start_ns = self._start(observation, reference)
        start, actions = self._until(observation, reference, ahead, start_ns)
        z_start = rollout(self._bundle.dynamics, latent[None], actions[None])[0, -1]
        problem, path_steps = self._problem(z_start, start.position, goal)
        if problem is None:
            return Refused(NO_WAY)
        plan = self._plan(problem, start_ns, lambda: self._steady() > deadline_ns)
        planned = self._steady()

        self._last = (start_ns, plan)
        # The time until the plan begins is blind, too.
        steps = max(1, self._config.control.trajectory_steps - ahead)
        trajectory = self._motion(plan, steps, start, start_ns)
        self._latency.add(self._clock() - observation.stamp_ns)
        return Replan(
            plan,
            start,
            start_ns,
            reference.generation,
            trajectory,
            distance,
            path_steps,
            reached,
            encode_ns=encoded - begin,
            plan_ns=planned - encoded,
        )

    def _start(self, observation: Observation, reference: Reference) -> tuple[int, int]:
        """When the plan begins: model steps after the observation, and the time."""
        step_ns = nanoseconds(self._command.dt)
        ready_ns = self._latency.estimate_ns() + self._send_ahead_ns
        ahead = max(1, math.ceil(ready_ns / step_ns))
        return ahead, reference.snapped(observation.stamp_ns + ahead * step_ns)

    def preview(self, replan: Replan) -> JointTrajectory:
        """The motion of the whole plan, for people: only its beginning is sent."""
        horizon = len(replan.plan.actions)
        return self._motion(replan.plan, horizon, replan.start, replan.start_ns)

    def _motion(self, plan: Plan, steps: int, start: Motion, start_ns: int) -> JointTrajectory:
        actions = plan.actions[:steps].cpu().numpy().astype(np.float64)
        joints = self._config.robot.joints
        return from_actions(actions, start, start_ns, self._command, self._limits, joints)

    def _seen(self, observation: Observation) -> Tensor | Refused:
        """The latent of an observation that is like something in the memory."""
        latent = self._bundle.encode(observation)
        return self._bundle.trust.judge(latent, observation) or latent

    def _goal_at(self, latent: Tensor) -> Goal:
        return Goal.of(latent, self._bundle.manifest.goal_tolerance)

    def _reached(self, distance: float, tolerance: float) -> bool:
        """Near the goal for some observations in a row, and until it is left by twice as much."""
        count = self._config.control.reached_count
        if distance <= tolerance or (self._near >= count and distance <= 2 * tolerance):
            self._near += 1
        else:
            self._near = 0
        return self._near >= count

    def _until(
        self, observation: Observation, reference: Reference, ahead: int, start_ns: int
    ) -> tuple[Motion, Tensor]:
        """The reference at the plan's start, and the actions (ahead, A) that take it there.

        Before anything was told, the robot stands where it is measured.
        """
        step_ns = nanoseconds(self._command.dt)
        rest = Motion(observation.position, np.zeros(len(observation.position)))
        times = [observation.stamp_ns + i * step_ns for i in range(ahead)]
        motions = [reference.at(at) or rest for at in (*times, start_ns)]
        positions = np.stack([motion.position for motion in motions])
        return motions[-1], self._tensor(self._command.actions(positions))

    def _problem(
        self, start: Tensor, position: FloatArray, goal: Goal
    ) -> tuple[Problem | None, float | None]:
        """The goal or, when it is beyond the horizon, the path point at the horizon.

        None where the roadmap knows no way: a straight line through the latent space is none.
        """
        config = self._config.planner
        fixed = horizon_steps(config.horizon, self._command.dt)
        weight = config.settings.running_weight
        rest = self._tensor(self._command.rest(position))
        if not config.use_roadmap:
            assert fixed is not None
            return Problem(start, goal, fixed, rest, running_weight=weight), None
        path = self._roadmap.path(start)
        limit = fixed or config.max_horizon
        if path is None:
            return None, None
        horizon = limit
        if fixed is None:
            wanted = math.ceil(path.steps * SLACK) + EXTRA_STEPS
            horizon = min(limit, max(MIN_HORIZON, wanted))
        states = path.latents[: horizon + 1]
        if len(states) < len(path.latents):
            # On the way every dimension counts, whatever the goal leaves free.
            goal = Goal.of(states[-1], goal.tolerance)
        padding = states[-1].expand(horizon + 1 - len(states), -1)
        states = torch.cat([states, padding])
        return Problem(start, goal, horizon, rest, states, weight), path.steps

    def _plan(self, problem: Problem, start_ns: int, deadline: Deadline) -> Plan:
        warm = None
        if self._last is not None:
            last_ns, plan = self._last
            steps = round((start_ns - last_ns) / nanoseconds(self._command.dt))
            warm = shift(plan, max(0, steps), problem.horizon, problem.rest)
        return self._planner.plan(problem, warm, deadline)

    def _tensor(self, values: FloatArray) -> Tensor:
        return torch.as_tensor(values, dtype=torch.float32, device=self._bundle.device)
