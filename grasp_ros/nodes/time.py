# SPDX-License-Identifier: Apache-2.0
"""A node's clock, and who set it: /clock, NTP or a person."""

from __future__ import annotations

import time
from collections.abc import Callable

from rclpy.clock import ClockChange, JumpThreshold, ROSClock, TimeJump
from rclpy.duration import Duration
from rclpy.node import Node

from grasp_ros.types import nanoseconds, seconds

UNHEARD_NS = nanoseconds(0.05)  # that /clock is taken to have gone on unheard, at most

BACKWARD = JumpThreshold(
    min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True
)
TICK = JumpThreshold(min_forward=Duration(nanoseconds=1), min_backward=None, on_clock_change=False)


class NodeTime:
    """The node's time in ns.

    jumped: ns by which the clock was set since the last call, or 0. forget: told in words when
    whatever was stamped before means nothing any more, and whether it is by another clock.
    """

    def __init__(self, node: Node, jumped: Callable[[], int], forget: Callable[[str, bool], None]):
        self._clock, self._jumped, self._forget = node.get_clock(), jumped, forget
        self._latest_ns, self._heard_ns = 0, time.monotonic_ns()
        self._callbacks = (
            self._clock.create_jump_callback(BACKWARD, post_callback=self._on_jump),
            self._clock.create_jump_callback(TICK, pre_callback=self._on_tick),
        )

    def now_ns(self) -> int:
        """Now, as was heard last."""
        return int(self._clock.now().nanoseconds)

    def latest_ns(self) -> int:
        """Now; by /clock later than was heard last, and never earlier than before.

        While this process is busy /clock goes on unheard, and what were sent by an old time would
        come too late.
        """
        told_ns = self.now_ns()
        if not told_ns or not self._is_told():
            return told_ns
        unheard_ns = min(time.monotonic_ns() - self._heard_ns, UNHEARD_NS)
        self._latest_ns = max(self._latest_ns, told_ns + unheard_ns)
        return self._latest_ns

    def watched_now_ns(self) -> int:
        """Now, by a clock that nobody has set since the last call."""
        if not self._is_told() and (jump := self._jumped()):
            self._forget(f'somebody set the clock by {seconds(jump):.3f} s', False)
        return self.now_ns()

    def _is_told(self) -> bool:
        """Whether the time is that of /clock."""
        return isinstance(self._clock, ROSClock) and self._clock.ros_time_is_active

    def _on_tick(self) -> None:
        self._heard_ns = time.monotonic_ns()

    def _on_jump(self, jump: TimeJump) -> None:
        self._latest_ns = 0
        changed = jump.clock_change in (
            ClockChange.ROS_TIME_ACTIVATED,
            ClockChange.ROS_TIME_DEACTIVATED,
        )
        delta = seconds(jump.delta.nanoseconds)
        self._forget(
            'use_sim_time was changed' if changed else f'the clock jumped by {delta:.3f} s',
            changed,
        )
