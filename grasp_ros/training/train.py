# SPDX-License-Identifier: Apache-2.0
"""Bags to a model bundle: encoder, then dynamics on its frozen latents, then the roadmap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy.optimize import nnls
from torch import Tensor, nn

from grasp_ros.training.alignment import twins
from grasp_ros.training.augmentation import photometric
from grasp_ros.training.calibration import calibrate
from grasp_ros.training.coverage import seldom
from grasp_ros.training.dataset import CAMERA, Dataset
from grasp_ros.training.joint_fit import fit_joint_head, joint_error, joint_spread
from grasp_ros.training.landmarks import build_memory
from grasp_ros.training.losses import (
    Decoder,
    Encoder,
    InverseDynamics,
    rollout_loss,
    vicreg_loss,
)
from grasp_ros.training.verdict import expected_arrival
from grasp_ros.training.ways import map_report, ways
from grasp_ros.types import BadInput, FloatArray
from grasp_ros.world_model.dynamics import ResidualMLP, rollout
from grasp_ros.world_model.joint_head import JointError, JointHead
from grasp_ros.world_model.manifest import RoadmapSettings
from grasp_ros.world_model.memory import Memory
from grasp_ros.world_model.trust import Bounds

Progress = Callable[[str, int, int], None]
"""progress(stage, done, total)"""

COVARIANCE_WEIGHT = 0.04  # VICReg's ratio of covariance to variance
HELD_OUT = 0.1  # share of each recording, its end, that prediction errors are measured on
SAME_PLACE = 0.1  # of a joint's largest travel in one step: nearer frames show one place


@dataclass(frozen=True)
class TrainConfig:
    """How long and how large, and what is asked of the latent.

    latent to dynamics_steps: see capacity. landmarks: of the map; None: as the data say.
    connect_steps, neighbours: see manifest.RoadmapSettings. augment: vary light and colours.
    align: the same latent for the same place in another recording. reconstruct: a small picture
    must be drawn from the latent: it keeps what moves beside the robot.
    """

    latent: int
    width: int
    depth: int
    encoder_steps: int
    dynamics_steps: int
    landmarks: int | None = None
    connect_steps: int = 15
    neighbours: int = 24
    encoder_batch: int = 64
    encoder_rollout: int = 4
    dynamics_batch: int = 256
    dynamics_rollouts: tuple[int, ...] = (4, 16)
    augment: bool = False
    align: bool = False
    reconstruct: bool = False
    seed: int = 0


@dataclass(frozen=True)
class Trained:
    """The trained parts, and what was measured on held-out data."""

    encoder: Encoder
    joint_head: JointHead
    joint_error: JointError
    dynamics: ResidualMLP
    memory: Memory
    goal_tolerance: float
    trust: Bounds
    report: dict[str, Any]


def train(data: Dataset, config: TrainConfig, device: torch.device, progress: Progress) -> Trained:
    """Train a world model; the same seed, data and machine give the same model."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    learnt, held_out = data.split(HELD_OUT)
    actions = torch.from_numpy(learnt.actions).to(torch.float32).to(device)

    encoder = _train_encoder(learnt, actions, config, rng, device, progress)
    latents = _encode(encoder, learnt.images, device, progress)
    encoder.mean.copy_(latents.mean(dim=0))
    encoder.std.copy_(latents.std(dim=0).clamp(min=1e-6))
    latents = (latents - encoder.mean) / encoder.std

    dynamics = _train_dynamics(latents, actions, learnt.follows, config, rng, progress)
    unseen = _encode(encoder, held_out.images, device, progress).cpu()
    dynamics.requires_grad_(False).cpu()
    encoder.cpu()
    latents = latents.cpu()
    settings = RoadmapSettings(config.connect_steps, config.neighbours)
    memory = build_memory(learnt, latents, unseen, dynamics, settings, rng, config.landmarks)
    pairs, way_steps = ways(memory, dynamics, actions.shape[1], settings, unseen, rng)
    head = fit_joint_head(latents, learnt.positions)
    errors = joint_error(head, unseen, held_out.positions)
    full_step = _full_step(learnt)
    bounds = calibrate(
        memory, head, unseen, {CAMERA: held_out.images}, held_out.positions, full_step
    )
    same, steps = latent_distances(learnt, latents)
    tolerance, spread = max(same, float(steps.min()) / 2), joint_spread(data.positions)
    miss = expected_arrival(np.array(errors.p95), tolerance, steps, full_step, np.array(spread))
    report = {
        'config': asdict(config),
        'frames': len(data.images),
        **map_report(memory, learnt, held_out, pairs, way_steps),
        'seldom': [one.plain() for one in seldom(learnt.positions)],
        'joint_error': errors.plain(),
        'joint_spread': list(spread),
        'full_step': float(f'{full_step:.4g}'),
        'expected_arrival': [float(f'{one:.4g}') for one in miss],
        'latent_distance_same_place_p95': round(same, 4),
        'latent_distance_one_step': np.round(steps, 4).tolist(),
        'prediction_error_over_do_nothing': _prediction_error(held_out, unseen, dynamics),
    }
    return Trained(
        encoder.eval(), head, errors, dynamics.eval(), memory, tolerance, bounds, report
    )


