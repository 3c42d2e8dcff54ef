# SPDX-License-Identifier: Apache-2.0
"""Six joints before a pane that closed the way after training: an arm must go another way, not try
the same one with its wrist turned."""

import pytest
from lockstep import Lockstep

from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world
from grasp_ros.world_model.bundle import load_bundle

PROBLEMS = (  # start, goal, and the s of the shortest of the ways that are left
    (
        [1.271, -1.076, 1.254, -0.522, -1.797, 1.258],
        [-1.115, -1.681, 2.249, -0.593, -1.424, -0.747],
        7.4,
    ),
    (
        [0.438, -1.369, 0.738, -1.306, -1.298, -0.939],
        [-0.823, -1.778, 1.344, -1.985, -1.123, 0.494],
        5.3,
    ),
)


@pytest.mark.parametrize('start, goal, shortest', PROBLEMS)
def test_an_arm_goes_around_what_closed_its_way(start, goal, shortest):
    world = load_world('ur5_closed')
    config = load(
        PlannerNodeConfig,
        world.robot_file,
        model__bundle='ur5',
        planner__deadline=60.0,  # the result must not depend on this machine's load
    )
    bundle, robot = load_bundle(config.model, config.robot), MujocoRobot(world)
    ran = Lockstep(bundle, config, robot, pictures=True)
    ran.aim(start, goal)
    assert ran.run(5 * shortest + 5), ran.said
    assert world.task.error(robot.state(), goal) <= world.task.tolerance
    assert ran.report.statistics.counts['blocked'] >= 1, 'the pane was met'
    robot.close()
