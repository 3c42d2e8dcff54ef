# SPDX-License-Identifier: Apache-2.0
"""Exploration of a real robot: what comes in, whether it may move now, and what people are told.

No ROS: the node hands over messages' fields and publishes what it is told to. One thread.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from grasp_ros.config import ExplorerNodeConfig
from grasp_ros.control.gate import NotNow
from grasp_ros.control.states import FAULT, HOLDING, WAITING, Verdict
from grasp_ros.exploration.drive import Drive
from grasp_ros.exploration.figures import Figures
from grasp_ros.observation.joints import Fault, JointReader
from grasp_ros.robot.command import JointVelocity
from grasp_ros.types import Clock, JointSample, JointTrajectory, nanoseconds, seconds

EXPLORING = 'EXPLORING'
STEP = 0.1  # s, of an action


class Outside(Protocol):
    """The robot's side and the people's, as the node has them."""

    def send(self, trajectory: JointTrajectory) -> None:
        """To the controller."""

    def controller(self) -> tuple[str, int, Sequence[str]]:
        """The controller's topic, how many listen to it, and who else publishes on it."""

    def tell(self, verdict: Verdict, figures: Figures) -> None:
        """To people; called often, also when nothing is new."""


class ExplorationPilot:
    """What one explorer node does. clock: ns in which joint states are stamped; steady: ns that
    nobody can set."""

    def __init__(self, config: ExplorerNodeConfig, outside: Outside, clock: Clock, steady: Clock):
        robot, asked = config.robot, config.exploration
        self._outside, self._clock, self._steady = outside, clock, steady
        self._execute = asked.execute
        self._max_age_ns = nanoseconds(config.observation.max_age)
        self._reader = JointReader(robot, config.observation)
        bounds = robot.max_velocity
        command = JointVelocity(tuple(-one for one in bounds), tuple(bounds), STEP)
        self._drive = Drive(
            robot,
            command,
            asked.send_ahead,
            config.observation.max_age,
            asked.speed,
            asked.seed,
            clock,
            config.observation.max_future,
        )
        self._active = False
        self._seen: tuple[int, int] | None = None  # newest sample: its stamp, and when it came
        self._refused = 'no joint_states yet'  # why the newest message was of no use
        self._fault = ''
        self._held = ''  # why nothing could be sent
        self._shared = False  # someone else commands the controller, too

    def activate(self) -> None:
        """From now on the robot may be moved."""
        self._active = True
        self.look()

    def deactivate(self) -> None:
        """Bring the robot to rest, and move it no more."""
        self._active = False
        self.look()

    def reconfigure(self, config: ExplorerNodeConfig) -> None:
        """Take changed dynamic parameters."""
        self._execute = config.exploration.execute
        self.look()

    def joints(
        self,
        stamp_ns: int,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
    ) -> None:
        """The fields of a joint state message."""
        sample = self._reader.read(stamp_ns, names, position, velocity, self._clock())
        if isinstance(sample, JointSample):
            self._seen, self._refused = (sample.stamp_ns, self._steady()), ''
            if self._must_rest() is None:
                self._go_on(sample)
        elif sample is None:
            self._refused = self._reader.lacking() or self._refused
        else:
            self._refused = sample.reason
            if isinstance(sample, Fault):
                self._fault = self._fault or sample.reason
        self.look()

    def look(self) -> None:
        """Stop where that is due, and tell; to be called regularly."""
        rest = self._must_rest()
        if rest is not None and self._drive.moves:
            message = self._drive.stop()
            if message is not None:
                self._outside.send(message)
        self._outside.tell(rest or self._moving(), self._drive.figures)

    def clear_fault(self) -> str:
        """A person has looked: what the joints show from now on is true. The fault there was."""
        fault, self._fault = self._fault, ''
        self._forget()
        return fault

    def clock_jumped(self) -> None:
        """What was told before holds no more."""
        self._forget()
        self.look()

    def _forget(self) -> None:
        self._reader.clear()
        self._drive.clear()
        self._seen, self._held, self._refused = None, '', 'no joint_states yet'

    def _go_on(self, sample: JointSample) -> None:
        message = self._drive.joints(sample)
        if isinstance(message, JointTrajectory):
            self._held = ''
            self._outside.send(message)
        elif not isinstance(message, NotNow):
            self._held = message.reason

    def _moving(self) -> Verdict:
        """What there is to say while the robot may move."""
        if self._held:
            return Verdict(HOLDING, self._held, False)
        figures = self._drive.figures
        done = f'{100 * figures.covered_share:.0f} % visited, blocked {figures.blocks} times'
        return Verdict(EXPLORING, done, False)

    def _must_rest(self) -> Verdict | None:
        """Why the robot may not move, the most serious first; None when it may."""
        topic, listeners, others = self._outside.controller()
        if self._shared and not others:
            self._drive.clear()  # nobody knows what the controller was told last
        self._shared = bool(others)
        if self._fault:
            return Verdict(FAULT, f'{self._fault}; ~/clear_fault when it is right again', True)
        if not self._active:
            return Verdict(WAITING, 'not active', True)
        if (lacking := self._lacking()) is not None:
            return Verdict(WAITING, lacking, True)
        if not self._execute:
            return Verdict(WAITING, 'not told to execute: nothing is sent to the controller', True)
        if listeners == 0:
            return Verdict(WAITING, f'no controller subscribes to {topic}', True)
        if others:
            return Verdict(HOLDING, f'{", ".join(others)} publishes to {topic}, too', True)
        return None

    def _lacking(self) -> str | None:
        """Why the newest joints may not be acted on; None when they may."""
        if self._seen is None:
            return self._refused
        stamp_ns, came_ns = self._seen
        age_ns = max(self._clock() - stamp_ns, self._steady() - came_ns)
        if age_ns <= self._max_age_ns:
            return None
        why = f': {self._refused}' if self._refused else ''
        return f'no usable joint_states for {seconds(age_ns):.1f} s{why}'
