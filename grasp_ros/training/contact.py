# SPDX-License-Identifier: Apache-2.0
"""Where the robot touched something: ways close by cost time, as it seldom passes untouched."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from grasp_ros.training.dataset import Dataset
from grasp_ros.types import FloatArray

STOPPED = 0.2  # of a step: a joint that stays so far behind its command has touched something
FITS = 4  # of what commands move; each leaves out what the one before did not explain
CLEAR = 2.0  # steps: what is further away is not touched
TOLL = 2.0  # times as long again a way counts that lies all where something was touched
SHARES = np.linspace(0.0, 1.0, 5)  # of a way, where it is looked at


class Contact:
    """The joint positions at which a dataset's robot was stopped, in its joints' fastest steps."""

    def __init__(self, data: Dataset):
        follows = data.follows[:-1]
        moved = np.diff(data.positions, axis=0)[follows]
        self._step = data.fastest()
        here = data.positions[:-1][follows]
        told = np.concatenate([data.actions[:-1][follows], here, np.ones((len(here), 1))], axis=1)
        behind = _unexplained(told, moved / self._step)
        self.places = here[behind > STOPPED]
        self._tree = KDTree(self.places / self._step)

    def tolls(self, start: FloatArray, end: FloatArray, steps: FloatArray) -> FloatArray:
        """What straight ways (N, J) to (N, J), m or rad, of so many steps (N,) cost besides: (N,).

        In model steps, 0 for ways that stay CLEAR.
        """
        if not len(self.places):
            return np.zeros(len(steps))
        start, end = start / self._step, end / self._step
        away = self._tree.query(np.stack([start + share * (end - start) for share in SHARES]))[0]
        return TOLL * steps * np.clip(1 - away / CLEAR, 0, None).mean(axis=0)


def _unexplained(told: FloatArray, moved: FloatArray) -> FloatArray:
    """How much of the motion (N, J) no linear law of `told` (N, K) explains, most of any joint."""
    free = np.ones(len(told), dtype=bool)
    for _ in range(FITS):
        law = np.linalg.lstsq(told[free], moved[free], rcond=None)[0]
        rest = np.abs(moved - told @ law).max(axis=1)
        free = rest <= STOPPED
        if not free.any():
            break
    return np.asarray(rest)