def windows(follows: NDArray[np.bool_], length: int) -> NDArray[np.int64]:
    """First indices of all runs of length + 1 frames without a gap; raises BadInput for none."""
    whole = np.convolve(follows.astype(int), np.ones(length, dtype=int), 'valid') == length
    starts = np.flatnonzero(whole)
    if len(starts) == 0:
        raise BadInput(f'no run of {length + 1} frames without a gap in the data')
    return starts


def _batches(
    starts: NDArray[np.int64], length: int, size: int, count: int, rng: np.random.Generator
) -> Iterator[Tensor]:
    """`count` batches of window indices (size, length + 1)."""
    for _ in range(count):
        first = torch.from_numpy(rng.choice(starts, size))
        yield first[:, None] + torch.arange(length + 1)


def _train_encoder(
    data: Dataset,
    actions: Tensor,
    config: TrainConfig,
    rng: np.random.Generator,
    device: torch.device,
    progress: Progress,
) -> Encoder:
    """Latent prediction over a few steps, VICReg against collapse, inverse dynamics, and joints.

    A joint that few pixels show moves the other losses little, and is lost unless a linear layer
    must read its measured position from the latent. But then prediction is satisfied by the robot
    alone: what else moves stays only if the picture can be drawn from the latent.

    Where a latent tells the recordings apart, prediction and VICReg hold on to it, as nothing is
    easier to predict; alignment takes it away.
    """
    height, width = data.images.shape[1:3]
    size, total = actions.shape[1], config.encoder_steps
    encoder = Encoder(config.latent, height, width).to(device)
    encoder.convolutions.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    dynamics = ResidualMLP(config.latent, size, config.width, config.depth).to(device)
    inverse = InverseDynamics(config.latent, size).to(device)
    head = nn.Linear(config.latent, data.positions.shape[1]).to(device)
    joints = _normalised(data.positions).to(device)
    decoder = Decoder(config.latent, data.images).to(device) if config.reconstruct else None
    trained = nn.ModuleList([encoder, dynamics, inverse, head, *([decoder] if decoder else [])])
    optimiser = torch.optim.AdamW(trained.parameters(), lr=1e-3, weight_decay=1e-5)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-3, total_steps=total)
    images = torch.from_numpy(data.images)
    augment = photometric() if config.augment else None
    twin = torch.from_numpy(twins(data, SAME_PLACE * _full_step(data))) if config.align else None
    starts = windows(data.follows, config.encoder_rollout)
    batches = _batches(starts, config.encoder_rollout, config.encoder_batch, total, rng)
    for done, window in enumerate(batches, start=1):
        frames = window.flatten()
        if twin is not None:
            frames = torch.cat([frames, twin[window[:, 0]]])
        pixels = images[frames].to(device)
        if augment is not None:
            pixels = augment(pixels)
        encoded = encoder(pixels)
        z = encoded[: window.numel()].view(*window.shape, -1)
        a = actions[window[:, :-1]]
        variance, covariance = vicreg_loss(z.flatten(0, 1))
        guessed = inverse(z[:, :-1].flatten(0, 1), z[:, 1:].flatten(0, 1))
        loss = (
            rollout_loss(dynamics, z, a)
            + variance
            + COVARIANCE_WEIGHT * covariance
            + F.mse_loss(guessed, a.flatten(0, 1))
            + F.mse_loss(head(encoded), joints[frames])
        )
        if decoder is not None:
            loss = loss + decoder.error(encoded, images[frames].to(device))
        if twin is not None:
            loss = loss + F.mse_loss(z[:, 0], encoded[window.numel() :])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        progress('encoder', done, total)
    return encoder.eval().requires_grad_(False)


