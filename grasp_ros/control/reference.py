# SPDX-License-Identifier: Apache-2.0
"""What the controller commands: all that this node has told it, as one motion.

joint_trajectory_controller forgets the old trajectory on every new one and finds its own way to
the first point. So messages of this package begin in the past, with points of the motion that the
controller is following already: whenever they arrive, its reference goes on unchanged, whatever
`interpolate_from_desired_state` says, and changes only where the new part begins.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from grasp_ros.robot.jtc import sample
from grasp_ros.types import NS, JointTrajectory, Motion

KEPT_NS = 10 * NS  # observation.max_age is no more: nothing older is planned from
SNAP_NS = 10_000  # a start this near to a point is on it: a shorter cubic is lost in rounding


@dataclass(frozen=True)
class Reference:
    """The motion from the first to the last point told, at rest after it.

    settled_ns: from here on the motion is known; before it the controller is on its way to the
    first point from a place that only it knows. generation: grows whenever plans that were made
    before must not be sent any more.
    """

    told: JointTrajectory | None = None
    settled_ns: int = 0
    generation: int = 0

    def at(self, at_ns: int) -> Motion | None:
        """Position and velocity at a time; None when nothing was told."""
        return None if self.told is None else sample(self.told, at_ns)

    def rests(self, at_ns: int) -> bool:
        """Whether nothing moves from this time on."""
        return self.told is None or self.told.end_ns <= at_ns

    def snapped(self, at_ns: int) -> int:
        """The time, or that of a point hardly apart from it."""
        if self.told is None:
            return at_ns
        times = self.told.start_ns + self.told.times_ns
        nearest = int(times[np.abs(times - at_ns).argmin()])
        return nearest if abs(nearest - at_ns) <= SNAP_NS else at_ns

    def before(self, new: JointTrajectory, from_ns: int) -> JointTrajectory:
        """`new`, preceded by this motion from `from_ns`, or a point before it, to its start."""
        assert self.told is not None and self.told.velocities is not None
        assert new.velocities is not None
        times = self.told.start_ns + self.told.times_ns
        kept = times < new.start_ns
        positions, velocities = self.told.positions, self.told.velocities
        first = int(np.searchsorted(times, from_ns, side='right')) - 1
        if 0 <= first < len(times) - 1:
            kept &= np.arange(len(times)) >= first
            times, positions, velocities = times[kept], positions[kept], velocities[kept]
        else:  # at rest before the first point or after the last
            rest = sample(self.told, from_ns)
            kept &= times > from_ns
            times = np.append(from_ns, times[kept])
            positions = np.concatenate([rest.position[None], positions[kept]])
            velocities = np.concatenate([np.zeros((1, len(rest.position))), velocities[kept]])
        times = np.concatenate([times, new.start_ns + new.times_ns])
        return JointTrajectory(
            new.joints,
            int(times[0]),
            times - times[0],
            np.concatenate([positions, new.positions]),
            np.concatenate([velocities, new.velocities]),
        )

    def after(self, sent: JointTrajectory, now_ns: int) -> Reference:
        """The reference once the controller has `sent`, which goes on with this motion or ends at
        rest where the robot stands."""
        assert sent.velocities is not None
        first_ns = sent.start_ns + int(sent.times_ns[0])
        if first_ns > now_ns:
            return replace(self, told=sent, settled_ns=first_ns)
        assert self.told is not None and self.told.velocities is not None
        times = self.told.start_ns + self.told.times_ns
        old = (times < first_ns) & (times > now_ns - KEPT_NS)
        times = np.concatenate([times[old], sent.start_ns + sent.times_ns])
        told = JointTrajectory(
            sent.joints,
            int(times[0]),
            times - times[0],
            np.concatenate([self.told.positions[old], sent.positions]),
            np.concatenate([self.told.velocities[old], sent.velocities]),
        )
        return replace(self, told=told)

    def anew(self, known: bool = True) -> Reference:
        """The next generation; `known` says whether what was told still holds."""
        if known:
            return replace(self, generation=self.generation + 1)
        return Reference(generation=self.generation + 1)
