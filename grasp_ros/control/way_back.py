# SPDX-License-Identifier: Apache-2.0
"""Where a robot that is blocked is brought, off what it touches: a little back the way it came."""

from __future__ import annotations

import numpy as np

from grasp_ros.control.recovery import Blocked
from grasp_ros.control.reference import Reference
from grasp_ros.types import FloatArray, nanoseconds

BACK_OFF = 2.0  # tracking tolerances that it goes back
FURTHEST = 4.0  # tracking tolerances, of any joint
LOOK_BACK_NS = nanoseconds(0.02)  # between the moments at which the way is looked at


def way_back(
    blocked: Blocked, reference: Reference, tolerance: FloatArray, now_ns: int
) -> FloatArray | None:
    """Where (J,) the robot was told to be before it was blocked, BACK_OFF tolerances (J,) before.

    That far in the joint that is blocked; but that one may hardly have moved before, so no further
    than FURTHEST in any. What it was told last lies beyond the obstacle: the way back begins where
    it is measured. None where it has come from nowhere.
    """
    if reference.told is None:
        return None
    begin_ns = max(reference.told.start_ns, reference.settled_ns)
    moments = range(min(now_ns, blocked.stamp_ns), begin_ns - 1, -LOOK_BACK_NS)
    motions = [reference.at(at) for at in moments]
    came = np.array([motion.position for motion in motions if motion is not None])
    if not len(came):
        return None
    apart = np.abs((came - blocked.position) / tolerance)
    furthest = apart.max(axis=1)
    passed = int(furthest.argmin())  # the moment at which it was to be where it is
    joint = int(apart[0].argmax())  # the one that is blocked most
    enough = (apart[:, joint] >= BACK_OFF) | (furthest >= FURTHEST)
    far = passed + np.flatnonzero(enough[passed:])
    return came[far[0]] if len(far) else came[-1]
