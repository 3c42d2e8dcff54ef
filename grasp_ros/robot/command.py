# SPDX-License-Identifier: Apache-2.0
"""What a model's actions command: the one seam between them and the controller's reference.

A command space that is not the joints (a tool's velocity through inverse kinematics, say) is one
more class in COMMANDS.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from grasp_ros.types import BadInput, FloatArray


class Command(Protocol):
    """Normalised actions (A,) in [-1, 1] and the joint reference that they ask for.

    size: A. dt: the model step, s. low, high: what -1 and 1 stand for, in the unit of `meaning`.
    References are joint positions, m or rad, before the robot's limits cut them.
    """

    meaning: ClassVar[str]

    @property
    def size(self) -> int: ...
    @property
    def dt(self) -> float: ...
    @property
    def low(self) -> tuple[float, ...]: ...
    @property
    def high(self) -> tuple[float, ...]: ...

    def reference(self, action: FloatArray, position: FloatArray) -> FloatArray:
        """Where the reference (..., J) is one model step after `position` (..., J)."""

    def actions(self, reference: FloatArray) -> FloatArray:
        """The actions (..., T, A) that move the reference along (..., T + 1, J).

        Clipped to [-1, 1]: a recorded command can exceed the bounds.
        """

    def rest(self, position: FloatArray) -> FloatArray:
        """The action (..., A) that leaves the reference at `position` (..., J)."""


@dataclass(frozen=True)
class JointCommand:
    """What the commands in joint space share: one action dimension a joint, scaled to bounds."""

    low: tuple[float, ...]
    high: tuple[float, ...]
    dt: float
    meaning: ClassVar[str] = ''

    def __post_init__(self) -> None:
        numbers = (*self.low, *self.high, self.dt)
        if not all(isinstance(one, (int, float)) and np.isfinite(one) for one in numbers):
            raise BadInput(f'action bounds and dt are {numbers}; finite numbers expected')
        same = len(self.low) == len(self.high) > 0
        if not same or not np.less(self.low, self.high).all():
            raise BadInput(f'action bounds {self.low} are not below {self.high}')
        if not 1e-3 <= self.dt <= 60:
            raise BadInput(f'model step {self.dt} s is not within 0.001 and 60 s')

    @property
    def size(self) -> int:
        """The number of action dimensions A, here that of the joints."""
        return len(self.low)

    def _decoded(self, action: FloatArray) -> FloatArray:
        low, high = np.array(self.low), np.array(self.high)
        return low + (np.asarray(action, dtype=float) + 1) / 2 * (high - low)

    def _encoded(self, command: FloatArray) -> FloatArray:
        low, high = np.array(self.low), np.array(self.high)
        return np.clip(2 * (command - low) / (high - low) - 1, -1, 1)


@dataclass(frozen=True)
class JointMotion(JointCommand):
    """Commands of motion: rest is the action that decodes to zero, which the bounds must hold."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (np.less_equal(self.low, 0).all() and np.greater_equal(self.high, 0).all()):
            raise BadInput(f'action bounds {self.low} to {self.high} do not hold 0, which is rest')

    def rest(self, position: FloatArray) -> FloatArray:
        """See Command."""
        return self._encoded(np.zeros_like(position))


@dataclass(frozen=True)
class JointVelocity(JointMotion):
    """The mean velocity of the reference over a model step, m/s or rad/s."""

    meaning: ClassVar[str] = 'joint_velocity'

    def reference(self, action: FloatArray, position: FloatArray) -> FloatArray:
        """See Command."""
        return position + self._decoded(action) * self.dt

    def actions(self, reference: FloatArray) -> FloatArray:
        """See Command."""
        return self._encoded(np.diff(reference, axis=-2) / self.dt)


@dataclass(frozen=True)
class JointDelta(JointMotion):
    """The displacement of the reference over a model step, m or rad."""

    meaning: ClassVar[str] = 'joint_delta'

    def reference(self, action: FloatArray, position: FloatArray) -> FloatArray:
        """See Command."""
        return position + self._decoded(action)

    def actions(self, reference: FloatArray) -> FloatArray:
        """See Command."""
        return self._encoded(np.diff(reference, axis=-2))


@dataclass(frozen=True)
class JointPosition(JointCommand):
    """Where the reference is at the end of a model step, m or rad."""

    meaning: ClassVar[str] = 'joint_position'

    def reference(self, action: FloatArray, position: FloatArray) -> FloatArray:
        """See Command."""
        return self._decoded(action)

    def actions(self, reference: FloatArray) -> FloatArray:
        """See Command."""
        return self._encoded(reference[..., 1:, :])

    def rest(self, position: FloatArray) -> FloatArray:
        """See Command."""
        return self._encoded(np.asarray(position, dtype=float))


COMMANDS: dict[str, type[JointCommand]] = {
    kind.meaning: kind for kind in (JointVelocity, JointDelta, JointPosition)
}


def make_command(
    meaning: str, low: tuple[float, ...], high: tuple[float, ...], dt: float
) -> Command:
    """The command space of a manifest; raises BadInput naming what is wrong."""
    if meaning not in COMMANDS:
        raise BadInput(f'action meaning {meaning!r} is not one of {list(COMMANDS)}')
    command: Command = COMMANDS[meaning](tuple(low), tuple(high), dt)  # type: ignore[assignment]
    return command
