# SPDX-License-Identifier: Apache-2.0
"""Few remembered places, goals around walls, from pixels: what virtual states are for.

Without recovery: it would lead a robot that ran into a wall around it, whatever the plan was.
"""

from dataclasses import replace

import pytest
from lockstep import Lockstep

from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world
from grasp_ros.training.thinning import thinned
from grasp_ros.world_model.bundle import load_bundle

LANDMARKS = 40
SEED, PROBLEMS = 5001, 8
PURSUIT = {'planner__grasp__iterations': 0, 'planner__grasp__restarts': 1}


def reached(robot_file, **settings) -> int:
    """Of the problems, those after which the robot stands at the goal."""
    config = load(
        PlannerNodeConfig,
        robot_file,
        model__bundle='gantry_maze',
        control__recovery=False,
        planner__deadline=60.0,  # the result must not depend on this machine's load
        **settings,
    )
    bundle = load_bundle(config.model, config.robot)
    steps = bundle.manifest.roadmap.connect_steps
    coarse = replace(bundle, memory=thinned(bundle.memory, LANDMARKS, steps))
    robot = MujocoRobot(load_world('maze'))
    task, ran = robot.world.task, Lockstep(coarse, config, robot, pictures=True)
    count = 0
    for problem in task.sample(PROBLEMS, SEED):
        ran.aim(problem.start, problem.goal)
        ran.run(3 * problem.shortest_time + 10)
        count += task.error(robot.state(), problem.goal) <= task.tolerance
    robot.close()
    return count


@pytest.mark.timeout(600)  # two minutes of searches on a quiet machine
def test_grasp_reaches_goals_over_a_map_that_is_too_coarse_to_follow(robot_file):
    grasp, pursuit = reached(robot_file), reached(robot_file, **PURSUIT)
    assert grasp >= PROBLEMS - 1, f'GRASP {grasp} of {PROBLEMS}'  # frozen states: 3
    assert grasp >= pursuit + 3, f'of {PROBLEMS}: GRASP {grasp}, pursuit {pursuit}'
