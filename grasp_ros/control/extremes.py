# SPDX-License-Identifier: Apache-2.0
"""What a joint trajectory really reaches: not only at its points, but on the cubics between."""

from __future__ import annotations

import numpy as np

from grasp_ros.types import FloatArray, JointTrajectory


def extremes(
    trajectory: JointTrajectory,
) -> tuple[tuple[FloatArray, FloatArray], FloatArray, FloatArray]:
    """(lowest, highest) position, highest speed and acceleration (J,) along the cubic segments.

    Not only at the points: a cubic overshoots between points that keep every limit.
    """
    assert trajectory.velocities is not None
    p, v = trajectory.positions, trajectory.velocities
    speed = np.abs(v).max(axis=0)
    if len(p) == 1:
        return (p[0], p[0]), speed, np.zeros_like(speed)
    span = (np.diff(trajectory.times_ns) / 1e9)[:, None]
    gap, v0, v1 = np.diff(p, axis=0), v[:-1], v[1:]
    # p(t) = p0 + v0 t + c2 t² + c3 t³
    c2 = 3 * gap / span**2 - (2 * v0 + v1) / span
    c3 = -2 * gap / span**3 + (v0 + v1) / span**2
    acceleration = np.maximum(np.abs(2 * c2), np.abs(2 * c2 + 6 * c3 * span)).max(axis=0)

    def at(t: FloatArray) -> FloatArray:
        return p[:-1] + t * (v0 + t * (c2 + t * c3))

    with np.errstate(divide='ignore', invalid='ignore'):
        vertex = -c2 / (3 * c3)
        vertex = np.clip(np.where(np.isfinite(vertex), vertex, 0.0), 0.0, span)
        # Where the velocity v0 + 2 c2 t + 3 c3 t² is zero; numerically stable form of the roots.
        q = -(c2 + np.copysign(np.sqrt(np.maximum(c2**2 - 3 * c3 * v0, 0.0)), c2))
        roots = [q / (3 * c3), v0 / q]
    speed = np.maximum(speed, np.abs(v0 + vertex * (2 * c2 + 3 * c3 * vertex)).max(axis=0))
    turns = [at(np.clip(np.where(np.isfinite(t), t, 0.0), 0.0, span)) for t in roots]
    reached = np.concatenate([p, *turns])
    return (reached.min(axis=0), reached.max(axis=0)), speed, acceleration
