# SPDX-License-Identifier: Apache-2.0
"""Fits the joint head on learnt latents, and measures it on held-out ones."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grasp_ros.types import FloatArray
from grasp_ros.world_model.joint_head import JointError, JointHead

WIDTH, BATCH, RATE = 256, 512, 2e-3  # of the network that refines a head, and its training
LOOKS, FEWEST_STEPS, MOST_STEPS = 80, 300, 8000  # how often it sees each frame
RIDGE = 1e-5  # of a latent's variance, which is 1: only keeps dead dimensions from blowing up


def fit_joint_head(latents: Tensor, positions: FloatArray) -> JointHead:
    """The ridge regression of positions (N, J) on normalised latents (N, D)."""
    x, y = latents.cpu().double(), torch.from_numpy(positions).double()
    mean, centre = x.mean(dim=0), y.mean(dim=0)
    x, y = x - mean, y - centre
    gram = x.T @ x + RIDGE * len(x) * torch.eye(x.shape[1], dtype=torch.float64)
    weight = torch.linalg.solve(gram, x.T @ y).T
    return JointHead(weight.float().contiguous(), (centre - weight @ mean).float())


def refine(head: JointHead, latents: Tensor, positions: FloatArray) -> JointHead:
    """A head that a small network makes more exact on positions (N, J) of latents (N, D).

    Of a latent that many joints share, each is only roughly a linear map. The random numbers are
    torch's own.
    """
    x, joints = latents.cpu(), positions.shape[1]
    y = torch.from_numpy(positions).float()
    spread = y.std(dim=0).clamp(min=1e-6)
    missing = (y - head.positions(x)) / spread
    first, second, last = (
        nn.Linear(x.shape[1], WIDTH),
        nn.Linear(WIDTH, WIDTH),
        nn.Linear(WIDTH, joints),
    )
    network = nn.Sequential(first, nn.SiLU(), second, nn.SiLU(), last)
    steps = min(MOST_STEPS, max(FEWEST_STEPS, LOOKS * len(x) // BATCH))
    optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    for _ in range(steps):
        some = torch.randint(len(x), (BATCH,))
        # A joint that the picture hides is often far off, and must not outweigh the others.
        loss = F.smooth_l1_loss(network(x[some]), missing[some], beta=0.1)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    layers = [(one.weight.detach(), one.bias.detach()) for one in (first, second)]
    layers.append((spread[:, None] * last.weight.detach(), spread * last.bias.detach()))
    return JointHead(head.weight, head.bias, tuple(layers))


def joint_error(head: JointHead, latents: Tensor, positions: FloatArray) -> JointError:
    """|head - measured| on held-out latents (N, D) at positions (N, J)."""
    apart = np.abs(head.positions(latents).numpy() - positions)
    median, p95 = (_rounded(np.quantile(apart, at, axis=0)) for at in (0.5, 0.95))
    return JointError(median, p95)


def joint_spread(positions: FloatArray) -> tuple[float, ...]:
    """The 95th percentile of the error of who sees nothing and guesses the median, by joint."""
    blind = np.abs(positions - np.median(positions, axis=0))
    return _rounded(np.quantile(blind, 0.95, axis=0))


def _rounded(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(f'{one:.4g}') for one in values)
