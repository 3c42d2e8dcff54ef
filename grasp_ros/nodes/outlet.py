# SPDX-License-Identifier: Apache-2.0
"""What the planner node publishes, and what it says on the console."""

from __future__ import annotations

from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from grasp_ros.control.outside import Report
from grasp_ros.nodes import messages, qos
from grasp_ros.nodes.controller import ControllerTopic
from grasp_ros.nodes.status import diagnostics, status
from grasp_ros.nodes.voice import Voice, say
from grasp_ros.types import JointTrajectory
from grasp_ros.world_model.bundle import Bundle


class Outlet:
    """The pilot's outside, in ROS."""

    def __init__(self, node: Node):
        self._node, self._log = node, node.get_logger()
        message = JointTrajectoryMessage
        self._controller = ControllerTopic(node)
        self._plan = node.create_publisher(message, '~/plan', qos.COMMAND)
        self._status = node.create_publisher(DiagnosticStatus, '~/status', qos.STATUS)
        self._diagnostics = node.create_publisher(DiagnosticArray, '/diagnostics', qos.DIAGNOSTICS)
        self._voice, self._events = Voice(), 0
        self._report: Report | None = None

    def send(self, trajectory: JointTrajectory) -> None:
        """To the controller."""
        self._controller.send(trajectory)

    def tell(self, report: Report) -> None:
        """~/status when there is news, and a line on the console when it is time for one."""
        self._report, verdict = report, report.verdict
        say(self._voice, verdict, self._log)
        events = sum(report.statistics.counts.values())
        if self._voice.news(verdict, report.goal) or events != self._events:
            self._events = events
            self._status.publish(status(report))

    def note(self, text: str) -> None:
        """On the console."""
        self._log.error(text)

    def controller(self) -> tuple[str, int, Sequence[str]]:
        """The controller's topic, how many listen to it, and who else publishes on it."""
        return self._controller.state()

    def plan_is_watched(self) -> bool:
        """Whether anybody listens to ~/plan."""
        return self._plan.get_subscription_count() > 0

    def plan(self, preview: JointTrajectory) -> None:
        """The whole plan, for people."""
        self._plan.publish(messages.from_trajectory(preview))

    def acknowledged(self) -> None:
        """Return when the controller has all that was sent, or say that it has not."""
        self._controller.acknowledged()

    def diagnostics(self, bundle: Bundle) -> None:
        """/diagnostics, and ~/status with the figures of now. With the pilot's lock held."""
        if self._report is not None:
            self._status.publish(status(self._report))
            name, stamp = self._node.get_fully_qualified_name(), self._node.get_clock().now()
            self._diagnostics.publish(diagnostics(stamp, name, self._report, bundle))
