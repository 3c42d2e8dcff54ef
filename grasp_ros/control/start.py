# SPDX-License-Identifier: Apache-2.0
"""Where a plan starts: the robot goes on with what it was told while the plan is made."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grasp_ros.control.reference import Reference
from grasp_ros.robot.command import Command
from grasp_ros.types import FloatArray, Motion, Observation, nanoseconds
from grasp_ros.world_model.dynamics import Step, rollout

RESTS = 0.1  # model steps: who is told to move no further rests


@dataclass(frozen=True)
class Start:
    """A plan's start, `ahead` model steps after the observation, at `ns` of the same clock.

    motion: the reference then. latent (D,): what will be seen then.
    """

    ahead: int
    ns: int
    motion: Motion
    latent: Tensor


class StartPredictor:
    """Foresees the starts of plans.

    step (J,): how far a joint moves at most in one model step, m or rad.
    """

    def __init__(self, dynamics: Step, command: Command, step: FloatArray):
        self._dynamics, self._command, self._step = dynamics, command, step

    def predict(
        self, observation: Observation, latent: Tensor, reference: Reference, ready_ns: int
    ) -> Start:
        """The start of a plan from what is seen, latent (D,).

        ready_ns: how long after the observation the plan will be ready to be sent. Before anything
        was told, the robot stands where it is measured.
        """
        step_ns, begin_ns = nanoseconds(self._command.dt), observation.stamp_ns
        ahead = max(1, math.ceil(ready_ns / step_ns))
        start_ns = reference.snapped(begin_ns + ahead * step_ns)
        rest = Motion(observation.position, np.zeros(len(observation.position)))
        times = [*(begin_ns + i * step_ns for i in range(ahead)), start_ns]
        motions = [reference.at(at) or rest for at in times]
        told = np.stack([motion.position for motion in motions])
        return Start(ahead, start_ns, motions[-1], self._carried_on(latent, told))

    def _carried_on(self, latent: Tensor, told: FloatArray) -> Tensor:
        """The latent (D,) once the robot has been along the joints (K + 1, J) that it is told.

        A robot that is told to rest stays as it is seen: models drift.
        """
        if (np.ptp(told, axis=0) <= RESTS * self._step).all():
            return latent
        actions = torch.as_tensor(self._command.actions(told)).to(latent)
        return rollout(self._dynamics, latent[None], actions[None])[0, -1]
