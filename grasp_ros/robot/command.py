# SPDX-License-Identifier: Apache-2.0
"""What a model's action means in the robot's joints."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grasp_ros.types import BadInput, FloatArray

# m or rad. A reference further ahead of a blocked robot than this starts over where the robot is,
# in exploration as in the actions that are read from its bags.
WINDUP = 0.01
MEANINGS = ('joint_velocity', 'joint_delta', 'joint_position')


@dataclass(frozen=True)
class ActionSpace:
    """Normalised actions (A,) in [-1, 1] and the joint commands that they stand for.

    meaning: joint_velocity, the mean velocity of the commanded reference over a model step, per s;
    joint_delta, its displacement over the step; joint_position, where it is at the step's end.
    low, high (A,): the commands of -1 and 1. dt: the model step, s.
    """

    meaning: str
    low: tuple[float, ...]
    high: tuple[float, ...]
    dt: float

    def __post_init__(self) -> None:
        if self.meaning not in MEANINGS:
            raise BadInput(f'action meaning {self.meaning!r} is not one of {list(MEANINGS)}')
        if len(self.low) != len(self.high) or not np.less(self.low, self.high).all():
            raise BadInput(f'action bounds {self.low} are not below {self.high}')
        if not self.dt > 0:
            raise BadInput(f'model step {self.dt} s is not positive')

    @property
    def size(self) -> int:
        """The number of action dimensions A, which is the number of joints."""
        return len(self.low)

    def velocity(self, action: FloatArray, position: FloatArray) -> FloatArray:
        """The mean joint velocity (A,) that `action` (A,) asks for at the reference `position`."""
        low, high = np.array(self.low), np.array(self.high)
        command = low + (np.asarray(action) + 1) / 2 * (high - low)
        if self.meaning == 'joint_velocity':
            return command
        if self.meaning == 'joint_delta':
            return command / self.dt
        return (command - position) / self.dt

    def action(self, before: FloatArray, after: FloatArray) -> FloatArray:
        """The action (..., A) that moves the reference from `before` to `after` in a model step.

        Clipped to [-1, 1]: a recorded command can exceed the bounds by rounding.
        """
        moved = after - before
        command = {
            'joint_velocity': moved / self.dt,
            'joint_delta': moved,
            'joint_position': after,
        }[self.meaning]
        low, high = np.array(self.low), np.array(self.high)
        return np.clip(2 * (command - low) / (high - low) - 1, -1, 1)
