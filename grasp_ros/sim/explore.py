# SPDX-License-Identifier: Apache-2.0
"""Exploration of the simulated robot, through its joint trajectory controller, in lockstep."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from grasp_ros.exploration.drive import Drive
from grasp_ros.robot.command import Command, JointVelocity
from grasp_ros.sim.interface import SimulatedRobot
from grasp_ros.types import Frame, JointSample, JointTrajectory

STUCK = 3.0  # s in which nothing could be sent: it will not get better
GAP = 1.0  # s without a record, much longer than any model step


class Recorder(Protocol):
    """What exploration is written to."""

    def frame(self, frame: Frame) -> None: ...
    def joints(self, sample: JointSample) -> None: ...
    def trajectory(self, trajectory: JointTrajectory, received_ns: int) -> None: ...


def explore(
    robot: SimulatedRobot, command: Command, recorder: Recorder, steps: int, seed: int
) -> Iterator[Drive]:
    """Record `steps` model steps; yields after each, for a progress bar and the figures.

    A robot that is wedged where no motion is allowed, pushed beyond a limit, say, is put back to
    where it began, as people would. That is not recorded: the recording has a gap there.
    """
    start = robot.state()
    description = robot.world.description
    # Commands arrive at once, and nothing is ever old: the simulation waits.
    drive = Drive(robot.world.robot, command, 0.0, command.dt, 1.0, seed, lambda: robot.now_ns)
    control_steps = round(command.dt / robot.control_step)
    joints_every = max(1, round(1 / description.body.joint_rate / robot.control_step))
    for _ in range(steps):
        for camera in description.cameras:
            recorder.frame(Frame(robot.now_ns, robot.render(camera.name), camera.name))
        for control_step in range(control_steps):
            if control_step % joints_every == 0:
                _drive(robot, drive, recorder)
            robot.step()
        if drive.stuck(robot.now_ns) > STUCK:
            robot.reset(start)
            drive.clear()
            drive.figures.freed += 1
            for _ in range(round(GAP / robot.control_step)):
                robot.step()
        yield drive


def _drive(robot: SimulatedRobot, drive: Drive, recorder: Recorder) -> None:
    """Show the joints to whoever drives, and the command that comes of it to the controller."""
    measured = robot.joints()
    recorder.joints(measured)
    message = drive.joints(measured)
    if isinstance(message, JointTrajectory):
        reason = robot.controller.accept(message, robot.now_ns)
        assert reason is None, reason
        recorder.trajectory(message, robot.now_ns)


def velocity_command(robot: SimulatedRobot, dt: float) -> Command:
    """Joint velocities up to the robot's limits."""
    bounds = robot.world.robot.max_velocity
    return JointVelocity(tuple(-b for b in bounds), tuple(bounds), dt)
