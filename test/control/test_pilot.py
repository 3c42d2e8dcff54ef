# SPDX-License-Identifier: Apache-2.0
"""What the pilot does when clocks, faults and goals change while the robot is under way."""

from dataclasses import replace

import numpy as np
import pytest
from drawn import Drawn
from lockstep import Lockstep

from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.control.recovery import Blocked
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import NS, Refused

WALL_TIME = 1_700_000_000 * NS


@pytest.fixture(scope='module')
def robot():
    robot = MujocoRobot(load_world('wall'))
    yield robot
    robot.close()


@pytest.fixture(scope='module')
def drawn():
    return Drawn(load_world('wall'))


@pytest.fixture
def run(robot, drawn, robot_file):
    """On a straight way of which the model knows all, at full speed."""
    config = load(PlannerNodeConfig, robot_file, planner__deadline=10.0)
    run = Lockstep(drawn, config, robot)
    run.aim([-0.2, -0.15], np.array([-0.2, 0.15]))
    assert not run.run(1.0)
    assert np.abs(robot.joints().velocity).max() > 0.1
    return run


def test_robot_goes_on_by_another_clock(run):
    """`use_sim_time` was set while the node ran by the system's clock."""
    run.pilot._clock = lambda: run.now() + WALL_TIME
    run.pilot.jump_ns()
    run.pilot._clock = run.now
    run.pilot.forget('use_sim_time was changed', other_clock=True)
    for _ in range(30):
        run.step()
    sent = len(run.sent)
    run.pilot.aim(replace(run.observe(), position=np.array([-0.2, 0.15])))
    for _ in range(4):
        run.plan()
        for _ in range(20):
            run.step()
    assert len(run.sent) > sent, run.said


def test_clock_that_is_set_twice_has_jumped_twice(run):
    for hours in (1, 3):
        run.pilot.jump_ns()
        run.pilot._clock = lambda hours=hours: run.now() + 3600 * hours * NS
        assert run.pilot.jump_ns() > 3599 * NS
        run.pilot.forget('somebody set the clock')


def test_plan_that_is_not_sent_because_the_clock_jumped_is_told(run):
    sent = len(run.sent)
    run.pilot.jump_ns()
    run.pilot._clock = lambda: run.now() + NS // 10
    run.plan()
    assert len(run.sent) == sent
    assert run.said[-1] == 'HOLDING: the clock jumped: no plan from before is sent'


def test_clear_fault_stops_a_robot_that_is_under_way(run):
    sent = len(run.sent)
    assert run.pilot.clear_fault() is None
    assert len(run.sent) == sent + 1
    assert run.sent[-1].end_ns < run.now() + NS // 5
    for _ in range(30):
        run.step()
    assert np.abs(run.robot.joints().velocity).max() < 1e-3
    assert run.run(10.0), 'and then it goes on'


def test_clear_fault_sends_nothing_to_a_robot_at_rest(run):
    assert run.run(10.0)
    run.pilot.cancel()
    for _ in range(30):
        run.step()
    sent = len(run.sent)
    run.pilot.clear_fault()
    assert len(run.sent) == sent and run.pilot._gate.reference.told is None


def test_failure_is_not_forgotten_over_a_goal_that_is_refused(run, monkeypatch):
    run.pilot.aim(run.observe())
    seen, gate, loop = run.observe(), run.pilot._gate, run.pilot._loop
    blocked = Blocked(seen.stamp_ns, seen.position, gate.reference)
    gate._blocked = blocked
    taken = []
    monkeypatch.setattr(loop, 'replan', lambda _, one: taken.append(one) or Refused('no way'))
    with monkeypatch.context() as patch:
        patch.setattr(loop, 'set_goal', lambda _: Refused('black picture'))
        run.pilot.plan(seen, 0)
    run.pilot.plan(seen, 0)
    assert taken == [blocked]


def test_only_another_leave_to_execute_begins_anew(run):
    gate, config = run.pilot._gate, run.pilot._config
    gate._anchors = 2
    run.pilot.reconfigure(replace(config))
    assert gate._anchors == 2
    control = replace(config.control, execute=False)
    run.pilot.reconfigure(replace(config, control=control))
    assert gate._anchors == 0
