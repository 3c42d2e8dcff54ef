# SPDX-License-Identifier: Apache-2.0
"""Joint state messages to samples in the robot's joint order."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from grasp_ros.config import RobotConfig
from grasp_ros.types import BadInput, JointSample, seconds

GLITCHES = 3  # after so many samples in a row it was the one before them that was wrong


class JointReader:
    """Maps joints by name in every message and refuses what no robot can do.

    margin: a joint that moved faster than margin x max_velocity is an encoder's glitch.
    """

    def __init__(self, robot: RobotConfig, margin: float):
        self._joints = robot.joints
        self._max_velocity = margin * np.array(robot.max_velocity)
        self._last: JointSample | None = None
        self._glitches = 0

    def clear(self) -> None:
        """Forget the last sample: after the clock jumped."""
        self._last, self._glitches = None, 0

    def read(
        self,
        stamp_ns: int,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
    ) -> JointSample:
        """One message's fields as a sample; velocities may be missing (empty) and are then zero.

        Raises BadInput for missing or doubled joints, lengths that differ, values that are not
        finite, a stamp that is zero or not newer than the last, and jumps.
        """
        index = self._index(names)
        if len(position) != len(names):
            raise BadInput(f'joint_states has {len(names)} names and {len(position)} positions')
        if len(velocity) not in (0, len(names)):
            raise BadInput(f'joint_states has {len(names)} names and {len(velocity)} velocities')
        if stamp_ns <= 0:
            raise BadInput('joint_states has no stamp')
        q = np.array([position[i] for i in index], dtype=float)
        v = np.array(
            [velocity[i] for i in index] if len(velocity) else [0.0] * len(q), dtype=float
        )
        for name, value, speed in zip(self._joints, q, v, strict=True):
            if not (np.isfinite(value) and np.isfinite(speed)):
                raise BadInput(
                    f'{name}: position {value}, velocity {speed}; finite values expected'
                )
        sample = JointSample(stamp_ns, q, v)
        self._refuse_glitch(sample)
        self._last, self._glitches = sample, 0
        return sample

    def _index(self, names: Sequence[str]) -> list[int]:
        seen = list(names)
        for name in self._joints:
            if seen.count(name) != 1:
                raise BadInput(f'joint_states has {name!r} {seen.count(name)} times among {seen}')
        return [seen.index(name) for name in self._joints]

    def _refuse_glitch(self, sample: JointSample) -> None:
        if self._last is None:
            return
        elapsed = seconds(sample.stamp_ns - self._last.stamp_ns)
        if elapsed == 0:
            raise BadInput('joint_states has the stamp of the last one')
        speed = np.abs(sample.position - self._last.position) / elapsed
        if elapsed > 0 and (speed <= self._max_velocity).all():
            return
        self._glitches += 1
        if self._glitches > GLITCHES:
            return
        if elapsed < 0:
            raise BadInput(f'joint_states is {-elapsed:.3f} s older than the last one')
        joint = int(np.argmax(speed / self._max_velocity))
        raise BadInput(
            f'{self._joints[joint]} moved at {speed[joint]:.3f}/s, '
            f'at most {self._max_velocity[joint]:.3f}/s is possible'
        )
