# SPDX-License-Identifier: Apache-2.0
"""The networks that are trained, and the losses that shape the latent space."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grasp_ros.training.backbone import Backbone
from grasp_ros.training.pictures import Pictures, Size
from grasp_ros.training.train_config import BackboneConfig
from grasp_ros.world_model.dynamics import ResidualMLP


class Encoder(nn.Module):
    """uint8 images (N, H, W, 3), one a camera -> latent (N, D), with all preprocessing inside.

    sizes: height and width of each camera's images, px. backbone: a network of timm that sees
    them; cameras of one size share it. None: a small one for each.

    mean and std are set after training, so that every latent dimension has unit variance over the
    data: step sizes and noise of GRASP are then comparable across models.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, latent: int, sizes: Sequence[Size], backbone: BackboneConfig | None = None):
        super().__init__()
        if backbone is None:
            cameras = [_convolutions() for _ in sizes]
        else:
            shared = {size: Backbone(backbone, size) for size in sizes}
            cameras = [shared[size] for size in sizes]
        self.cameras = nn.ModuleList(cameras)
        features = sum(map(_features, cameras, sizes))
        self.head = nn.Sequential(nn.Linear(features, 256), nn.ReLU(), nn.Linear(256, latent))
        self.register_buffer('mean', torch.zeros(latent))
        self.register_buffer('std', torch.ones(latent))

    def forward(self, *images: Tensor) -> Tensor:
        """Normalised latents (N, D) of uint8 images (N, H, W, 3) of each camera."""
        seen = [self._seen(camera, one) for camera, one in zip(self.cameras, images, strict=True)]
        return (self.head(torch.cat(seen, dim=1)) - self.mean) / self.std

    def _seen(self, camera: nn.Module, images: Tensor) -> Tensor:
        """Half the digits are enough to learn from, and twice as fast where a CPU has them."""
        pixels = images.permute(0, 3, 1, 2).to(torch.float32) / 127.5 - 1.0
        if not (self.training and pixels.device.type == 'cpu' and _has_bfloat16()):
            return camera(pixels).flatten(1).float()
        with torch.autocast('cpu', torch.bfloat16):
            return camera(pixels).flatten(1).float()


def _convolutions() -> nn.Module:
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise((3, 16, 32, 64, 64)):
        layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU()]
    return nn.Sequential(*layers).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _features(camera: nn.Module, size: Size) -> int:
    """How many numbers a camera's network makes of a picture."""
    camera.eval()
    with torch.no_grad():
        count = camera(torch.zeros(1, 3, *size)).numel()
    camera.train()
    return count


def _has_bfloat16() -> bool:
    """Whether the CPU computes with bfloat16 itself; torch says so in a private function only."""
    return bool(getattr(torch.cpu, '_is_avx512_bf16_supported', bool)())


class InverseDynamics(nn.Module):
    """The action (N, A) between two latents (N, D): keeps what actions change in the latent."""

    def __init__(self, latent: int, action: int, width: int = 128):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(2 * latent, width), nn.ReLU(), nn.Linear(width, action)
        )

    def forward(self, before: Tensor, after: Tensor) -> Tensor:
        """before, after (N, D) -> action (N, A)."""
        return self.layers(torch.cat([before, after], dim=-1))


class Decoder(nn.Module):
    """Latent (N, D) -> small pictures that it was seen in, without what is always there."""

    side = 32  # px: enough for a part that a robot pushes, and quick

    mean: Tensor
    scale: Tensor

    def __init__(self, latent: int, images: Sequence[Pictures], width: int = 256):
        super().__init__()
        some = np.linspace(0, len(images[0]) - 1, 1000).astype(int)
        small = self._small([torch.from_numpy(one[some]) for one in images])
        self.register_buffer('mean', small.mean(dim=0))
        self.register_buffer('scale', small.var(dim=0).mean().sqrt().clamp(min=1e-6))
        self.layers = nn.Sequential(
            nn.Linear(latent, width), nn.ReLU(), nn.Linear(width, self.mean.numel())
        )

    def error(self, latents: Tensor, images: Sequence[Tensor]) -> Tensor:
        """Mean squared error against each camera's images; who draws the mean has 1."""
        true = (self._small(images) - self.mean) / self.scale
        return F.mse_loss(self.layers(latents), true)

    def _small(self, images: Sequence[Tensor]) -> Tensor:
        """Uint8 images (N, H, W, 3) of each camera -> (N, pixels of all)."""
        pixels = [one.permute(0, 3, 1, 2).to(torch.float32) for one in images]
        size = (self.side, self.side)
        return torch.cat([F.interpolate(one, size, mode='area').flatten(1) for one in pixels], 1)


def rollout_loss(dynamics: ResidualMLP, latents: Tensor, actions: Tensor) -> Tensor:
    """Mean squared error of an open-loop rollout: latents (N, T + 1, D), actions (N, T, A)."""
    z, loss = latents[:, 0], latents.new_zeros(())
    for t in range(actions.shape[1]):
        z = dynamics(z, actions[:, t])
        loss = loss + F.mse_loss(z, latents[:, t + 1])
    return loss / actions.shape[1]


def vicreg_loss(latents: Tensor) -> tuple[Tensor, Tensor]:
    """Variance and covariance terms of VICReg (arXiv 2105.04906) for latents (N, D)."""
    centred = latents - latents.mean(dim=0)
    variance = F.relu(1.0 - (centred.var(dim=0) + 1e-4).sqrt()).mean()
    covariance = centred.T @ centred / (len(latents) - 1)
    off_diagonal = covariance - torch.diag(covariance.diagonal())
    return variance, off_diagonal.square().sum() / latents.shape[1]
