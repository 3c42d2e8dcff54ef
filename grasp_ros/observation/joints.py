# SPDX-License-Identifier: Apache-2.0
"""Joint state messages to samples in the robot's joint order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grasp_ros.config import ObservationConfig, RobotConfig
from grasp_ros.observation.speeds import Speeds
from grasp_ros.types import FloatArray, JointSample, Refused, nanoseconds, seconds

GLITCHES = 3  # bad values of a joint in a row: no glitch any more, its encoder cannot be trusted


@dataclass(frozen=True)
class Fault(Refused):
    """A refusal that does not go away by itself: a person has to look."""


class JointReader:
    """Maps joints by name in every message, and refuses what no robot can do.

    The joints may come in several messages (an arm and its gripper, two arms): each joint is
    judged by its own last value, and those that are not in a message are carried on by their
    velocity.
    """

    def __init__(self, robot: RobotConfig, config: ObservationConfig):
        self._robot = robot
        tolerance = np.array(robot.tracking_tolerance)
        self._low = np.array(robot.position_min) - tolerance
        self._high = np.array(robot.position_max) + tolerance
        self._max_velocity = config.velocity_margin * np.array(robot.max_velocity)
        self._max_skew_ns = nanoseconds(config.max_skew)
        self._max_future_ns = nanoseconds(config.max_future)
        self._speeds = Speeds(len(robot.joints))
        self.clear()

    def clear(self) -> None:
        """Forget all values: after the clock jumped, or when a person cleared a fault."""
        joints = len(self._robot.joints)
        self._stamps_ns = np.zeros(joints, dtype=np.int64)  # 0: never seen
        self._position, self._velocity = np.zeros(joints), np.zeros(joints)
        self._speeds.clear()
        self._bad = np.zeros(joints, dtype=int)  # refused values in a row
        self._newest_ns = 0

    def read(
        self,
        stamp_ns: int,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
        now_ns: int,
    ) -> JointSample | Refused | None:
        """The robot's joints after one message.

        Velocities may be missing, all (empty) or some (NaN): see Speeds. None: the message holds
        none of the robot's joints, others have not come yet, or the speed of one is not known yet.
        Refused: doubled joints, lengths that differ, values that are not finite, a stamp that is
        zero, in the future or not newer than the last, and a joint that jumped or lies outside
        its limits; Fault when it does so for GLITCHES messages in a row.
        """
        index = [i for i, name in enumerate(self._robot.joints) if name in names]
        if not index:
            return None
        reason = self._malformed(names, position, velocity) or self._untimely(
            stamp_ns, index, now_ns
        )
        if reason is not None:
            return Refused(reason)
        seen = list(names)
        places = [seen.index(self._robot.joints[i]) for i in index]
        q = np.array([position[place] for place in places], dtype=float)
        v = np.array([velocity[place] if len(velocity) else np.nan for place in places])
        for i, value, speed in zip(index, q, v, strict=True):
            if not np.isfinite(value) or np.isinf(speed):
                name = self._robot.joints[i]
                return Refused(f'{name}: position {value}, velocity {speed}; not finite')
        refused = self._impossible(stamp_ns, index, q)
        if refused is not None:
            return refused
        told = [self._speeds.add(i, stamp_ns, one) for i, one in zip(index, q, strict=True)]
        v = np.where(np.isnan(v), told, v)
        self._stamps_ns[index], self._position[index], self._velocity[index] = stamp_ns, q, v
        return self._merged(stamp_ns)

    def lacking(self) -> str | None:
        """Which joints did not come, come no more while others do, or move nobody knows how fast;
        None when all are there."""
        names = np.array(self._robot.joints)
        if len(never := names[self._stamps_ns == 0]):
            return f'joint_states has not had {", ".join(never)} yet'
        late_ns = self._stamps_ns.max() - self._stamps_ns
        if len(old := names[late_ns > self._max_skew_ns]):
            late = seconds(int(late_ns.max()))
            return f'joint_states of {", ".join(old)} is {late:.3f} s older than of the others'
        if len(unknown := names[np.isnan(self._velocity)]):
            return (
                f'joint_states has no velocity of {", ".join(unknown)}, and not yet enough '
                'positions to tell it'
            )
        return None

    def _malformed(
        self, names: Sequence[str], position: Sequence[float], velocity: Sequence[float]
    ) -> str | None:
        for name in self._robot.joints:
            if (count := list(names).count(name)) > 1:
                return f'joint_states has {name!r} {count} times among {list(names)}'
        if len(position) != len(names):
            return f'joint_states has {len(names)} names and {len(position)} positions'
        if len(velocity) not in (0, len(names)):
            return f'joint_states has {len(names)} names and {len(velocity)} velocities'
        return None

    def _untimely(self, stamp_ns: int, index: list[int], now_ns: int) -> str | None:
        if now_ns <= 0:
            return 'no /clock'
        if stamp_ns <= 0:
            return 'joint_states has no stamp'
        if stamp_ns > now_ns + self._max_future_ns:
            ahead = seconds(stamp_ns - now_ns)
            return f'joint_states stamp is {ahead:.3f} s in the future: clocks differ'
        late_ns = int(self._stamps_ns[index].max()) - stamp_ns
        if late_ns == 0:
            return 'joint_states has the stamp of the last one'
        if late_ns > 0:
            return f'joint_states is {seconds(late_ns):.3f} s older than the last one'
        return None

    def _impossible(self, stamp_ns: int, index: list[int], q: FloatArray) -> Refused | None:
        """A joint that is where it cannot be; a value that persists is a fault."""
        first: Refused | None = None
        for i, value in zip(index, q, strict=True):
            reason = self._outside(i, value) or self._jumped(i, value, stamp_ns)
            self._bad[i] = 0 if reason is None else self._bad[i] + 1
            if reason is not None and self._bad[i] >= GLITCHES:
                return Fault(reason)
            if reason is not None and first is None:
                first = Refused(reason)
        return first

    def _outside(self, i: int, value: float) -> str | None:
        if self._low[i] <= value <= self._high[i]:
            return None
        robot = self._robot
        return (
            f'{robot.joints[i]} is measured at {value:.4f}, its limits are '
            f'{robot.position_min[i]} to {robot.position_max[i]} (robot.tracking_tolerance '
            f'{robot.tracking_tolerance[i]}): wrong unit, wrong joint or a broken encoder'
        )

    def _jumped(self, i: int, value: float, stamp_ns: int) -> str | None:
        if self._stamps_ns[i] == 0:
            return None
        speed = abs(value - self._position[i]) / seconds(stamp_ns - int(self._stamps_ns[i]))
        if speed <= self._max_velocity[i]:
            return None
        return (
            f'{self._robot.joints[i]} jumped from {self._position[i]:.4f} to {value:.4f}, at '
            f'{speed:.3f}/s; at most {self._max_velocity[i]:.3f}/s is possible'
        )

    def _merged(self, stamp_ns: int) -> JointSample | None:
        if self.lacking() is not None or stamp_ns <= self._newest_ns:
            return None
        self._newest_ns = stamp_ns
        age = (stamp_ns - self._stamps_ns) / 1e9
        return JointSample(stamp_ns, self._position + age * self._velocity, self._velocity.copy())
