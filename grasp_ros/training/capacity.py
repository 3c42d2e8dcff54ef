# SPDX-License-Identifier: Apache-2.0
"""How large a model is and how long it is trained: from the number of joints and frames."""

from __future__ import annotations

from dataclasses import dataclass

LOOKS = 50  # how often the encoder sees each frame: with more of them it learns them by heart
FRAMES_A_STEP = 320  # of the encoder's training: 64 windows of 5 frames


@dataclass(frozen=True)
class Capacity:
    """Size of the latent, width and depth of the dynamics, and training steps of both."""

    latent: int
    width: int
    depth: int
    encoder_steps: int
    dynamics_steps: int


def capacity(joints: int, frames: int) -> Capacity:
    """For a robot of that many joints, and data of that many frames.

    Each joint needs room in the latent and time to be found in the picture. What moves with two
    joints is learnt by a small network; with more of them each depends on the pose of the others.
    """
    longest = 2000 + 1000 * joints
    return Capacity(
        latent=16 + 8 * joints,
        width=64 + 32 * joints,
        depth=2 if joints <= 3 else 3,
        encoder_steps=min(longest, max(1500, LOOKS * frames // FRAMES_A_STEP)),
        dynamics_steps=500 + 1000 * joints,
    )
