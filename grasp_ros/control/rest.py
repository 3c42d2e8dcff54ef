# SPDX-License-Identifier: Apache-2.0
"""How a robot is brought to rest: from what it was told, or from where it is measured."""

from __future__ import annotations

import numpy as np

from grasp_ros.control.guard import Guard, Situation, braked
from grasp_ros.control.reference import Reference
from grasp_ros.control.trajectory import stop
from grasp_ros.robot.holding import LONGEST_HOLD
from grasp_ros.robot.limits import Limits
from grasp_ros.types import FloatArray, JointSample, JointTrajectory, Refused, nanoseconds

OVERLAP_NS = nanoseconds(0.05)  # a message begins so much before it is sent: clocks may differ
HOLD_TIMES = np.geomspace(0.05, LONGEST_HOLD, 72)  # s to come to rest in, tried from the shortest


class Rest:
    """Messages that bring one robot to rest, each as the guard lets it pass.

    transport_ns: how much later than sent a message may come.
    """

    def __init__(self, joints: tuple[str, ...], limits: Limits, guard: Guard, transport_ns: int):
        self._joints, self._limits, self._guard = joints, limits, guard
        self._transport_ns = transport_ns

    def end(
        self, reference: Reference, measured: JointSample, now_ns: int
    ) -> JointTrajectory | None:
        """The shortest end of the reference, None where limits forbid it."""
        start_ns = reference.snapped(now_ns + self._transport_ns)
        start = reference.at(start_ns)
        assert start is not None
        end = stop(start, start_ns, self._limits, self._joints)
        message = reference.before(end, now_ns - OVERLAP_NS)
        situation = Situation(reference, measured, now_ns, self._transport_ns)
        return message if self._guard.check(message, situation) is None else None

    def hold(
        self,
        reference: Reference,
        measured: JointSample,
        now_ns: int,
        place: FloatArray | None = None,
    ) -> JointTrajectory | Refused:
        """One point, at rest, where the measured motion can end, or a place near it (J,); or why
        there is no way, be it slow.

        It must be reached within limits from all that the controller may start from: the
        reference, or the robot as it is measured.
        """
        position, limits = measured.position, self._limits
        rest = braked(measured, limits) if place is None else place
        inside = np.clip(rest, limits.position_min, limits.position_max)
        # Nobody is dragged back inside by a stop: it only ends where the joint can come to rest.
        outside = (position < limits.position_min) | (position > limits.position_max)
        rest = np.where(outside, rest, inside)
        # It may come later than others: nothing goes on from it before it has ended.
        situation = Situation(reference, measured, now_ns, 2 * self._transport_ns)
        # Quicker than at top speed nothing passes: not even asked.
        at_top_speed = float((np.abs(rest - position) / limits.velocity).max())
        fastest: JointTrajectory | None = None
        refused = None
        for time in HOLD_TIMES[HOLD_TIMES >= min(at_top_speed, LONGEST_HOLD)]:
            message = JointTrajectory(
                self._joints,
                now_ns,
                np.array([nanoseconds(time)], dtype=np.int64),
                rest[None],
                np.zeros((1, len(rest))),
            )
            refused = self._guard.check(message, situation)
            if refused is None:
                if fastest is not None:
                    return message  # not the fastest: what was measured is a moment old
                fastest = message
        if fastest is None:
            assert refused is not None
            return refused
        return fastest
