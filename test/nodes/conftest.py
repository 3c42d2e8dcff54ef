# SPDX-License-Identifier: Apache-2.0
"""Nodes to test, in a ROS domain of their own."""

from __future__ import annotations

import contextlib
import random
from functools import partial

import numpy as np
import pytest
from rig import COMMANDS, PlannerRig, running

from grasp_ros.nodes.arguments import planner_ros_arguments
from grasp_ros.nodes.planner import PlannerNode
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world

DOMAINS = random.SystemRandom().sample(range(1, 61), 60)  # the other tests' are above these


@pytest.fixture(scope='module', autouse=True)
def own_domain():
    """Other runs on this machine, other robots, and what another file's tests left stay out."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('ROS_DOMAIN_ID', str(DOMAINS.pop()))
        patch.setenv('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
        yield


@pytest.fixture(scope='session')
def gantry():
    """A simulated gantry in the maze."""
    robot = MujocoRobot(load_world('maze'))
    yield robot
    robot.close()


@pytest.fixture
def start_planner(gantry, bundle):
    """Starts planner nodes: start_planner(execute, 'name:=value', ...) gives a PlannerRig."""
    gantry.reset(np.array([-0.2, -0.2]))
    with contextlib.ExitStack() as stack:

        def start(
            execute=False, *parameters: str, controller: bool = True, expect_failure: bool = False
        ) -> PlannerRig:
            arguments = planner_ros_arguments(
                'gantry', 'plan.yaml', str(bundle), execute, COMMANDS.split('/')[0], True, ''
            )
            for parameter in parameters:
                arguments += ['-p', parameter]
            compressed = 'observation.image_transport:=compressed' in parameters
            make = partial(PlannerNode, arguments)
            running_node = stack.enter_context(running(make, arguments, expect_failure))
            rig = PlannerRig(*running_node, gantry, compressed)
            if controller:
                rig.connect_controller()
            return rig

        yield start
