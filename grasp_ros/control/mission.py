# SPDX-License-Identifier: Apache-2.0
"""The goal's life and the node's state: what is to be done, what may be sent, and why not.

Facts come in as calls; `judge` says what they amount to. No ROS, no threads, no clock: times are
arguments, and the caller holds one lock around every call.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from grasp_ros.config import PlannerNodeConfig
from grasp_ros.control.states import FAULT, HOLDING, PLANNING, REACHED, WAITING, Verdict
from grasp_ros.types import NS, Observation, Refused, nanoseconds, seconds

STILL_NS = 2 * NS  # steady; a clock that has not moved for so long stands still
HUNG_NS = NS  # steady; the least time after which a plan is called hung
HUNG_DEADLINES = 5  # ... and the least number of deadlines
IN_A_ROW = 3  # plans in a row that lead to nothing before the robot is stopped


@dataclass(frozen=True)
class Job:
    """One plan to be made. goal: what to aim at from now on; None where it is aimed at already."""

    number: int
    generation: int
    begun_ns: int
    goal: Observation | None


class Mission:
    """One goal after another.

    A goal is pending until the planner has taken it; until then, and if it is refused, the one
    before stays. generation grows with every change of what the robot is to do: a plan that was
    begun before is never sent.
    """

    def __init__(self, config: PlannerNodeConfig):
        self._hung_ns = max(HUNG_NS, HUNG_DEADLINES * nanoseconds(config.planner.deadline))
        self._execute = config.control.execute
        self._active = False
        self.generation = 0
        self.number = 0  # of the newest goal
        self._goal: int | None = None  # the goal that the planner aims at
        self._pending: tuple[int, Observation] | None = None
        self._job: Job | None = None  # what the planner is at
        self.under_way = False  # something was sent since the last stop
        self._stop_due = False
        self._clock_seen: tuple[int, int] | None = None  # ROS time, and when it was first seen
        self._clock_still = False
        self._lacking: Refused | None = Refused('starting')
        self._fault: str | None = None
        self._frozen: Refused | None = None
        self._following: Refused | None = None
        self._topic, self._subscribers = '', 0
        self._others: tuple[str, ...] = ()  # who publishes to the controller, too
        self._forget_plans()

    # life

    def activate(self) -> None:
        """From now on the robot may be moved."""
        self._active = True
        self._renew()

    def deactivate(self) -> None:
        """Bring the robot to rest, and let nothing move it."""
        self._active = False
        self._renew()

    def set_execute(self, execute: bool) -> None:
        """Whether plans are sent, or only shown."""
        if execute != self._execute:
            self._execute = execute
            self._renew()

    @property
    def has_goal(self) -> bool:
        """Whether there is something to plan to."""
        return self._goal is not None or self._pending is not None

    @property
    def aims(self) -> bool:
        """Whether the planner has a goal, whatever is pending."""
        return self._goal is not None

    def aim(self, goal: Observation) -> int:
        """A new goal; its number."""
        self.number += 1
        self._pending = self.number, goal
        self._renew()
        return self.number

    def cancel(self) -> bool:
        """Drop all goals; whether there was one."""
        had = self.has_goal
        self._goal = self._pending = None
        self._renew()
        return had

    def clock_jumped(self, reason: str) -> None:
        """What was told before holds no more. No stop: it would be stamped with the wrong time."""
        if self.cancel():
            self._held = f'{reason}: the goal was dropped'
        self.under_way = self._stop_due = False
        self._clock_seen, self._clock_still, self._frozen = None, False, None
        self._following = None

    def fail(self, reason: str) -> None:
        """A fault, until a person clears it. The first reason stays."""
        if self._fault is None:
            self._fault = reason
            self._renew()

    def clear_fault(self) -> str | None:
        """A person has looked; the fault that there was."""
        fault, self._fault = self._fault, None
        self._renew()
        return fault

    # facts

    def tick(self, now_ns: int, steady_ns: int) -> None:
        """What the clock shows; to be called regularly, by a clock that never stands still."""
        if self._clock_seen is None or self._clock_seen[0] != now_ns:
            self._clock_seen = now_ns, steady_ns
        self._clock_still = now_ns > 0 and steady_ns - self._clock_seen[1] >= STILL_NS

    def see(self, lacking: Refused | None) -> None:
        """Whether there is an observation young enough to act on, or why not."""
        self._lacking = lacking

    def see_frozen(self, frozen: Refused | None) -> None:
        """Whether a camera shows the same picture while the robot moves."""
        self._frozen = frozen

    def follow(self, following: Refused | None) -> None:
        """Whether the robot follows what it is told; a stop is due as soon as it does not."""
        if following is not None and self._following is None and self.under_way:
            self._stop_due = True
        self._following = following

    def controller(self, topic: str, subscribers: int, others: Sequence[str]) -> None:
        """Who listens to the controller's topic, and who else publishes on it."""
        self._topic, self._subscribers, self._others = topic, subscribers, tuple(others)

    @property
    def shared(self) -> bool:
        """Whether someone else commands the controller, too."""
        return bool(self._others)

    # the planner

    def begin(self, steady_ns: int) -> Job | None:
        """The next plan to make, None when there is nothing to do."""
        if not self.has_goal:
            return None
        number, goal = self._pending or (self._goal or 0, None)
        self._job = Job(number, self.generation, steady_ns, goal)
        return self._job

    def taken(self, job: Job) -> None:
        """The planner aims at the job's goal now."""
        if self._pending is not None and self._pending[0] == job.number:
            self._goal, self._pending = job.number, None
            self._forget_plans()

    def refuse_goal(self, reason: str, job: Job | None = None) -> None:
        """A goal, the job's or one that came to nothing, is no goal; the one before stays."""
        if job is not None and self._pending is not None and self._pending[0] == job.number:
            self._pending = None
            self._renew()
        if not self.has_goal:
            self._held = f'goal refused: {reason}'

    def end(self, job: Job) -> None:
        """The planner is done with the job, whatever came of it."""
        if self._job is job:
            self._job = None

    def current(self, job: Job) -> bool:
        """Whether a plan for this job still means something."""
        return job.generation == self.generation and self._goal == job.number

    def may_send(self, job: Job, steady_ns: int) -> bool:
        """Whether what was planned for the job may move the robot now."""
        return (
            self.current(job)
            and steady_ns - job.begun_ns <= self._hung_ns
            and self._may_move()
            and self._lacking is None
            and self._subscribers > 0
        )

    def planned(self, reached: bool, distance: float, blocked: str = '') -> None:
        """A plan was made from the newest observation. blocked: why it leads no nearer, if so."""
        self._reached = f'latent distance {distance:.3f}' if reached else ''
        self._blocked = blocked
        if reached:
            self._held, self._late, self._fruitless = '', 0, 0

    def sent(self) -> None:
        """A plan went to the controller."""
        self.under_way = True
        self._held, self._late, self._fruitless = '', 0, 0

    def shown(self) -> None:
        """A plan was made and, in shadow mode, not to be sent."""
        self._held, self._late, self._fruitless = '', 0, 0

    def late(self) -> None:
        """A plan came too late to be sent; the robot goes on with the one before."""
        self._late, self._fruitless = self._late + 1, self._fruitless + 1
        if self._late >= IN_A_ROW:
            self._held = (
                f'the last {self._late} plans came too late to be sent: the machine is too slow '
                'for planner.deadline and control.send_ahead'
            )

    def held(self, reason: str) -> None:
        """No plan could be made or sent."""
        self._fruitless += 1
        self._held, self._reached, self._late = reason, '', 0

    def is_held(self, reason: str) -> bool:
        """Whether this is why the last plan was not sent, too."""
        return self._held == reason

    def stopped(self) -> None:
        """The robot was brought to rest: plans that were begun before are not sent."""
        self.under_way = self._stop_due = False
        self.generation += 1

    # the verdict

    def judge(self, steady_ns: int) -> Verdict:
        """State and reason by all that is known; the most serious first."""
        state, reason = self._judge(steady_ns)
        may_not = not self._may_move() or self._hung(steady_ns) or self._fruitless >= IN_A_ROW
        return Verdict(state, reason, self._stop_due or (self.under_way and may_not))

    def _judge(self, steady_ns: int) -> tuple[str, str]:
        if self._fault is not None:
            return FAULT, f'{self._fault}; ~/clear_fault when it is right again'
        if not self._active:
            return WAITING, 'not active'
        if self._clock_still:
            lacking = '' if self._lacking is None else f'; {self._lacking.reason}'
            return WAITING, f'the clock stands still{lacking}'
        if self._lacking is not None:
            return WAITING, self._lacking.reason
        if self._frozen is not None:
            return HOLDING, self._frozen.reason
        if not self.has_goal:
            return WAITING, self._held or 'no goal'
        if self._hung(steady_ns):
            assert self._job is not None
            silent = seconds(steady_ns - self._job.begun_ns)
            return HOLDING, f'the planner has not answered for {silent:.1f} s'
        if self._execute and self._subscribers == 0:
            return WAITING, f'no controller subscribes to {self._topic}'
        if self._execute and self._others:
            return HOLDING, f'{", ".join(self._others)} publishes to {self._topic}, too'
        if self._execute and self._following is not None:
            return HOLDING, self._following.reason
        if self._held:
            return HOLDING, self._held
        if self._pending is not None:
            return PLANNING, f'goal {self._pending[0]}'
        if self._reached:
            return REACHED, self._reached
        return PLANNING, self._blocked if self._execute else 'shadow mode'

    def _may_move(self) -> bool:
        """Whether the robot may be moved at all, by what is known besides the observation."""
        return (
            self._active
            and self._execute
            and self.has_goal
            and self._fault is None
            and self._frozen is None
            and not self._others
        )

    def _hung(self, steady_ns: int) -> bool:
        return self._job is not None and steady_ns - self._job.begun_ns > self._hung_ns

    def _renew(self) -> None:
        """Something else is to be done from now on."""
        self.generation += 1
        self._forget_plans()

    def _forget_plans(self) -> None:
        self._held, self._reached = '', ''  # why the last plan was not sent; how near it was
        self._blocked = ''  # what it leads around, or why it gets no nearer
        self._late, self._fruitless = 0, 0  # plans in a row
