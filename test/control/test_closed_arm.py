# SPDX-License-Identifier: Apache-2.0
"""Six joints before a pane that closed the way after training: an arm must go another way, not try
the same one with its wrist turned."""

from lockstep import Lockstep

from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world
from grasp_ros.world_model.bundle import load_bundle

START = [1.171, -1.009, 0.347, -0.994, -0.93, -0.109]
GOAL = [-0.993, -1.717, 1.913, -1.771, -2.185, -0.004]
SHORTEST = 6.7  # s, of the ways that are left


def test_an_arm_goes_around_what_closed_its_way():
    world = load_world('ur5_closed')
    config = load(
        PlannerNodeConfig,
        world.robot_file,
        model__bundle='ur5',
        planner__deadline=60.0,  # the result must not depend on this machine's load
    )
    bundle, robot = load_bundle(config.model, config.robot), MujocoRobot(world)
    ran = Lockstep(bundle, config, robot, pictures=True)
    ran.aim(START, GOAL)
    assert ran.run(5 * SHORTEST + 5), ran.said
    assert world.task.error(robot.state(), GOAL) <= world.task.tolerance
    assert ran.report.statistics.counts['blocked'] >= 1, 'the pane was met'
    robot.close()
