# SPDX-License-Identifier: Apache-2.0
"""Frames of different recordings that show the same place, under another light or camera."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from grasp_ros.training.dataset import Dataset
from grasp_ros.types import BadInput


def twins(data: Dataset, within: float) -> NDArray[np.int64]:
    """For each frame (N,) the one of another recording with the nearest joint positions.

    A frame itself where none is within the Euclidean distance `within`, in full steps. Raises
    BadInput when no frame has a twin, as in a single recording.
    """
    places = data.positions / data.full_step()
    index = np.arange(len(data.positions))
    found = index.copy()
    for recording in np.unique(data.recordings):
        own = data.recordings == recording
        others = np.flatnonzero(~own)
        if len(others):
            distance, nearest = cKDTree(places[others]).query(places[own])
            found[own] = np.where(distance <= within, others[nearest], index[own])
    if (found == index).all():
        raise BadInput(
            f'no frames of different bags within {within:.4g} steps of each other, among '
            f'{len(np.unique(data.recordings))} bags; alignment needs two bags of the same places'
        )
    return found
