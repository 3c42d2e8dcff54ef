# SPDX-License-Identifier: Apache-2.0
"""What may be sent and what is said, whatever happens in whatever order."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from grasp_ros.config import ControlConfig, PlannerConfig, PlannerNodeConfig, RobotConfig
from grasp_ros.control.mission import IN_A_ROW, STILL_NS, Mission
from grasp_ros.control.states import (
    FAULT,
    HOLDING,
    PLANNING,
    REACHED,
    STATES,
    WAITING,
    Verdict,
)
from grasp_ros.types import NS, Observation, Refused, nanoseconds

CONFIG = PlannerNodeConfig(
    RobotConfig('arm', ('a',), (-1.0,), (1.0,), (1.0,), (1.0,), (0.01,)),
    control=ControlConfig(execute=True),
)
GOAL = Observation.pictured({'image': np.zeros((2, 2, 3), np.uint8)}, 1)
HUNG = nanoseconds(1.01)
TOPIC = '/controller/joint_trajectory'


def ready(config=CONFIG) -> Mission:
    """Active, with an observation and a controller."""
    mission = Mission(config)
    mission.activate()
    mission.see(None)
    mission.controller(TOPIC, 1, ())
    return mission


def start(mission: Mission, steady_ns=0):
    """A new goal, taken by the planner, that plans now."""
    mission.aim(GOAL)
    job = mission.begin(steady_ns)
    mission.taken(job)
    return job


def send(mission: Mission, steady_ns=0) -> None:
    """One plan is made, and sent."""
    job = mission.begin(steady_ns)
    mission.planned(False, 1.0)
    assert mission.may_send(job, steady_ns)
    mission.sent()
    mission.end(job)


def says(mission: Mission) -> tuple[str, str]:
    """State and reason."""
    verdict = mission.judge(0)
    return verdict.state, verdict.reason


@pytest.fixture
def mission():
    return ready()


@pytest.fixture
def moving(mission):
    """A mission whose robot is under way to goal 1."""
    mission.end(start(mission))
    send(mission)
    return mission


def test_states_of_a_start():
    mission = Mission(CONFIG)
    assert says(mission) == (WAITING, 'not active')
    mission.activate()
    assert says(mission) == (WAITING, 'starting')
    mission.see(Refused('no image'))
    assert says(mission) == (WAITING, 'no image')
    mission.see(None)
    assert says(mission) == (WAITING, 'no goal')
    mission.aim(GOAL)
    assert says(mission) == (WAITING, 'no controller subscribes to ')
    mission.controller(TOPIC, 1, ())
    assert says(mission) == (PLANNING, 'goal 1')
    mission.taken(mission.begin(0))
    assert says(mission) == (PLANNING, '')


def test_reached_until_it_is_left(moving):
    moving.planned(True, 0.25)
    assert moving.judge(0) == Verdict(REACHED, 'latent distance 0.250', stop=False)
    moving.planned(False, 0.5)
    assert says(moving) == (PLANNING, '')


def test_shadow_mode_says_so_and_needs_no_controller():
    mission = ready(replace(CONFIG, control=ControlConfig(execute=False)))
    mission.controller(TOPIC, 0, ('/other',))
    job = start(mission)
    assert says(mission) == (PLANNING, 'shadow mode')
    assert not mission.may_send(job, 0)


STOPS = {
    'cancel': (lambda m: m.cancel(), WAITING, 'no goal'),
    'execute': (lambda m: m.set_execute(False), PLANNING, 'shadow mode'),
    'deactivate': (lambda m: m.deactivate(), WAITING, 'not active'),
    'fault': (lambda m: m.fail('x jumped'), FAULT, 'x jumped; ~/clear_fault'),
    'frozen': (lambda m: m.see_frozen(Refused('same picture')), HOLDING, 'same picture'),
    'other': (lambda m: m.controller(TOPIC, 1, ('/b',)), HOLDING, f'/b publishes to {TOPIC}'),
    'astray': (lambda m: m.follow(Refused('blocked')), HOLDING, 'blocked'),
    'fruitless': (lambda m: [m.held('no way') for _ in range(IN_A_ROW)], HOLDING,
                  'no way'),
    'overruns': (lambda m: [m.late() for _ in range(IN_A_ROW)], HOLDING, 'last 3 plans came too'),
}  # fmt: skip


@pytest.mark.parametrize('what', STOPS)
def test_stops_once(moving, what):
    job = moving.begin(0)
    act, state, reason = STOPS[what]
    act(moving)
    verdict = moving.judge(0)
    assert verdict.stop and verdict.state == state and reason in verdict.reason
    moving.stopped()
    assert not moving.judge(0).stop
    assert not moving.may_send(job, 0), 'planned before the stop'


@pytest.mark.parametrize(
    'lack',
    [
        lambda m: m.see(Refused('image is 0.6 s old')),
        lambda m: m.controller(TOPIC, 0, ()),
        lambda m: m.controller(TOPIC, 1, ('/b',)),
        lambda m: m.see_frozen(Refused('same picture')),
    ],
    ids=['observation', 'controller', 'alone', 'sight'],
)
def test_nothing_is_sent_while_something_lacks(moving, lack):
    job = moving.begin(0)
    assert moving.may_send(job, 0)
    lack(moving)
    assert not moving.may_send(job, 0)


def test_one_plan_that_fails_stops_nothing(moving):
    moving.held('ArithmeticError: no plan')
    assert moving.judge(0) == Verdict(HOLDING, 'ArithmeticError: no plan', stop=False)
    moving.late()
    send(moving)
    assert says(moving) == (PLANNING, '')


def test_late_plans_are_told_only_in_a_row(moving):
    for _ in range(5):
        moving.late()
        assert says(moving) == (PLANNING, '')
        send(moving)


def test_planner_that_hangs_is_told_stopped_and_not_believed_later(moving):
    job = moving.begin(10 * NS)
    assert moving.judge(10 * NS + NS).state == PLANNING
    verdict = moving.judge(10 * NS + nanoseconds(3.2))
    assert verdict == Verdict(HOLDING, 'the planner has not answered for 3.2 s', stop=True)
    assert not moving.may_send(job, 10 * NS + nanoseconds(3.2))
    moving.stopped()
    moving.end(job)
    assert moving.judge(14 * NS).state == PLANNING
    send(moving, 14 * NS)


def test_long_deadlines_are_waited_for():
    mission = ready(replace(CONFIG, planner=PlannerConfig(deadline=2.0)))
    start(mission)
    assert mission.judge(9 * NS).state == PLANNING
    assert mission.judge(11 * NS).state == HOLDING


def test_robot_that_does_not_follow_may_be_held_by_the_gate(moving):
    moving.follow(Refused('blocked'))
    moving.stopped()
    job = moving.begin(0)
    assert moving.may_send(job, 0), 'what is sent is up to the gate'
    moving.sent()
    moving.follow(Refused('blocked'))
    assert not moving.judge(0).stop, 'only when it begins'
    moving.follow(None)
    assert moving.judge(0).state == PLANNING


def test_second_goal_is_pending_until_it_is_taken(moving):
    old = moving.begin(0)
    assert moving.aim(GOAL) == 2
    assert not moving.may_send(old, 0), 'of the old goal'
    new = moving.begin(0)
    assert new.number == 2 and new.goal is GOAL
    assert not moving.may_send(new, 0), 'not taken yet'
    moving.taken(new)
    assert moving.may_send(new, 0) and moving.begin(0).goal is None


def test_refused_goal_leaves_the_old_one(moving):
    moving.aim(GOAL)
    moving.refuse_goal('black picture', moving.begin(0))
    assert moving.has_goal and moving.judge(0).state == PLANNING and not moving.judge(0).stop
    job = moving.begin(0)
    assert job.number == 1 and moving.may_send(job, 0)
    assert moving.aim(GOAL) == 3


def test_refused_first_goal_is_said_until_another_comes(mission):
    mission.aim(GOAL)
    mission.refuse_goal('black picture', mission.begin(0))
    assert says(mission) == (WAITING, 'goal refused: black picture')
    mission.aim(GOAL)
    assert mission.judge(0).state == PLANNING


def test_goal_that_replaced_a_pending_one_is_not_refused_with_it(mission):
    mission.aim(GOAL)
    job = mission.begin(0)
    mission.aim(GOAL)
    mission.refuse_goal('black picture', job)
    assert mission.begin(0).number == 2


def test_execute_off_and_on_within_one_plan_drops_the_plan(moving):
    job = moving.begin(0)
    moving.set_execute(False)
    moving.set_execute(True)
    assert not moving.may_send(job, 0)


def test_first_fault_stays_until_it_is_cleared(moving):
    moving.fail('x jumped')
    moving.fail('y is outside')
    moving.cancel()
    moving.clock_jumped('the clock jumped by -5.000 s')
    assert moving.judge(0).reason.startswith('x jumped')
    assert moving.clear_fault() == 'x jumped'
    assert says(moving)[0] == WAITING
    assert moving.clear_fault() is None


def test_clock_that_stands_still_is_told_and_needs_no_stop(moving):
    for steady in range(0, 2 * STILL_NS, STILL_NS // 4):
        moving.tick(5 * NS, steady)
    assert moving.judge(0) == Verdict(WAITING, 'the clock stands still', stop=False)
    moving.tick(6 * NS, 2 * STILL_NS)
    assert moving.judge(0).state == PLANNING


def test_jump_of_the_clock_drops_the_goal_without_a_stop(moving):
    job = moving.begin(0)
    moving.clock_jumped('the clock jumped by -5.000 s')
    reason = 'the clock jumped by -5.000 s: the goal was dropped'
    assert moving.judge(0) == Verdict(WAITING, reason, stop=False)
    assert not moving.may_send(job, 0)


class Anything(RuleBasedStateMachine):
    """The rules of the test keep their own book, simpler than the mission's."""

    @initialize(execute=st.booleans(), is_ready=st.booleans())
    def begin(self, execute, is_ready):
        self.mission = Mission(replace(CONFIG, control=ControlConfig(execute=execute)))
        self.steady, self.now = 0, NS
        self.execute, self.active, self.fresh, self.alone, self.listens = execute, *[False] * 4
        self.fault = self.frozen = False
        self.pending, self.force = None, None  # goals, by number
        self.changed = 0  # what is to be done changed so often
        self.jobs: list = []  # (job, changed when it was begun)
        self.under_way = False
        if is_ready:
            self.activate()
            self.see(True)
            self.controller(True, True)

    def change(self):
        self.changed += 1

    @rule()
    def activate(self):
        self.mission.activate()
        self.active = True
        self.change()

    @rule()
    def deactivate(self):
        self.mission.deactivate()
        self.active = False
        self.change()

    @rule(execute=st.booleans())
    def set_execute(self, execute):
        self.mission.set_execute(execute)
        if execute != self.execute:
            self.change()
        self.execute = execute

    @rule(fresh=st.booleans())
    def see(self, fresh):
        self.mission.see(None if fresh else Refused('image is 0.6 s old'))
        self.fresh = fresh

    @rule(frozen=st.booleans())
    def see_frozen(self, frozen):
        self.mission.see_frozen(Refused('same picture') if frozen else None)
        self.frozen = frozen

    @rule(astray=st.booleans())
    def follow(self, astray):
        self.mission.follow(Refused('blocked') if astray else None)

    @rule(listens=st.booleans(), alone=st.booleans())
    def controller(self, listens, alone):
        self.mission.controller(TOPIC, int(listens), () if alone else ('/b',))
        self.listens, self.alone = listens, alone

    @property
    def goals(self) -> list[int]:
        """The numbers of all goals."""
        return [number for number in (self.force, self.pending) if number is not None]

    @rule()
    def aim(self):
        number = self.mission.aim(GOAL)
        assert all(number > old for old in self.goals)
        self.pending = number
        self.change()

    @rule()
    def cancel(self):
        assert self.mission.cancel() == bool(self.goals)
        self.pending = self.force = None
        self.change()

    @rule()
    def clock_jump(self):
        self.mission.clock_jumped('the clock jumped by -5.000 s')
        self.pending = self.force = None
        self.frozen = self.under_way = False
        self.change()

    @rule()
    def fail(self):
        self.mission.fail('x jumped')
        if not self.fault:
            self.change()
        self.fault = True

    @rule()
    def clear(self):
        assert (self.mission.clear_fault() is not None) == self.fault
        self.fault = False
        self.change()

    @rule(seconds=st.sampled_from([0.1, 0.5, 1.2, 3.0]), stands=st.booleans())
    def time(self, seconds, stands):
        self.steady += nanoseconds(seconds)
        self.now += 0 if stands else nanoseconds(seconds)
        self.mission.tick(self.now, self.steady)

    @precondition(lambda self: not self.jobs)
    @rule()
    def plan(self):
        job = self.mission.begin(self.steady)
        assert (job is None) == (not self.goals)
        if job is not None:
            assert job.number == self.goals[-1]
            self.jobs = [(job, self.changed)]

    @precondition(lambda self: self.jobs and self.jobs[0][0].goal is not None)
    @rule(refused=st.booleans())
    def take(self, refused):
        job, _ = self.jobs[0]
        if not refused:
            self.mission.taken(job)
            if job.number == self.pending:
                self.force, self.pending = self.pending, None
            return
        self.mission.refuse_goal('black picture', job)
        self.mission.end(job)
        self.jobs = []
        if job.number == self.pending:
            self.pending = None
            self.change()

    @precondition(lambda self: self.jobs)
    @rule(outcome=st.sampled_from(['sent', 'reached', 'late', 'held']))
    def done(self, outcome):
        (job, changed), self.jobs = self.jobs[0], []
        old = changed != self.changed
        assert not (self.mission.current(job) and old)
        if self.mission.current(job):
            if outcome == 'late':
                self.mission.late()
            elif outcome == 'held':
                self.mission.held('no way')
            else:
                self.mission.planned(outcome == 'reached', 0.5)
            if outcome == 'sent' and self.mission.may_send(job, self.steady):
                assert not old and self.goals == [job.number]
                assert self.execute and self.active and self.fresh and self.listens
                assert self.alone and not self.fault and not self.frozen
                assert self.steady - job.begun_ns <= HUNG
                self.mission.sent()
                self.under_way = True
        self.mission.end(job)

    @invariant()
    def verdict(self):
        verdict = self.mission.judge(self.steady)
        assert verdict.state in STATES
        assert verdict.reason or verdict.state == PLANNING
        assert (verdict.state == FAULT) == self.fault
        if verdict.state in (PLANNING, REACHED):
            assert self.goals and self.active and self.fresh and not self.frozen
            assert not self.jobs or self.steady - self.jobs[0][0].begun_ns <= HUNG
            assert not self.execute or (self.alone and self.listens)
        may = self.goals and self.active and self.execute and self.alone
        if self.under_way and (not may or self.fault or self.frozen):
            assert verdict.stop
        if verdict.stop:
            assert self.under_way
            self.mission.stopped()
            self.under_way = False
            self.change()
            assert not self.mission.judge(self.steady).stop


Anything.TestCase.settings = settings(max_examples=200, stateful_step_count=40)
TestAnything = Anything.TestCase
