# SPDX-License-Identifier: Apache-2.0
"""What the planner node publishes, and what it says on the console."""

from __future__ import annotations

import time
from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.duration import Duration
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from grasp_ros.control.outside import Report
from grasp_ros.control.states import FAULT, HOLDING, WAITING
from grasp_ros.nodes import messages, qos
from grasp_ros.nodes.status import diagnostics, status
from grasp_ros.nodes.voice import Voice
from grasp_ros.types import JointTrajectory, seconds
from grasp_ros.world_model.bundle import Bundle

ACKNOWLEDGED = Duration(nanoseconds=500_000_000)  # that the last stop has to arrive


class Outlet:
    """The pilot's outside, in ROS."""

    def __init__(self, node: Node):
        self._node, self._log = node, node.get_logger()
        message = JointTrajectoryMessage
        self._trajectory = node.create_publisher(message, '~/joint_trajectory', qos.COMMAND)
        self._plan = node.create_publisher(message, '~/plan', qos.COMMAND)
        self._status = node.create_publisher(DiagnosticStatus, '~/status', qos.STATUS)
        self._diagnostics = node.create_publisher(DiagnosticArray, '/diagnostics', qos.DIAGNOSTICS)
        self._voice, self._events = Voice(), 0
        self._report: Report | None = None

    def send(self, trajectory: JointTrajectory) -> None:
        """To the controller."""
        self._trajectory.publish(messages.from_trajectory(trajectory))

    def tell(self, report: Report) -> None:
        """~/status when there is news, and a line on the console when it is time for one."""
        self._report, verdict = report, report.verdict
        if (line := self._voice.line(verdict, time.monotonic_ns())) is not None:
            if verdict.state == FAULT:  # rclpy wants one severity at each place
                self._log.error(line)
            elif verdict.state in (WAITING, HOLDING):
                self._log.warning(line)
            else:
                self._log.info(line)
        events = sum(report.statistics.counts.values())
        if self._voice.news(verdict, report.goal) or events != self._events:
            self._events = events
            self._status.publish(status(report))

    def note(self, text: str) -> None:
        """On the console."""
        self._log.error(text)

    def controller(self) -> tuple[str, int, Sequence[str]]:
        """The controller's topic, how many listen to it, and who else publishes on it."""
        topic = self._trajectory.topic_name
        others: list[str] = []
        if self._node.count_publishers(topic) > 1:
            me = (self._node.get_namespace(), self._node.get_name())
            found = self._node.get_publishers_info_by_topic(topic)
            names = [(one.node_namespace, one.node_name) for one in found]
            names.remove(me) if me in names else None
            others = [f'{space.rstrip("/")}/{name}' for space, name in names]
        return topic, self._trajectory.get_subscription_count(), others

    def plan_is_watched(self) -> bool:
        """Whether anybody listens to ~/plan."""
        return self._plan.get_subscription_count() > 0

    def plan(self, preview: JointTrajectory) -> None:
        """The whole plan, for people."""
        self._plan.publish(messages.from_trajectory(preview))

    def acknowledged(self) -> None:
        """Return when the controller has all that was sent, or say that it has not."""
        if not self._trajectory.wait_for_all_acked(ACKNOWLEDGED):
            limit = seconds(ACKNOWLEDGED.nanoseconds)
            self._log.error(f'the controller took no notice of the last trajectory for {limit} s')

    def diagnostics(self, bundle: Bundle) -> None:
        """/diagnostics, and ~/status with the figures of now. With the pilot's lock held."""
        if self._report is not None:
            self._status.publish(status(self._report))
            name, stamp = self._node.get_fully_qualified_name(), self._node.get_clock().now()
            self._diagnostics.publish(diagnostics(stamp, name, self._report, bundle))
