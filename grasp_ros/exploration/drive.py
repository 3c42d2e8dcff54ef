# SPDX-License-Identifier: Apache-2.0
"""Exploration through the gate: what goes to the controller, step by step, on any robot.

To be called with every joint state, by simulators and by a robot's node. No ROS.
"""

from __future__ import annotations

import numpy as np

from grasp_ros.config import RobotConfig
from grasp_ros.control.gate import Gate, Late, NotNow
from grasp_ros.control.trajectory import from_actions
from grasp_ros.exploration.figures import Figures
from grasp_ros.exploration.policy import Explorer
from grasp_ros.robot.command import Command
from grasp_ros.robot.limits import Limits
from grasp_ros.types import (
    Clock,
    JointSample,
    JointTrajectory,
    Motion,
    Refused,
    nanoseconds,
    seconds,
)


class Drive:
    """One robot that explores. The caller publishes what it is handed, and nothing else.

    send_ahead: least time from judging to the first point, s; 0 where nothing takes time.
    max_age: of joint states that may be acted on, s; max_future: how far ahead of the clock these
    may be stamped, s. speed: share of the robot's speeds. clock: ns in which they are stamped.
    """

    def __init__(
        self,
        robot: RobotConfig,
        command: Command,
        send_ahead: float,
        max_age: float,
        speed: float,
        seed: int,
        clock: Clock,
        max_future: float = 0.0,
    ):
        self._joints, self._limits, self._command = robot.joints, Limits.of(robot), command
        self._step_ns, self._ahead_ns = nanoseconds(command.dt), nanoseconds(send_ahead)
        self._clock = clock
        self._gate = Gate(robot, send_ahead, max_age, max_future=max_future)
        self._policy = Explorer(command, self._limits, speed, seed)
        self.figures = Figures(self._policy.visited)
        self._begun_ns = 0  # when the newest action begins; 0: none yet
        self._counted_ns = 0
        self._refused_ns = 0  # since when nothing could be sent; 0: something was
        self._moves = False  # something was sent since the last stop
        self._action: np.ndarray | None = None  # chosen, and not sent yet

    def joints(self, sample: JointSample) -> JointTrajectory | Refused:
        """What to publish after a joint sample, or why nothing is.

        NotNow: nothing is wrong.
        """
        message = self._next(sample)
        if isinstance(message, (JointTrajectory, NotNow)):
            self._refused_ns = 0
        elif not self._refused_ns:
            self._refused_ns = sample.stamp_ns
        return message

    def stuck(self, now_ns: int) -> float:
        """For how long nothing could be sent that moves the robot, s."""
        return seconds(now_ns - self._refused_ns) if self._refused_ns else 0.0

    def _next(self, sample: JointSample) -> JointTrajectory | Refused:
        gate, now_ns = self._gate, self._clock()
        gate.observe(sample)
        if sample.stamp_ns >= self._counted_ns + self._step_ns:
            self._counted_ns = sample.stamp_ns
            self.figures.add(gate.following is None, self._moves)
        if self._moves and gate.following is not None:
            told = gate.reference.at(sample.stamp_ns)
            assert told is not None  # something was sent
            self._policy.blocked(sample.position, told.position)
            return self.stop() or gate.following
        start_ns = self._next_ns(now_ns)
        if self._moves and now_ns < start_ns - 2 * self._ahead_ns:
            return NotNow('the last action goes on')
        return self._go_on(sample, start_ns, now_ns)

    @property
    def moves(self) -> bool:
        """Whether the robot was told to move since the last stop."""
        return self._moves

    def stop(self) -> JointTrajectory | None:
        """What brings the robot to rest; None where it rests, or nothing can be done."""
        message, now_ns = self._gate.stop_in_time(self._clock)
        self._action, self._moves = None, self._gate.unstopped
        if message is not None:
            self._gate.sent(message, now_ns)
        return message

    def clear(self) -> None:
        """The clock jumped, or someone else commanded the controller: nothing told holds."""
        self._gate.clear()
        self._policy.visited.lost()
        self._begun_ns, self._counted_ns, self._refused_ns = 0, 0, 0
        self._action, self._moves = None, False

    def _next_ns(self, now_ns: int) -> int:
        """When the next action begins: whole steps after the first sample, also after a block.

        So frames that come once a step see whole actions.
        """
        self._begun_ns = self._begun_ns or now_ns - self._step_ns
        earliest_ns = now_ns + self._ahead_ns
        steps = max(1, -(-(earliest_ns - self._begun_ns) // self._step_ns))
        return self._begun_ns + steps * self._step_ns

    def _go_on(self, sample: JointSample, start_ns: int, now_ns: int) -> JointTrajectory | Refused:
        gate = self._gate
        start = gate.reference.at(start_ns) or Motion(sample.position, np.zeros(len(self._joints)))
        if self._action is None:
            self._action = self._policy.next(sample.position, start.position)
        new = from_actions(
            self._action[None], start, start_ns, self._command, self._limits, self._joints
        )
        message = gate.admit(new, gate.generation, sample.stamp_ns, now_ns)
        if isinstance(message, JointTrajectory):
            if not gate.in_time(now_ns, self._clock()):
                return Late('late')
            gate.sent(message, now_ns)
            if len(message.times_ns) > 1:  # one point: the robot is held first
                self._begun_ns, self._action, self._moves = start_ns, None, True
        return message
