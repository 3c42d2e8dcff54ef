# SPDX-License-Identifier: Apache-2.0
"""Pilot and simulated robot in one process: the node's work without ROS, in steps of the test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grasp_ros.control.outside import Report
from grasp_ros.control.pilot import Pilot
from grasp_ros.control.receding_horizon import Replan
from grasp_ros.types import JointTrajectory, Observation
from grasp_ros.world_model.inputs import cameras

JOINTS_EVERY, LOOK_EVERY, PLAN_EVERY = 2, 7, 20  # control steps of 10 ms
PRESSED = 5e-3  # m between commanded and measured position: the servo pushes


class Lockstep:
    """The pilot's outside, and its clocks. `reports` holds each verdict that was new."""

    def __init__(self, bundle, config, robot, pictures: bool = False):
        config = replace(config, control=replace(config.control, execute=True))
        self.robot = robot
        self._cameras = list(cameras(bundle.manifest.inputs)) if pictures else []
        self.reports: list[Report] = []
        self.sent: list[JointTrajectory] = []
        self.notes: list[str] = []
        self.longest_press = self._press = 0.0  # s in a row of pushing against something
        self.path: list[np.ndarray] = []
        self.pilot = Pilot(bundle, config, self, self.now, self.now)
        self.pilot.look(None)
        self.pilot.activate()

    def now(self) -> int:
        """All clocks: planning takes no time."""
        return self.robot.now_ns

    def send(self, trajectory: JointTrajectory) -> None:
        """To the controller."""
        assert self.robot.controller.accept(trajectory, self.robot.now_ns) is None
        self.sent.append(trajectory)

    def tell(self, report: Report) -> None:
        """What is new."""
        if not self.reports or self.reports[-1].verdict != report.verdict:
            self.reports.append(report)
        self.report = report

    def note(self, text: str) -> None:
        """An event."""
        self.notes.append(text)

    def controller(self):
        """Somebody listens, nobody else talks."""
        return 'controller', 1, ()

    @property
    def said(self) -> list[str]:
        """All verdicts, in words."""
        return [f'{one.verdict.state}: {one.verdict.reason}' for one in self.reports]

    def observe(self) -> Observation:
        """What is seen now."""
        joints = self.robot.joints()
        images = {name: self.robot.render(name) for name in self._cameras}
        return Observation(joints.stamp_ns, images, joints.position, joints.velocity)

    def aim(self, start, goal) -> None:
        """Place the robot and give it the goal."""
        self.pilot.cancel()
        self.robot.reset(np.asarray(goal))
        seen = self.observe()
        self.robot.reset(np.asarray(start))
        self.pilot.clear_fault()
        self.pilot.joints(self.robot.joints())
        self.pilot.aim(seen)
        self.longest_press = self._press = 0.0
        self.path = []
        self.reports.clear()

    def run(self, seconds: float) -> bool:
        """Until the goal is reached, or the time is over; whether it was."""
        due = 0
        for tick in range(round(seconds / self.robot.control_step)):
            if tick >= due:
                replan = self.plan()
                due = tick + (LOOK_EVERY if self.pilot.impatient else PLAN_EVERY)
                if replan is not None and replan.reached:
                    return True
            self.step(tick % JOINTS_EVERY == 0)
        return False

    def plan(self) -> Replan | None:
        """From what is seen now."""
        seen = self.observe()
        self.pilot.seen(seen, None)
        return self.pilot.plan(seen, 0)

    def step(self, joints: bool = True) -> None:
        """A control step, and the joints."""
        self.robot.step()
        sample = self.robot.joints()
        told = self.robot.controller.reference(self.robot.now_ns).position
        pushes = np.abs(told - sample.position).max() > PRESSED
        self._press = self._press + self.robot.control_step if pushes else 0.0
        self.longest_press = max(self.longest_press, self._press)
        self.path.append(sample.position)
        if joints:
            self.pilot.joints(sample)
