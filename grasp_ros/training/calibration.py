# SPDX-License-Identifier: Apache-2.0
"""How far from the memory an observation may be: measured on frames held out in training."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from grasp_ros.training.pictures import Pictures
from grasp_ros.types import FloatArray
from grasp_ros.world_model.joint_head import JointHead
from grasp_ros.world_model.memory import Memory
from grasp_ros.world_model.trust import Bounds, Likeness

MOST = 10_000  # frames that are measured: more of them change little
# A quantile, as a few frames of a bag may show a hand or a fault; the margin is for what the
# frames held out did not show.
QUANTILE, MARGIN = 0.999, 1.5
UNSEEN = 2.0  # the margin of pictures, and of joints read from them: where no bag went an arm of
# many joints looks more unlike
DARKEST = 1.0  # grey level: rough pictures of JPEGs differ by parts of it


def calibrate(
    memory: Memory,
    head: JointHead,
    latents: Tensor,
    images: Mapping[str, Pictures],
    positions: FloatArray,
    full_step: FloatArray,
) -> Bounds:
    """The bounds that let frames like these pass, none of which the landmarks are taken from.

    latents (N, D), images (N, H, W, 3) by camera, measured joint positions (N, J).
    full_step (J,): how far each joint goes in a model step, m or rad. The joints that a picture
    shows may be so much further off: coarser pictures, or ones a moment older, are no fault.
    """
    likeness = Likeness(memory)
    frames = np.unique(np.linspace(0, len(latents) - 1, MOST).astype(int))
    known = latents.cpu()
    pictures = {
        camera: max(
            DARKEST, _bound([likeness.picture(camera, of[i]) for i in frames], margin=UNSEEN)
        )
        for camera, of in images.items()
    }
    nearest = [likeness.latent(known[i].numpy()) for i in frames]
    apart = np.abs(head.positions(known[frames]).numpy() - positions[frames])
    joints = tuple(_bound(off, step, UNSEEN) for off, step in zip(apart.T, full_step, strict=True))
    return Bounds(_bound(nearest), pictures, joints)


def _bound(
    distances: NDArray[np.float64] | list[float], more: float = 0.0, margin: float = MARGIN
) -> float:
    # Four digits, and never 0: in a memory of all frames each is its own landmark.
    return max(1e-6, float(f'{margin * np.quantile(distances, QUANTILE) + more:.4g}'))
