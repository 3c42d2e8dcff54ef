# SPDX-License-Identifier: Apache-2.0
"""The only way to the controller: what is sent, what is not, and how the robot is brought to rest.

The caller holds one lock around every call. `reference` alone may be read without it: it is
replaced as a whole.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grasp_ros.config import RobotConfig
from grasp_ros.control.guard import Guard, Situation
from grasp_ros.control.recovery import Blocked
from grasp_ros.control.reference import Reference
from grasp_ros.control.rest import OVERLAP_NS, Rest
from grasp_ros.control.way_back import way_back
from grasp_ros.robot.limits import Limits
from grasp_ros.types import (
    Clock,
    FloatArray,
    JointSample,
    JointTrajectory,
    Refused,
    nanoseconds,
    seconds,
)

AT_REST = 0.02  # of max_velocity: what encoders say of a robot that stands
STANDS_NS = nanoseconds(1.0)  # a robot that gets no further than that in so long trembles only
ATTEMPTS = 3  # motions in a row that the robot does not follow before it is only tried again later
PATIENCE_NS = nanoseconds(2.0)  # s between such tries
ANCHORS = 3  # times that a robot is held in a row without standing where it is held
STOPS = 3  # that are sought in a row, each later than the one before: the last is sent anyway


@dataclass(frozen=True)
class NotNow(Refused):
    """Nothing is wrong: the next plan may pass."""


@dataclass(frozen=True)
class Late(NotNow):
    """A plan that begins before the controller could have it; it goes on with the one before."""


class Gate:
    """Compares what was sent with what is measured, and lets a trajectory pass or not.

    send_ahead: least time from a plan's judgement to its first point, s. max_age: of an
    observation, s; max_future: how far ahead of the clock it may be stamped, s. backs_off: a robot
    that is blocked is not only stopped, but brought off what it touches.
    """

    def __init__(
        self,
        robot: RobotConfig,
        send_ahead: float,
        max_age: float,
        backs_off: bool = False,
        max_future: float = 0.0,
    ):
        self._joints, self._limits = robot.joints, Limits.of(robot)
        self._tolerance = np.array(robot.tracking_tolerance)
        self._transport_ns = nanoseconds(send_ahead)
        ages_ns = nanoseconds(max_age), nanoseconds(max_future)
        self._guard = Guard(robot.joints, self._limits, self._tolerance, *ages_ns)
        self._rest = Rest(robot.joints, self._limits, self._guard, self._transport_ns)
        self._backs_off = backs_off
        self.reference = Reference()
        self.following: Refused | None = None  # why the robot does not follow, or None
        self.unstopped = False  # no stop is within limits yet: it stays due
        self._doubtful = False  # whether the controller may have ended the last motion by itself
        self._back: tuple[FloatArray, FloatArray] | None = (
            None  # the last stop led there, from where
        )
        self._anchor: JointTrajectory | None = None  # the last hold, sent or not
        self._anchors = 0  # sent in a row: a robot that sags would be led down step by step
        self._measured: JointSample | None = None
        self._place: JointSample | None = None  # where it has been since it last got on
        self._stood: FloatArray | None = None  # where the last motion that was sent began
        self._failed, self._failed_ns = 0, 0  # motions in a row without getting on, and since when
        self._blocked: Blocked | None = None  # the last of them, until it is taken
        self._touching: Blocked | None = None  # the last of them, until a stop has been sent

    @property
    def generation(self) -> int:
        """Grows with each stop and when the reference is lost: older plans are not admitted."""
        return self.reference.generation

    def observe(self, sample: JointSample) -> None:
        """Look whether the robot follows. To be called with every joint sample."""
        self._measured = sample
        further = AT_REST * self._limits.velocity * seconds(STANDS_NS)
        if self._place is None or (np.abs(sample.position - self._place.position) > further).any():
            self._place = sample
        told = self.reference.at(sample.stamp_ns)
        if told is None or sample.stamp_ns < self.reference.settled_ns:
            return
        error = np.abs(sample.position - told.position)
        if (error <= self._tolerance).all():
            self.following, self._anchors = None, 0
            if (
                self._stood is not None
                and (np.abs(sample.position - self._stood) > self._tolerance).any()
            ):
                self._failed = 0
            return
        joint = int(np.argmax(error / self._tolerance))
        reason = (
            f'{self._joints[joint]} is {error[joint]:.4f} from where it was told to be, '
            f'robot.tracking_tolerance is {self._tolerance[joint]:.4f}: it is blocked, or led by '
            'someone else, or lags more than that'
        )
        if self.following is None and not self.reference.rests(sample.stamp_ns):
            self._failed, self._failed_ns = self._failed + 1, sample.stamp_ns
            self._blocked = Blocked(sample.stamp_ns, sample.position, self.reference)
            self._touching = self._blocked
        self.following, self._doubtful = Refused(reason), True

    def take_blocked(self) -> Blocked | None:
        """The motion that was not followed since the last call; None: there was none."""
        blocked, self._blocked = self._blocked, None
        return blocked

    def admit(
        self, new: JointTrajectory, generation: int, observation_ns: int, now_ns: int
    ) -> JointTrajectory | Refused:
        """What to publish so that the robot goes on with `new`, or why nothing is.

        new: from a state of this reference on, to rest. generation: of the reference that it was
        planned on. Where that is not known, the robot is first held where it stands.
        """
        if generation != self.generation:
            return NotNow('planned before the robot was stopped')
        if self.reference.told is not None and now_ns < self.reference.settled_ns:
            return NotNow('the robot is being held where it stands')
        if self.following is not None and self._unseen:
            return NotNow('nobody has seen yet whether the robot stands where it is held')
        if self._doubtful and self.following is None and self.reference.rests(now_ns):
            # A controller whose own tolerance was broken holds the robot where that happened. One
            # that has brought it back from there has not.
            known, self._doubtful = self._is_back(), False
            self.reference = self.reference if known else self.reference.anew(known=False)
        if self.reference.told is None or self.following is not None:
            return self.anchor(now_ns)
        if self._doubtful:
            return NotNow('the robot comes to rest first')
        if self._failed >= ATTEMPTS and now_ns < self._failed_ns + PATIENCE_NS:
            return Refused(
                f'the robot has not followed {self._failed} motions in a row: the controller '
                'ignores them, or something is in the way'
            )
        if new.start_ns < now_ns + self._transport_ns:
            return Late('late')
        if self._measured is None:
            return Refused('no joint_states')
        message = self.reference.before(new, now_ns - OVERLAP_NS)
        situation = Situation(
            self.reference, self._measured, now_ns, self._transport_ns, observation_ns
        )
        return self._guard.check(message, situation) or message

    def stop_in_time(self, clock: Clock) -> tuple[JointTrajectory | None, int]:
        """See stop; and when it was judged. On a busy machine again, to be sent in time."""
        for _ in range(STOPS):
            now_ns = clock()
            message = self.stop(now_ns)
            if self.in_time(now_ns, clock()):
                break
        return message, now_ns

    def stop(self, now_ns: int) -> JointTrajectory | None:
        """The trajectory that brings the robot to rest, None where it rests.

        It goes on with the reference while the robot follows it; otherwise it ends the motion that
        is measured, wherever the reference is, or leads back a little along the way it came. Where
        limits forbid that so far, the reference ends as soon as it may, and the robot is
        `unstopped`: another stop is due.
        """
        came = None
        if self.following is not None and self._backs_off and self._touching is not None:
            came = way_back(self._touching, self.reference, self._tolerance, now_ns)
        self.reference, self._back = self.reference.anew(), None
        self.unstopped = False
        told = self.reference.told
        if told is None or now_ns < self.reference.settled_ns:
            return None
        rests = self.reference.rests(now_ns + self._transport_ns)
        if rests and came is None:
            return None
        if self.following is None:
            message = self._end(now_ns) or self.hold(now_ns)
            self.unstopped = message is None
            return message
        message = self._hold_or_back(now_ns, came)
        self.unstopped = message is None
        if self.unstopped and not rests and self._in_motion():
            # A controller that had given up would hold the robot, and this were a jump.
            end = self._end(now_ns)
            message = end if end is not None and end.end_ns < told.end_ns else None
        return message

    def _hold_or_back(self, now_ns: int, came: FloatArray | None) -> JointTrajectory | None:
        back = None if came is None else self.hold(now_ns, came)
        if back is not None and self._measured is not None and came is not None:
            self._back = came, self._measured.position
        return back or self.hold(now_ns)

    def _end(self, now_ns: int) -> JointTrajectory | None:
        if self._measured is None:
            return None
        return self._rest.end(self.reference, self._measured, now_ns)

    def _in_motion(self) -> bool:
        assert self._measured is not None
        return bool((np.abs(self._measured.velocity) > AT_REST * self._limits.velocity).any())

    def hold(self, now_ns: int, place: FloatArray | None = None) -> JointTrajectory | None:
        """See Rest.hold; None where there is no way, or nothing is measured."""
        if self._measured is None:
            return None
        held = self._rest.hold(self.reference, self._measured, now_ns, place)
        return None if isinstance(held, Refused) else held

    @property
    def _unseen(self) -> bool:
        """Whether no joints have been measured since the robot was held."""
        settled_ns = self.reference.settled_ns
        return self._measured is not None and self._measured.stamp_ns < settled_ns

    def _is_back(self) -> bool:
        """Whether the robot stands where the last stop led it, away from where it was blocked."""
        if self._back is None or self._measured is None:
            return False
        there, blocked = (np.abs(self._measured.position - one) for one in self._back)
        return bool((there <= self._tolerance).all() and (blocked > self._tolerance).any())

    def anchor(self, now_ns: int) -> JointTrajectory | Refused:
        """What to publish so that the robot is held where it stands, or why nothing is."""
        reference, measured = self.reference, self._measured
        if measured is None:
            return Refused('no joint_states')
        may_be_held = self._anchors < ANCHORS and reference.rests(now_ns)
        if self.following is not None and not may_be_held:
            return self.following
        if reference.told is None and self._moves(measured):
            return Refused('the robot moves, and not by this node')
        held = self._rest.hold(reference, measured, now_ns)
        if isinstance(held, Refused):
            why = f'the robot cannot be held where it stands: {held.reason}'
            return self.following or Refused(why)
        self._anchor = held
        return held

    def _moves(self, measured: JointSample) -> bool:
        """Whether the robot gets anywhere; one that presses on something may tremble for ever."""
        assert self._place is not None
        trembles = measured.stamp_ns - self._place.stamp_ns >= STANDS_NS
        return self._in_motion() and not trembles

    def in_time(self, judged_ns: int, now_ns: int) -> bool:
        """Whether what was judged at one time may still be sent now: most of the time that it has
        to arrive must be left."""
        return now_ns - judged_ns <= self._transport_ns // 2

    def begin(self) -> None:
        """A new goal, or leave to execute."""
        self._anchors, self._failed, self._blocked, self._touching = 0, 0, None, None

    def sent(self, trajectory: JointTrajectory, now_ns: int) -> None:
        """Tell what was published."""
        if self.reference.rests(now_ns) and self._measured is not None:
            self._stood = self._measured.position
        if trajectory is self._anchor:
            self._anchors += 1
        self.reference = self.reference.after(trajectory, now_ns)
        if not self.unstopped:
            self._touching = None

    def clear(self) -> None:
        """The clock jumped, or someone else commanded the controller: nothing told holds."""
        self.reference = self.reference.anew(known=False)
        self.following, self._measured, self._place, self._stood = None, None, None, None
        self._doubtful = False
        self.unstopped = False
        self.begin()
