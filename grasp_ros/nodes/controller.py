# SPDX-License-Identifier: Apache-2.0
"""The controller's topic: the only place from which trajectories are published to it."""

from __future__ import annotations

from collections.abc import Sequence

from rclpy.duration import Duration
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from grasp_ros.nodes import messages, qos
from grasp_ros.types import JointTrajectory, seconds

ACKNOWLEDGED = Duration(nanoseconds=500_000_000)  # that the last stop has to arrive


class ControllerTopic:
    """A node's `~/joint_trajectory`."""

    def __init__(self, node: Node):
        self._node = node
        self._publisher = node.create_publisher(
            JointTrajectoryMessage, '~/joint_trajectory', qos.COMMAND
        )

    def send(self, trajectory: JointTrajectory) -> None:
        """To the controller."""
        self._publisher.publish(messages.from_trajectory(trajectory))

    def state(self) -> tuple[str, int, Sequence[str]]:
        """Its name, how many listen to it, and who else publishes on it."""
        topic = self._publisher.topic_name
        others: list[str] = []
        if self._node.count_publishers(topic) > 1:
            me = (self._node.get_namespace(), self._node.get_name())
            found = self._node.get_publishers_info_by_topic(topic)
            names = [(one.node_namespace, one.node_name) for one in found]
            names.remove(me) if me in names else None
            others = [f'{space.rstrip("/")}/{name}' for space, name in names]
        return topic, self._publisher.get_subscription_count(), others

    def acknowledged(self) -> None:
        """Return when the controller has all that was sent, or say that it has not."""
        if not self._publisher.wait_for_all_acked(ACKNOWLEDGED):
            limit = seconds(ACKNOWLEDGED.nanoseconds)
            self._node.get_logger().error(
                f'the controller took no notice of the last trajectory for {limit} s'
            )
