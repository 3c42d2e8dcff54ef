# SPDX-License-Identifier: Apache-2.0
"""Exploring in a simulator: a robot that is wedged for good is put back, off the record."""

from dataclasses import replace

import numpy as np
import pytest

from grasp_ros.sim.explore import GAP, STUCK, explore, velocity_command
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world

LIMIT = 0.2  # m, within the URDF's: the simulated joint does not end there


class Recorder:
    """Keeps the joints."""

    def __init__(self):
        self.samples = []

    def frame(self, frame):
        pass

    def joints(self, sample):
        self.samples.append(sample)

    def trajectory(self, trajectory, received_ns):
        pass


@pytest.fixture
def robot():
    """A gantry on an empty table, that may use a part of its range."""
    world = load_world('wall')
    limits = {'position_min': (-LIMIT, -LIMIT), 'position_max': (LIMIT, LIMIT)}
    narrow = replace(world.robot, **limits)
    robot = MujocoRobot(replace(world, robot=narrow, task=replace(world.task, walls=())))
    robot.reset(np.zeros(2))
    yield robot
    robot.close()


def test_wedged_robot_is_put_back_and_goes_on(robot):
    recorder, tolerance = Recorder(), robot.world.robot.tracking_tolerance[1]
    wedged = np.array([0.0, LIMIT + 3 * tolerance])
    for count, drive in enumerate(explore(robot, velocity_command(robot, 0.1), recorder, 90, 3)):
        if count == 20:
            assert drive.figures.freed == 0
            robot.data.qpos[:2] = wedged
            robot.controller.activate(wedged)
            pushed = len(recorder.samples)
        if count == 20 + 10 * STUCK - 5:
            assert drive.figures.freed == 0, 'it may still get free'
    assert drive.figures.freed == 1
    stamps = np.array([sample.stamp_ns for sample in recorder.samples]) / 1e9
    places = np.stack([sample.position for sample in recorder.samples])
    (gap,) = np.flatnonzero(np.diff(stamps) > GAP)
    assert np.abs(places[gap] - wedged).max() < 0.01 and np.abs(places[gap + 1]).max() < 0.01
    # But for what the test did itself, no two samples in a row tell of a jump.
    jumps = np.abs(np.diff(places, axis=0)).max(axis=1) > 0.02
    assert set(np.flatnonzero(jumps)) == {pushed - 1, gap}
    assert np.ptp(places[gap + 1 :], axis=0).max() > 0.05


def test_robot_that_is_free_is_never_put_anywhere(robot):
    recorder = Recorder()
    *_, drive = explore(robot, velocity_command(robot, 0.1), recorder, 100, 4)
    assert drive.figures.freed == 0
    assert np.diff([sample.stamp_ns for sample in recorder.samples]).max() < 1e8
