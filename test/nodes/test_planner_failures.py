# SPDX-License-Identifier: Apache-2.0
"""What a planner that fails, hangs or lies leads to: nothing is sent, and the node says why."""

import threading
from dataclasses import replace

import numpy as np
import pytest
from rig import TIMEOUT, wait_until

from grasp_ros.control import receding_horizon
from grasp_ros.planning.grasp import Grasp


class Planning:
    """Comes before the real planner: may hold it back, or raise in its place."""

    def __init__(self, real):
        self.real = real
        self.error: Exception | None = None
        self.held, self.begun, self.release = False, threading.Event(), threading.Event()

    def __call__(self, *arguments):
        if self.error is not None:
            raise self.error
        if self.held:
            self.begun.set()
            assert self.release.wait(TIMEOUT)
        return self.real(*arguments)


@pytest.fixture
def planning(monkeypatch):
    """The planner of the next node, to be held back or made to fail."""
    planning = Planning(Grasp.plan)
    monkeypatch.setattr(Grasp, 'plan', lambda *arguments: planning(*arguments))
    yield planning
    planning.release.set()


@pytest.fixture
def rig(planning, start_planner):
    """A planner node with a goal, executing."""
    return start_planner(True).aim()


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
    assert rig.counts['guard_refused'] == '1' and not rig.trajectories
    monkeypatch.undo()
    rig.plan()
    assert rig.counts['state'] == 'PLANNING' and len(rig.trajectories) == 1


def test_planner_that_raises_is_told_and_tried_again(rig, planning):
    planning.error = ArithmeticError('no plan today')
    rig.look()
    rig.wait_for('HOLDING: ArithmeticError: no plan today')
    assert rig.counts['failures'] == '1' and not rig.trajectories
    planning.error = None
    rig.plan()
    assert rig.counts['state'] == 'PLANNING' and len(rig.trajectories) == 1


def test_plan_that_comes_too_late_is_not_sent(rig, planning):
    hold(rig, planning)
    rig.tick(1.0)
    planning.release.set()
    wait_until(lambda: rig.counts.get('overruns') == '1', 'the overrun to be counted')
    assert not rig.trajectories


@pytest.mark.parametrize('meanwhile', ['another_goal', 'cancel', 'execute_false'])
def test_plan_that_is_no_longer_wanted_is_not_sent(rig, planning, meanwhile):
    hold(rig, planning)
    if meanwhile == 'another_goal':
        rig.send_goal(rig.view_from((-0.2, -0.25)))
        rig.wait_for('goal 2')
    elif meanwhile == 'cancel':
        assert rig.peer.call('planner/cancel').success
    else:
        assert rig.peer.set_parameter('planner', 'control.execute', False)[0]
    planning.release.set()
    if meanwhile == 'another_goal':
        rig.plan()  # the worker comes to this after the old one
        assert len(rig.plans) == 1 and len(rig.trajectories) == 1
    else:
        assert rig.end()
        assert not rig.trajectories


def test_hanging_planner_does_not_hold_up_the_end(rig, planning):
    hold(rig, planning)
    assert rig.end(timeout=3.0)
    planning.release.set()
