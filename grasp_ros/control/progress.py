# SPDX-License-Identifier: Apache-2.0
"""Whether the robot gets on: what is seen against what the model predicted, and the way to go.

Measured joints against commanded ones tell a block first (see gate.py). What they cannot tell is
told here: something else that does not move as it should, motion that leads nowhere, and plans
that rest on the way.
"""

from __future__ import annotations

from collections import deque

import numpy as np
import torch
from torch import Tensor

from grasp_ros.control.reference import Reference
from grasp_ros.robot.command import Command
from grasp_ros.types import NS, FloatArray, nanoseconds
from grasp_ros.world_model.dynamics import Step, rollout

KEPT_NS = 2 * NS  # observations that the present one is compared with
STEPS = (3, 8)  # model steps between the two, at least and at most
OFF_BEAT = 0.15  # of a model step, that they may lie beside a whole number of them
TOLD = 2.5  # model steps of told motion between them, or nothing could be learned
LITTLE = 0.3  # of the predicted way: a robot that made less is not where it should be
SURPRISES = 2  # in a row
FRUITLESS = 15.0  # model steps of told motion, or of plans that rest, without getting nearer
RESTS = 0.5  # model steps: a plan that moves the robot no further leaves it where it is
LONGEST = 4.0  # model steps between two plans that count; more passed without a plan
NEARER = 3.0  # model steps of travel time that count as getting nearer
AT_GOAL = 4.0  # model steps: nearer than this the way is no matter of the map


class Progress:
    """Compares each observation with those before.

    step (J,): how far each joint gets in a model step, m or rad. scale: what a model step changes
    in the latent.
    """

    def __init__(self, dynamics: Step, command: Command, step: FloatArray, scale: float):
        self._dynamics, self._command = dynamics, command
        self._step, self._scale = step, scale
        self._step_ns = nanoseconds(command.dt)
        self._seen: deque[tuple[int, Tensor]] = deque(maxlen=64)
        self.begin()

    def begin(self) -> None:
        """What was seen until now is no measure for what comes."""
        self._seen.clear()
        self._surprises = 0
        self._nearest, self._fruitless = float('inf'), 0.0
        self._last_ns: int | None = None
        self.as_near_as_it_gets = False  # at the goal, and gets no nearer

    def surprised(self, stamp_ns: int, latent: Tensor, reference: Reference) -> bool:
        """Whether the robot is not where the model said that what it was told would bring it."""
        before = self._before(stamp_ns, reference)
        self._seen.append((stamp_ns, latent))
        if before is None:
            return False
        then_ns, then = before
        count = round((stamp_ns - then_ns) / self._step_ns)
        told = self._told(reference, np.linspace(then_ns, stamp_ns, count + 1))
        if self._steps(told[-1] - told[0]) < TOLD:  # to and fro before a goal tells nothing
            return False
        actions = torch.as_tensor(self._command.actions(told), dtype=latent.dtype)
        actions = actions.to(latent.device)
        way = rollout(self._dynamics, then[None], actions[None])[0, -1] - then
        if float(way.norm()) < 2 * self._scale:  # the model knew that it would be stopped
            self._surprises = 0
            return False
        made = float((latent - then) @ way / way.square().sum())
        self._surprises = self._surprises + 1 if made < LITTLE else 0
        return self._surprises >= SURPRISES

    def rests(self, planned: FloatArray) -> bool:
        """Whether planned joints (K, J) leave the robot where it is."""
        return bool(self._steps(np.ptp(planned, axis=0)) < RESTS)

    def fruitless(
        self, stamp_ns: int, to_go: float, reference: Reference, planned: FloatArray
    ) -> bool:
        """Whether all that the robot is told brings it no nearer.

        to_go: model steps to the goal. planned: the joints (K, J) that it is to be told next.
        """
        last_ns, self._last_ns = self._last_ns, stamp_ns
        if last_ns is None or reference.told is None or stamp_ns < reference.settled_ns:
            return False
        since_ns = max(last_ns, reference.settled_ns)
        told = self._told(reference, np.array([since_ns, stamp_ns]))
        spent = float(self._steps(told[1] - told[0]))
        if self.rests(planned):
            spent = max(spent, min(LONGEST, (stamp_ns - since_ns) / self._step_ns))
        self._fruitless += spent
        if to_go < self._nearest - NEARER:
            self._nearest, self._fruitless = to_go, 0.0
        too_much = self._fruitless > FRUITLESS
        self.as_near_as_it_gets = too_much and to_go <= AT_GOAL
        return too_much and to_go > AT_GOAL

    def _before(self, stamp_ns: int, reference: Reference) -> tuple[int, Tensor] | None:
        """The newest observation a whole number of model steps ago that the reference covers."""
        while self._seen and stamp_ns - self._seen[0][0] > KEPT_NS:
            self._seen.popleft()
        told = reference.told
        if told is None:
            return None
        for then_ns, latent in reversed(self._seen):
            steps = (stamp_ns - then_ns) / self._step_ns
            covered = then_ns >= max(reference.settled_ns, told.start_ns)
            if STEPS[0] - OFF_BEAT < steps < STEPS[1] and covered:
                if abs(steps - round(steps)) < OFF_BEAT:
                    return then_ns, latent
        return None

    def _told(self, reference: Reference, times: FloatArray) -> FloatArray:
        """The reference (K, J) at times (K,), ns."""
        motions = [reference.at(int(at)) for at in times]
        return np.stack([motion.position for motion in motions if motion is not None])

    def _steps(self, difference: FloatArray) -> FloatArray:
        """How many model steps a way (..., J) takes: (...)."""
        return np.abs(difference / self._step).max(axis=-1)
