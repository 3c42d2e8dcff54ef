# SPDX-License-Identifier: Apache-2.0
"""What the Gazebo tests share."""

import pytest

from grasp_ros.sim.worlds import load_world
from grasp_ros.types import BadInput

collect_ignore_glob = ['*.launch.py']  # run by test_gz_sim.py


@pytest.fixture(scope='session')
def gazebo_root():
    """The folder with Gazebo 11, installed when it is not there yet."""
    pytest.importorskip('zmq', reason='grasp_ros_gazebo[classic] is not installed')
    from grasp_ros_gazebo.classic import root

    try:
        return root.create()
    except (BadInput, RuntimeError) as error:
        pytest.skip(f'no Gazebo 11: {str(error).splitlines()[0]}')


@pytest.fixture(scope='module')
def make(gazebo_root):
    """GazeboRobots by world, or by its name, stepped as fast as it goes.

    They are closed with the module, at the latest: a gzserver takes half a core while it stands
    still, too.
    """
    from grasp_ros_gazebo.classic.robot import GazeboRobot

    made = []

    def get(world='maze'):
        world = load_world(world) if isinstance(world, str) else world
        made.append(GazeboRobot(world, 100.0))
        return made[-1]

    yield get
    for robot in made:
        robot.close()
