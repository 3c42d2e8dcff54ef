# SPDX-License-Identifier: Apache-2.0
"""Where the robot has been, by its joints: what the model believes of other places is a guess."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from grasp_ros.training.dataset import Dataset
from grasp_ros.types import FloatArray

# Frames: those nearer in time lie beside each other, however seldom the place is visited.
APART = 50
SAMPLE = 2000  # frames that tell how densely places are visited
USUAL = 0.95  # of them are no further than this from what was seen at another time
NEAR = 0.2  # of a step: so near to where the robot has been it can be, too
SHARES = (0.25, 0.5, 0.75)  # of a way, where it is looked at


class Visited:
    """The joint positions of a dataset's frames, each joint in its full steps."""

    def __init__(self, data: Dataset):
        self._step = data.full_step()
        points = data.positions / self._step
        self._tree = KDTree(points)
        self._reach = max(NEAR, self._usual(points))

    def between(self, start: FloatArray, end: FloatArray) -> NDArray[np.bool_]:
        """Whether the robot has been along straight ways (N, J) to (N, J), m or rad: (N,).

        Within NEAR, or as near as frames usually are to those of another time.
        """
        start, end = start / self._step, end / self._step
        points = np.stack([start + share * (end - start) for share in SHARES])
        return np.asarray((self._tree.query(points)[0] <= self._reach).all(axis=0))

    def _usual(self, points: FloatArray) -> float:
        """How far frames are from the nearest of another time."""
        chosen = np.unique(np.linspace(0, len(points) - 1, SAMPLE).astype(int))
        near = min(2 * APART + 2, len(points))
        distances, frames = self._tree.query(points[chosen], k=near)
        distances[np.abs(frames - chosen[:, None]) < APART] = np.inf
        nearest = distances.min(axis=1)
        known = nearest[np.isfinite(nearest)]
        return float(np.quantile(known, USUAL)) if len(known) else np.inf
