# SPDX-License-Identifier: Apache-2.0
"""Where a plan is to lead: the goal or, when that is beyond the horizon, a point on the way."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from grasp_ros.config import PlannerConfig, horizon_steps
from grasp_ros.control.recovery import Recovery
from grasp_ros.control.way import Shortener, Way
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.path import Path, every_step
from grasp_ros.planning.problem import Inside, Problem
from grasp_ros.planning.registry import GraspConfig
from grasp_ros.planning.roadmap import Roadmap
from grasp_ros.types import FloatArray, Refused
from grasp_ros.world_model.bundle import Bundle
from grasp_ros.world_model.dynamics import rollout

SLACK = 1.1  # a fixed-horizon plan must not miss the goal because the roadmap was optimistic
EXTRA_STEPS = 2
MIN_HORIZON = 4
SPARSE = 1.5  # times what pursuit looks ahead to: landmarks that are further apart leave a gap
DOUBTFUL = 0.5  # likely to lie in an obstacle
NO_WAY = (
    'the roadmap knows no way from here to the goal: no bag went there, or the picture shows '
    'something else'
)


class Route:
    """The way to one goal after another, around what the mission learned to be blocked.

    step (J,): how far each joint gets in a model step, m or rad. sent: the most model steps of a
    plan that are sent before there is another.
    """

    def __init__(
        self,
        bundle: Bundle,
        config: PlannerConfig,
        recovery: Recovery,
        step: FloatArray,
        sent: int,
    ):
        command, roadmap = bundle.manifest.command, bundle.manifest.roadmap
        self._config, self._command, self._recovery = config, command, recovery
        self._step, self._sent = step, sent
        self._fixed = horizon_steps(config.horizon, command.dt)
        self._roadmap = Roadmap(
            bundle.memory,
            bundle.dynamics,
            command.size,
            roadmap.connect_steps,
            roadmap.neighbours,
            bundle.obstacles,
        )
        self._bundle = bundle
        self._positions = bundle.memory.positions.cpu().numpy().astype(np.float64)
        settings = config.settings
        pursues = (
            isinstance(settings, GraspConfig)
            and settings.init == 'roadmap'
            and settings.sync == 'pursuit'
        )
        self._lookahead = settings.lookahead if pursues else 0  # model steps
        self._goal: Goal | None = None
        self._known: tuple[int, ...] = ()
        self._shortener: Shortener | None = None  # not where nothing is known of obstacles
        if bundle.obstacles is not None:
            self._shortener = Shortener(bundle.obstacles, recovery, self._positions, step)

    def set_goal(self, goal: Goal, position: FloatArray) -> None:
        """Search from `goal`, whose joints are at `position` (J,)."""
        self._roadmap.set_goal(goal, position)
        self._goal, self._goal_position = goal, position
        if self._shortener is not None:
            self._shortener.forget()

    def problem(
        self, start: Tensor, position: FloatArray, now_ns: int
    ) -> tuple[Problem, Way | None] | Refused:
        """From start (D,), joints at `position` (J,), and what is to come."""
        goal, config, fixed = self._goal, self._config, self._fixed
        assert goal is not None
        weight = config.settings.running_weight
        rest = torch.as_tensor(
            self._command.rest(position), dtype=torch.float32, device=start.device
        )
        if not config.use_roadmap:
            assert fixed is not None
            inside = self._inside(now_ns)
            return Problem(start, goal, fixed, rest, running_weight=weight, inside=inside), None
        path = self._path(start, position, now_ns)
        if isinstance(path, Refused):
            return path
        followed = self._is_followed(path)
        way = Way(self._stops(position, path), path.times)
        shortener = self._shortener if followed and len(path.landmarks) > 1 else None
        foreseen = shortener is not None
        if shortener is not None:
            way = shortener.shorten(way, now_ns)
        refused = self._recovery.wait(way.stops, now_ns)
        if refused is not None:
            return refused
        horizon = fixed or self._horizon(way.steps, followed)
        states = self._foreseen(start, way, horizon) if foreseen else path.latents[: horizon + 1]
        if horizon < math.ceil(way.steps):
            # On the way every dimension counts, whatever the goal leaves free.
            goal = Goal.of(states[-1], goal.tolerance)
        padding = states[-1].expand(horizon + 1 - len(states), -1)
        states = torch.cat([states, padding])
        inside = self._inside(now_ns)
        trusted = self._is_trusted(states, inside)
        problem = Problem(
            start, goal, horizon, rest, states, weight, followed, foreseen, inside, trusted
        )
        return problem, way

    def _foreseen(self, start: Tensor, way: Way, horizon: int) -> Tensor:
        """What the model foresees of a way, one latent a step (T + 1, D): T is the horizon or, if
        that is less, when the goal is reached."""
        goal = self._goal
        assert goal is not None
        steps = min(horizon, int(way.times[-2]))  # the last move is known by its latents alone
        told = way.positions()[: steps + 1]
        actions = torch.as_tensor(self._command.actions(told)).to(start)
        latents = rollout(self._bundle.dynamics, start[None], actions[None])[0]
        stops = torch.cat([latents, goal.pinned(latents[-1])[None]])
        times = np.append(np.arange(steps + 1.0), way.steps)
        return every_step(stops, times)[: horizon + 1]

    def _horizon(self, steps: float, followed: bool) -> int:
        """Model steps of a plan to a goal that is so many away."""
        wanted = max(MIN_HORIZON, math.ceil(steps * SLACK) + EXTRA_STEPS)
        if followed:  # what pursuit does later does not change what it does now
            wanted = min(wanted, self._sent + self._lookahead)
        return min(wanted, self._config.max_horizon)

    def _is_followed(self, path: Path) -> bool:
        """Whether pursuit of the path is all that is to be done.

        Between places so near each other is nothing to find out, and whoever shortens the way only
        comes nearer to what it leads around. Where they are far apart the straight line through
        the latent space leads off all that was seen, and pursuit of it may stand still for ever.
        Without landmarks the model itself has arrived.
        """
        if not path.landmarks:
            return self._lookahead > 0
        legs = np.diff(path.times)[path.times[:-1] < self._sent + self._lookahead]
        return bool(legs.max() <= SPARSE * self._lookahead)

    def _inside(self, now_ns: int) -> Inside | None:
        """What plans keep off: learned obstacles, and what this mission found to be blocked."""
        bundle, blocked = self._bundle, self._recovery.inside(now_ns)
        learned = None if bundle.obstacles is None else bundle.obstacles.inside
        if blocked is None and learned is None:
            return None

        def inside(latents: Tensor) -> Tensor:
            shown = bundle.shown(latents)
            known = [one(shown) for one in (learned, blocked) if one is not None]
            return torch.stack(known).amax(dim=0)

        return inside

    def _is_trusted(self, states: Tensor, inside: Inside | None) -> bool:
        """Whether virtual states (T + 1, D) keep off all obstacles, as far as these are known, and
        the robot has got on so far."""
        if inside is None or self._known:
            return False
        return bool(inside(states).max() < DOUBTFUL)

    def _path(self, start: Tensor, position: FloatArray, now_ns: int) -> Path | Refused:
        known = self._recovery.known(now_ns)
        if known[:1] != self._known[:1] and self._shortener is not None:
            self._shortener.forget()  # it led to where the robot did not get on
        if known != self._known:
            self._roadmap.avoid(self._recovery.toll(now_ns))
            self._known = known
        return self._roadmap.path(start, position) or Refused(NO_WAY)

    def _stops(self, position: FloatArray, path: Path) -> FloatArray:
        """Joints (K, J) at the start, at the landmarks of a path, and at the goal."""
        landmarks = self._positions[list(path.landmarks)]
        return np.concatenate([position[None], landmarks, self._goal_position[None]])
