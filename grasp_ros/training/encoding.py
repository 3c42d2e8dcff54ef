# SPDX-License-Identifier: Apache-2.0
"""The encoder: trained on pictures, with the joints beside them where no picture tells them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from grasp_ros.training.alignment import twins
from grasp_ros.training.augmentation import photometric
from grasp_ros.training.checkpoint import Checkpoint
from grasp_ros.training.dataset import Dataset
from grasp_ros.training.engine import fit
from grasp_ros.training.joint_fit import fit_joint_head, joint_error, joint_spread, refine
from grasp_ros.training.joints_part import JointsBeside, balanced, beside, needed
from grasp_ros.training.latent_steps import SAME_PLACE, latent_distances
from grasp_ros.training.losses import Decoder, Encoder, InverseDynamics
from grasp_ros.training.pretext import Pretext
from grasp_ros.training.train_config import Progress, TrainConfig
from grasp_ros.training.windows import batches, windows
from grasp_ros.types import FloatArray
from grasp_ros.world_model.dynamics import ResidualMLP
from grasp_ros.world_model.inputs import JointsInput
from grasp_ros.world_model.joint_head import JointError, JointHead

RATE, TUNING_RATE = 1e-3, 1e-4  # of AdamW, at most


@dataclass(frozen=True)
class Encoded:
    """An encoder, what it takes beside the picture, and the latents (N, D) of two data sets.

    head, errors: the joints that the picture shows, and how far from the measured ones on what was
    held out.
    """

    encoder: Encoder | JointsBeside
    joints: JointsInput | None
    learnt: Tensor
    held_out: Tensor
    head: JointHead
    errors: JointError


def encode(
    learnt: Dataset,
    held_out: Dataset,
    config: TrainConfig,
    rng: np.random.Generator,
    fabric: Fabric,
    progress: Progress,
    checkpoint: Checkpoint,
) -> Encoded:
    """Train an encoder on what is to be learnt, and encode both; latents lie on its device."""
    picture, device = _trained(learnt, config, rng, fabric, progress, checkpoint), fabric.device
    latents = _latents(picture, learnt, device, progress)
    picture.mean.copy_(latents.mean(dim=0))
    picture.std.copy_(latents.std(dim=0).clamp(min=1e-6))
    latents = (latents - picture.mean) / picture.std
    unseen = _latents(picture, held_out, device, progress)
    head = fit_joint_head(latents, learnt.positions)
    with_joints = config.joints_input
    if with_joints is None:
        plainly = joint_error(head, unseen.cpu(), held_out.positions)
        with_joints = needed(plainly, joint_spread(learnt.positions), learnt.full_step())
    head = refine(head, latents, learnt.positions)
    errors = joint_error(head, unseen.cpu(), held_out.positions)
    if not with_joints:
        return Encoded(picture.cpu(), None, latents, unseen, head, errors)
    moved = float(latent_distances(learnt, latents.cpu())[1].max())
    factor, joints = balanced(learnt, config.latent, moved)
    picture.std.div_(factor)
    encoder = JointsBeside(picture.cpu(), joints)
    latents, unseen = (
        torch.cat([factor * part, encoder.joints_part(_positions(of)).to(device)], dim=1)
        for part, of in ((latents, learnt), (unseen, held_out))
    )
    return Encoded(encoder, joints, latents, unseen, beside(head, factor), errors)


def _trained(
    data: Dataset,
    config: TrainConfig,
    rng: np.random.Generator,
    fabric: Fabric,
    progress: Progress,
    checkpoint: Checkpoint,
) -> Encoder:
    """An encoder of pictures, trained by what Pretext asks of it."""
    pictures, device = list(data.images.values()), fabric.device
    actions = torch.from_numpy(data.actions).to(torch.float32).to(device)
    size, total = actions.shape[1], config.encoder_steps
    shapes = [(one.shape[1], one.shape[2]) for one in pictures]
    encoder = Encoder(config.latent, shapes, config.backbone)
    pretext = Pretext(
        encoder,
        ResidualMLP(config.latent, size, config.width, config.depth),
        InverseDynamics(config.latent, size),
        nn.Linear(config.latent, data.positions.shape[1]),
        Decoder(config.latent, pictures) if config.reconstruct else None,
    ).to(device)
    joints = _normalised(data.positions).to(device)
    optimiser = torch.optim.AdamW(_rates(pretext, config), weight_decay=1e-5)
    most = [group['lr'] for group in optimiser.param_groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, most, total_steps=total)
    augment = photometric() if config.augment else None
    twin = torch.from_numpy(twins(data, SAME_PLACE)) if config.align else None

    def inputs(window: Tensor) -> tuple[list[Tensor], list[Tensor], Tensor, Tensor]:
        frames = window.flatten()
        if twin is not None:
            frames = torch.cat([frames, twin[window[:, 0]]])
        seen = [torch.from_numpy(one[frames.numpy()]).to(device) for one in pictures]
        pixels = seen if augment is None else [augment(one) for one in seen]
        return pixels, seen, actions[window[:, :-1]], joints[frames]

    starts = windows(data.follows, config.encoder_rollout)
    sampled = batches(starts, config.encoder_rollout, config.encoder_batch, total, rng)
    steps = (pretext, optimiser, schedule, sampled, total, inputs)
    fit(fabric, 'encoder', *steps, checkpoint, progress)
    return encoder.eval().requires_grad_(False)


def _rates(pretext: Pretext, config: TrainConfig) -> list[dict[str, Any]]:
    """What is to be trained, and how fast: what knows something already is only tuned."""
    tuned = set[nn.Parameter]()
    if config.backbone is not None and config.backbone.weights:
        for camera in pretext.encoder.cameras:
            tuned |= set(camera.get_submodule('network').parameters())
    trained = [one for one in pretext.parameters() if one.requires_grad]
    groups = (
        {'params': [one for one in trained if one not in tuned], 'lr': RATE},
        {'params': [one for one in trained if one in tuned], 'lr': TUNING_RATE},
    )
    return [group for group in groups if group['params']]


def _positions(data: Dataset) -> Tensor:
    return torch.from_numpy(data.positions).to(torch.float32)


def _normalised(positions: FloatArray) -> Tensor:
    """Positions (N, J) of mean 0 and variance 1, float32."""
    spread = np.maximum(positions.std(axis=0), 1e-6)
    return torch.from_numpy((positions - positions.mean(axis=0)) / spread).to(torch.float32)


def _latents(encoder: Encoder, data: Dataset, device: torch.device, progress: Progress) -> Tensor:
    parts: list[Tensor] = []
    for first in range(0, len(data), 512):
        batch = [one[first : first + 512] for one in data.images.values()]
        parts.append(encoder(*(torch.from_numpy(one).to(device) for one in batch)))
        progress('latents', min(first + 512, len(data)), len(data))
    return torch.cat(parts)
