# SPDX-License-Identifier: Apache-2.0
"""Random exploration of the simulated robot, through its joint trajectory controller."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from grasp_ros.control.trajectory import from_actions
from grasp_ros.robot.command import Command, JointVelocity
from grasp_ros.robot.limits import Limits
from grasp_ros.sim.interface import SimulatedRobot
from grasp_ros.types import FloatArray, Frame, JointSample, JointTrajectory, Motion

BLOCK_STEPS = 50  # model steps before another kind of motion is drawn


class Recorder(Protocol):
    """What exploration is written to."""

    def frame(self, frame: Frame) -> None: ...
    def joints(self, sample: JointSample) -> None: ...
    def trajectory(self, trajectory: JointTrajectory, received_ns: int) -> None: ...


def random_actions(size: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Actions (A,) for ever: half Ornstein-Uhlenbeck, 30 % held for a while, 20 % independent."""
    while True:
        kind = rng.choice(['ou', 'held', 'independent'], p=[0.5, 0.3, 0.2])
        action = rng.uniform(-1, 1, size)
        hold = 0
        for _ in range(BLOCK_STEPS):
            if kind == 'ou':
                action = np.clip(0.9 * action + 0.45 * rng.standard_normal(size), -1, 1)
            elif kind == 'held':
                if hold == 0:
                    action, hold = (
                        np.clip(1.5 * rng.uniform(-1, 1, size), -1, 1),
                        int(rng.integers(5, 20)),
                    )
                hold -= 1
            else:
                action = rng.uniform(-1, 1, size)
            yield action


def explore(
    robot: SimulatedRobot, command: Command, recorder: Recorder, steps: int, seed: int
) -> Iterator[int]:
    """Record `steps` model steps of random motion; yields the number done, for a progress bar."""
    config = robot.world.robot
    limits, joints = Limits.of(config), config.joints
    tolerance = np.array(config.tracking_tolerance)
    cameras = [camera.name for camera in robot.world.description.cameras]
    actions = random_actions(command.size, np.random.default_rng(seed))
    control_steps = round(command.dt / robot.control_step)
    for done in range(steps):
        measured = robot.joints()
        recorder.joints(measured)
        for camera in cameras:
            recorder.frame(Frame(robot.now_ns, robot.render(camera), camera))
        start = robot.controller.reference(robot.now_ns)
        if (np.abs(start.position - measured.position) > tolerance).any():
            start = Motion(measured.position, np.zeros(len(joints)))
        action = next(actions)[None]
        trajectory = from_actions(action, start, robot.now_ns, command, limits, joints)
        reason = robot.controller.accept(trajectory, robot.now_ns)
        assert reason is None, reason
        recorder.trajectory(trajectory, robot.now_ns)
        for _ in range(control_steps):
            robot.step()
        yield done + 1


def velocity_command(robot: SimulatedRobot, dt: float) -> Command:
    """Joint velocities up to the robot's limits."""
    bounds = robot.world.robot.max_velocity
    return JointVelocity(tuple(-b for b in bounds), tuple(bounds), dt)
