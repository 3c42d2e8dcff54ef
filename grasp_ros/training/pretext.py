# SPDX-License-Identifier: Apache-2.0
"""What an encoder and a dynamics are trained by: modules whose output is their loss, by terms."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from grasp_ros.training.losses import (
    Decoder,
    Encoder,
    InverseDynamics,
    rollout_loss,
    vicreg_loss,
)
from grasp_ros.world_model.dynamics import ResidualMLP

COVARIANCE_WEIGHT = 0.04  # VICReg's ratio of covariance to variance


class Pretext(nn.Module):
    """Latent prediction over a few steps, VICReg against collapse, inverse dynamics, and joints.

    A joint that few pixels show moves the other losses little, and is lost unless a linear layer
    must read its measured position from the latent. But then prediction is satisfied by the robot
    alone: what else moves stays only if the picture can be drawn from the latent.

    Where a latent tells the recordings apart, prediction and VICReg hold on to it, as nothing is
    easier to predict; alignment takes it away.
    """

    def __init__(
        self,
        encoder: Encoder,
        dynamics: ResidualMLP,
        inverse: InverseDynamics,
        head: nn.Linear,
        decoder: Decoder | None,
    ):
        super().__init__()
        self.encoder, self.dynamics, self.inverse = encoder, dynamics, inverse
        self.head, self.decoder = head, decoder

    def forward(
        self, pixels: list[Tensor], seen: list[Tensor], actions: Tensor, joints: Tensor
    ) -> dict[str, Tensor]:
        """The loss's terms, each a scalar, for N windows of T + 1 frames.

        pixels: each camera's images (F, H, W, 3), varied or not; seen: as they were recorded;
        joints (F, J): normalised positions. F = N (T + 1), or N more: the twins of the windows'
        first frames, which are to have their latents. actions (N, T, A).
        """
        count, steps, size = actions.shape
        frames = count * (steps + 1)
        encoded = self.encoder(*pixels)
        z = encoded[:frames].view(count, steps + 1, -1)
        variance, covariance = vicreg_loss(z.flatten(0, 1))
        guessed = self.inverse(z[:, :-1].flatten(0, 1), z[:, 1:].flatten(0, 1))
        terms = {
            'prediction': rollout_loss(self.dynamics, z, actions),
            'variance': variance,
            'covariance': COVARIANCE_WEIGHT * covariance,
            'inverse': F.mse_loss(guessed, actions.reshape(-1, size)),
            'joints': F.mse_loss(self.head(encoded), joints),
        }
        if self.decoder is not None:
            terms['reconstruction'] = self.decoder.error(encoded, seen)
        if len(encoded) > frames:
            terms['alignment'] = F.mse_loss(z[:, 0], encoded[frames:])
        return terms


class Foresight(nn.Module):
    """The error of an open-loop rollout on frozen latents."""

    def __init__(self, dynamics: ResidualMLP):
        super().__init__()
        self.dynamics = dynamics

    def forward(self, latents: Tensor, actions: Tensor) -> dict[str, Tensor]:
        """latents (N, T + 1, D), actions (N, T, A)."""
        return {'prediction': rollout_loss(self.dynamics, latents, actions)}