def _normalised(positions: FloatArray) -> Tensor:
    """Positions (N, J) of mean 0 and variance 1, float32."""
    spread = np.maximum(positions.std(axis=0), 1e-6)
    return torch.from_numpy((positions - positions.mean(axis=0)) / spread).to(torch.float32)


def _encode(
    encoder: Encoder, images: NDArray[np.uint8], device: torch.device, progress: Progress
) -> Tensor:
    parts: list[Tensor] = []
    for first in range(0, len(images), 512):
        parts.append(encoder(torch.from_numpy(images[first : first + 512]).to(device)))
        progress('latents', min(first + 512, len(images)), len(images))
    return torch.cat(parts)


def _train_dynamics(
    latents: Tensor,
    actions: Tensor,
    follows: NDArray[np.bool_],
    config: TrainConfig,
    rng: np.random.Generator,
    progress: Progress,
) -> ResidualMLP:
    """Rollouts of growing length on frozen latents."""
    size = (latents.shape[1], actions.shape[1], config.width, config.depth)
    dynamics = ResidualMLP(*size).to(latents.device)
    each = config.dynamics_steps // len(config.dynamics_rollouts)
    total, done = each * len(config.dynamics_rollouts), 0
    for length in config.dynamics_rollouts:
        optimiser = torch.optim.AdamW(dynamics.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=each)
        starts = windows(follows, length)
        for window in _batches(starts, length, config.dynamics_batch, each, rng):
            loss = rollout_loss(dynamics, latents[window], actions[window[:, :-1]])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            done += 1
            progress('dynamics', done, total)
    return dynamics


def _full_step(data: Dataset) -> float:
    """A joint's largest travel in one model step, but for the fastest 5 %, m or rad."""
    return float(np.percentile(data.moves().max(axis=1), 95))


def latent_distances(data: Dataset, latents: Tensor) -> tuple[float, FloatArray]:
    """Latent distances of consecutive frames: 95th percentile at rest, and of each joint's step.

    The latter (J,) are of a full step of one joint alone, from a fit of squared distances to
    squared motions: the joint that the latent shows least decides how near a goal is reached.
    """
    moved = data.moves() / _full_step(data)
    between = (latents[1:] - latents[:-1]).norm(dim=1).numpy()[data.follows[:-1]]
    still = moved.max(axis=1) < SAME_PLACE
    same = float(np.percentile(between[still], 95)) if still.any() else 0.0
    squares, _ = nnls(moved**2, between.astype(float) ** 2)
    return same, np.sqrt(squares)


def _prediction_error(data: Dataset, latents: Tensor, dynamics: ResidualMLP) -> dict[int, float]:
    """Rollout error over the error of predicting no motion, by horizon."""
    actions = torch.from_numpy(data.actions).to(torch.float32)
    ratios = {}
    for length in (1, 10, 50):
        try:
            starts = windows(data.follows, length)[::5]
        except BadInput:
            continue
        window = torch.from_numpy(starts)[:, None] + torch.arange(length + 1)
        true = latents[window[:, -1]]
        predicted = rollout(dynamics, latents[starts], actions[window[:, :-1]])[:, -1]
        still = (true - latents[starts]).norm(dim=1).mean()
        ratios[length] = round(float((true - predicted).norm(dim=1).mean() / still), 4)
    return ratios
