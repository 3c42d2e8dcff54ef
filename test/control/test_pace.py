# SPDX-License-Identifier: Apache-2.0
"""When the next look is worth it at once: while the robot is taken over, and at the goal."""

import numpy as np
from drawn import Drawn
from lockstep import LOOK_EVERY, PLAN_EVERY, Lockstep

from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world


def test_haste_at_both_ends_and_none_on_the_way(robot_file):
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
        away = np.linalg.norm(robot.state() - goal)
        looks.append((robot.now_ns, run.pilot.impatient, away))
        return replan

    run.plan = look
    assert run.run(10.0)
    robot.close()
    haste = [hasty for _, hasty, _ in looks]
    before = haste.index(False)  # the robot is held, and its controller known
    assert 1 <= before <= 6
    under_way = [hasty for _, hasty, away in looks[before:] if away > 0.03]
    assert len(under_way) > 5 and not any(under_way)
    assert haste[-3:] == [True, True, False], 'seen at the goal, seen again, reached'
    times = np.diff([now for now, _, _ in looks]) / 1e7
    assert times[before] == PLAN_EVERY and times[-1] == times[-2] == LOOK_EVERY
