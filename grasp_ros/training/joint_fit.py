# SPDX-License-Identifier: Apache-2.0
"""Fits the joint head on learnt latents, and measures it on held-out ones."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grasp_ros.types import FloatArray
from grasp_ros.world_model.joint_head import JointError, JointHead

RIDGE = 1e-5  # of a latent's variance, which is 1: only keeps dead dimensions from blowing up


def fit_joint_head(latents: Tensor, positions: FloatArray) -> JointHead:
    """The ridge regression of positions (N, J) on normalised latents (N, D)."""
    x, y = latents.cpu().double(), torch.from_numpy(positions).double()
    mean, centre = x.mean(dim=0), y.mean(dim=0)
    x, y = x - mean, y - centre
    gram = x.T @ x + RIDGE * len(x) * torch.eye(x.shape[1], dtype=torch.float64)
    weight = torch.linalg.solve(gram, x.T @ y).T
    return JointHead(weight.float().contiguous(), (centre - weight @ mean).float())


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
