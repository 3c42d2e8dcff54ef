# SPDX-License-Identifier: Apache-2.0
"""A node's clock, and who set it: /clock, NTP or a person."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.clock import ClockChange, JumpThreshold, ROSClock, TimeJump
from rclpy.duration import Duration
from rclpy.node import Node

from grasp_ros.types import seconds

BACKWARD = JumpThreshold(
    min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True
)


class NodeTime:
    """The node's time in ns.

    jumped: ns by which the clock was set since the last call, or 0. forget: told in words when
    whatever was stamped before means nothing any more, and whether it is by another clock.
    """

    def __init__(self, node: Node, jumped: Callable[[], int], forget: Callable[[str, bool], None]):
        self._clock, self._jumped, self._forget = node.get_clock(), jumped, forget
        self._callback = self._clock.create_jump_callback(BACKWARD, post_callback=self._on_jump)

    def now_ns(self) -> int:
        """Now."""
        return int(self._clock.now().nanoseconds)

    def watched_now_ns(self) -> int:
        """Now, by a clock that nobody has set since the last call."""
        clock = self._clock
        settable = isinstance(clock, ROSClock) and not clock.ros_time_is_active
        if settable and (jump := self._jumped()):
            self._forget(f'somebody set the clock by {seconds(jump):.3f} s', False)
        return self.now_ns()

    def _on_jump(self, jump: TimeJump) -> None:
        changed = jump.clock_change in (
            ClockChange.ROS_TIME_ACTIVATED,
            ClockChange.ROS_TIME_DEACTIVATED,
        )
        delta = seconds(jump.delta.nanoseconds)
        self._forget(
            'use_sim_time was changed' if changed else f'the clock jumped by {delta:.3f} s',
            changed,
        )
