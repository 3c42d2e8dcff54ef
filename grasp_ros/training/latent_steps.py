# SPDX-License-Identifier: Apache-2.0
"""How far latents are apart at rest, and after a step of each joint."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls
from torch import Tensor

from grasp_ros.training.dataset import Dataset
from grasp_ros.types import FloatArray

SAME_PLACE = 0.1  # of each joint's full step: nearer frames show one place


def latent_distances(data: Dataset, latents: Tensor) -> tuple[float, FloatArray]:
    """Latent distances of consecutive frames: 95th percentile at rest, and of each joint's step.

    The latter (J,) are of a full step of one joint alone, from a fit of squared distances to
    squared motions: the joint that the latent shows least decides how near a goal is reached. 0
    for a joint that hardly ever moves.
    """
    moved = data.moves() / data.full_step()
    between = (latents[1:] - latents[:-1]).norm(dim=1).numpy()[data.follows[:-1]]
    still = moved.max(axis=1) < SAME_PLACE
    same = float(np.percentile(between[still], 95)) if still.any() else 0.0
    squares, _ = nnls(np.where(data.used(), moved, 0.0) ** 2, between.astype(float) ** 2)
    return same, np.sqrt(squares)
