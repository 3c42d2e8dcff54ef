# SPDX-License-Identifier: Apache-2.0
"""When a plan is made before its period: once a robot is held, and after one came too late."""

import numpy as np
import pytest
from drawn import Drawn
from lockstep import LOOK_EVERY, PLAN_EVERY, Lockstep

from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.control.gate import Late
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world


def test_haste_at_the_start_and_none_on_the_way(robot_file):
    world = load_world('wall')
    robot = MujocoRobot(world)
    config = load(
        PlannerNodeConfig,
        robot_file,
        planner__deadline=10.0,
        planner__grasp__iterations=3,
        planner__grasp__restarts=1,
    )
    run = Lockstep(Drawn(world), config, robot)
    goal = np.array([-0.2, 0.15])
    run.aim([-0.2, -0.15], goal)  # nothing is in the way
    looks, plan = [], run.plan

    def look():
        replan = plan()
        looks.append((robot.now_ns, run.pilot.impatient))
        return replan

    run.plan = look
    assert run.run(10.0)
    robot.close()
    haste = [hasty for _, hasty in looks]
    held = haste.index(False)  # and its controller known
    assert 1 <= held <= 6 and len(haste) > 10 and not any(haste[held:])
    times = np.diff([now for now, _ in looks]) / 1e7
    assert (times[:held] == LOOK_EVERY).all() and (times[held:] == PLAN_EVERY).all()


@pytest.fixture
def run(robot_file):
    """On a straight way of which the model knows all."""
    world = load_world('wall')
    robot = MujocoRobot(world)
    config = load(PlannerNodeConfig, robot_file, planner__grasp__iterations=1)
    run = Lockstep(Drawn(world), config, robot)
    run.aim([-0.2, -0.15], np.array([-0.2, 0.15]))
    yield run
    robot.close()


def test_the_robot_is_held_while_its_first_plan_is_made(run: Lockstep, monkeypatch):
    real, sent = run.pilot._loop.replan, []

    def replan(*given):
        sent.append(len(run.sent))
        return real(*given)

    monkeypatch.setattr(run.pilot._loop, 'replan', replan)
    run.run(0.3)
    assert sent[:2] == [1, 1], 'held before the first plan, and only once'
    assert len(run.sent[0].times_ns) == 1
    np.testing.assert_allclose(run.sent[0].positions[0], [-0.2, -0.15], atol=1e-3)


def test_a_plan_that_came_too_late_is_made_up_for(run: Lockstep, monkeypatch):
    assert not run.run(1.5) and not run.pilot.impatient, 'on its way'
    monkeypatch.setattr(run.pilot._gate, 'admit', lambda *_: Late('late'))
    run.plan()
    assert run.pilot.impatient
