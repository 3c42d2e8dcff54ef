# SPDX-License-Identifier: Apache-2.0
"""What a robot was told, and that it did not get on."""

import numpy as np

from grasp_ros.control.recovery import Blocked
from grasp_ros.control.reference import Reference
from grasp_ros.types import NS, JointTrajectory


def told(start, end, begin_ns: int = NS) -> Reference:
    """A second's motion from a place to another."""
    places = np.array([start, end], dtype=float)
    times = np.array([0, NS])
    return Reference(JointTrajectory(('x', 'y'), begin_ns, times, places, np.zeros((2, 2))))


def stuck(at, reference: Reference, stamp_ns: int = 2 * NS) -> Blocked:
    """A robot that did not get on from a place."""
    return Blocked(stamp_ns, np.array(at, dtype=float), reference)
