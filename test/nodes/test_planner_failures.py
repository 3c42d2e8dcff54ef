# SPDX-License-Identifier: Apache-2.0
"""What a planner that fails, hangs or lies leads to: nothing is sent, and the node says why."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from rig import TIMEOUT, wait_until

from grasp_ros.control import receding_horizon
from grasp_ros.nodes import messages
from grasp_ros.planning.anytime import AnytimePlanner


class Planning:
    """Comes before the real planner: may hold it back, or raise in its place."""

    def __init__(self, real):
        self.real = real
        self.error: BaseException | None = None
        self.held, self.begun, self.leave = False, threading.Event(), threading.Semaphore(0)

    def __call__(self, *arguments):
        if self.error is not None:
            raise self.error
        if self.held:
            self.begun.set()
            assert self.leave.acquire(timeout=TIMEOUT)
        return self.real(*arguments)


@pytest.fixture
def planning(monkeypatch):
    """The planner of the next node, to be held back or made to fail."""
    planning = Planning(AnytimePlanner.plan)
    monkeypatch.setattr(AnytimePlanner, 'plan', lambda *arguments: planning(*arguments))
    yield planning
    planning.held = False
    planning.leave.release()


@pytest.fixture
def rig(planning, start_planner):
    """A planner node with a goal, executing, that holds the robot where it stands."""
    rig = start_planner(True).aim()
    rig.plan()
    assert len(rig.trajectories) == 1
    rig.tick(1.0)
    return rig


def hold(rig, planning) -> None:
    """Show an image, and return while the plan for it is being made."""
    planning.held = True
    rig.look()
    assert planning.begun.wait(TIMEOUT)
    planning.held = False


def test_guard_stands_before_the_controller(rig, monkeypatch):
    real = receding_horizon.from_actions

    def broken(*arguments):
        trajectory = real(*arguments)
        positions = trajectory.positions.copy()
        positions[1] = np.nan
        return replace(trajectory, positions=positions)

    monkeypatch.setattr(receding_horizon, 'from_actions', broken)
    rig.plan()
    assert rig.statuses[-1].message == 'HOLDING: guard: positions are not finite'
    assert rig.counts['guard_refused'] == '1' and len(rig.trajectories) == 1
    monkeypatch.undo()
    rig.plan()
    assert rig.counts['state'] == 'PLANNING' and len(rig.trajectories) == 2


def test_planner_that_raises_is_told_and_tried_again(rig, planning, capfd):
    planning.error = ArithmeticError('no plan today')
    for failures in '12':
        rig.look()
        wait_until(lambda count=failures: rig.counts.get('failures') == count, 'the failure')
    assert rig.statuses[-1].message == 'HOLDING: ArithmeticError: no plan today'
    assert len(rig.trajectories) == 1
    planning.error = None
    rig.plan()
    assert rig.counts['state'] == 'PLANNING' and len(rig.trajectories) == 2
    errors = capfd.readouterr().err
    assert errors.count('Traceback') == 1 and 'raise self.error' in errors


def late(rig, planning, plans: int) -> None:
    """Plans that come a second after their images each, while other images come."""
    planning.held = True
    rig.look()
    for count in range(1, plans + 1):
        assert planning.begun.wait(TIMEOUT)
        planning.begun.clear()
        rig.tick(1.0)
        rig.show_image()  # the next to be planned from
        wait_until(lambda: rig.node._pairing._seen_ns == rig.now_ns, 'the image to be seen')
        planning.held = count < plans
        planning.leave.release()
        wait_until(
            lambda n=count: int(rig.counts.get('overruns', 0)) >= n, 'the overrun to be counted'
        )


def test_plan_that_comes_too_late_is_not_sent(rig, planning):
    hold(rig, planning)
    rig.tick(0.45)
    planning.leave.release()
    wait_until(lambda: rig.counts.get('overruns') == '1', 'the overrun to be counted')
    assert len(rig.trajectories) == 1
    rig.plan()
    assert rig.counts['state'] == 'PLANNING'


def test_plans_that_come_too_late_again_and_again_are_told(rig, planning):
    late(rig, planning, 3)
    rig.wait_for('HOLDING: the last 3 plans came too late to be sent')
    wait_until(lambda: rig.counts['state'] == 'PLANNING', 'the next plan, which is in time')


@pytest.mark.parametrize('meanwhile', ['another_goal', 'cancel', 'execute_false', 'off_and_on'])
def test_plan_that_is_no_longer_wanted_is_not_sent(rig, planning, meanwhile):
    hold(rig, planning)
    if meanwhile == 'another_goal':
        rig.send_goal(rig.view_from((-0.2, -0.25)))
        wait_until(lambda: rig.counts['goal'] == '2', 'the goal')
    elif meanwhile == 'cancel':
        assert rig.peer.call('planner/cancel').success
    else:
        assert rig.peer.set_parameter('planner', 'control.execute', False)[0]
    if meanwhile == 'off_and_on':
        assert rig.peer.set_parameter('planner', 'control.execute', True)[0]
    planning.leave.release()
    if meanwhile == 'another_goal':
        rig.plan()  # the worker comes to this after the old one
        assert len(rig.plans) == 2 and len(rig.trajectories) == 2
    else:
        assert rig.end()
        assert len(rig.trajectories) == 1


def test_hanging_planner_does_not_hold_up_the_end(rig, planning):
    hold(rig, planning)
    assert rig.end(timeout=3.0)
    planning.leave.release()


def test_hanging_planner_is_told_and_the_robot_stopped(rig, planning):
    while not np.abs(rig.gantry.joints().velocity).max() > 0.05:
        rig.plan()
    sent = len(rig.trajectories)
    hold(rig, planning)
    rig.wait_for('HOLDING: the planner has not answered for 1.')
    wait_until(lambda: len(rig.trajectories) == sent + 1, 'the stop')
    assert not messages.to_trajectory(rig.trajectories[-1]).velocities[-1].any()
    planning.leave.release()
    rig.plan()
    assert rig.counts['state'] == 'PLANNING'


@pytest.mark.parametrize('end', [SystemExit(3), KeyboardInterrupt()])
def test_dead_planner_thread_ends_the_node_with_a_stop(planning, start_planner, end):
    rig = start_planner(True, expect_failure=True).aim()
    while not np.abs(rig.gantry.joints().velocity).max() > 0.05:
        rig.plan()
    sent = len(rig.trajectories)
    planning.error = end
    rig.look()
    wait_until(lambda: len(rig.trajectories) == sent + 1, 'the stop')
    assert not messages.to_trajectory(rig.trajectories[-1]).velocities[-1].any()
    assert rig.end()


def test_exception_in_a_callback_ends_the_node_with_a_stop(start_planner, monkeypatch):
    rig = start_planner(True, expect_failure=True).aim()
    while not np.abs(rig.gantry.joints().velocity).max() > 0.05:
        rig.plan()
    sent = len(rig.trajectories)

    def broken(*_):
        raise ArithmeticError('a fault of this package')

    # The node's own timer calls it, whether messages come or not.
    monkeypatch.setattr(type(rig.node._pairing), 'lacking', broken)
    wait_until(lambda: len(rig.trajectories) == sent + 1, 'the stop')
    assert rig.end()
