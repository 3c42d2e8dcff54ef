# SPDX-License-Identifier: Apache-2.0
"""The joints' own part of the latent, for robots with joints that no camera shows well."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from grasp_ros.training.dataset import Dataset
from grasp_ros.training.losses import Encoder
from grasp_ros.training.verdict import CLEAR
from grasp_ros.types import FloatArray
from grasp_ros.world_model.inputs import JointsInput
from grasp_ros.world_model.joint_head import JointError, JointHead

# How far a step moves the picture's part at most, the joints' part = 1. Where no bag went, a model
# foresees pictures a few such steps wrong: were they worth more, no way there would ever arrive.
PICTURE = 0.1
FLATTEST = 1e-3  # what a step moves the latent of a picture that shows nothing, at least


class JointsBeside(nn.Module):
    """Pictures (N, H, W, 3) uint8 of each camera, joint positions (N, J) -> latents (N, D + J)."""

    mean: Tensor
    scale: Tensor

    def __init__(self, picture: Encoder, joints: JointsInput):
        super().__init__()
        self.picture = picture
        self.register_buffer('mean', torch.tensor(joints.mean))
        self.register_buffer('scale', torch.tensor(joints.scale))

    def forward(self, *inputs: Tensor) -> Tensor:
        """The pictures' part, and then the joints'."""
        *images, joints = inputs
        return torch.cat([self.picture(*images), self.joints_part(joints)], dim=-1)

    def joints_part(self, joints: Tensor) -> Tensor:
        """The last J values of the latents of positions (N, J): (N, J)."""
        return (joints - self.mean) * self.scale


def needed(errors: JointError, spread: tuple[float, ...], full_step: FloatArray) -> bool:
    """Whether the picture does not tell some joint. spread: errors of who sees nothing, 95 %.

    One that stays within a full step (J,), m or rad, is no joint that a picture could tell.
    """
    return any(
        blind >= step and one >= CLEAR * blind
        for one, blind, step in zip(errors.p95, spread, full_step, strict=True)
    )


def balanced(data: Dataset, size: int, picture_step: float) -> tuple[float, JointsInput]:
    """By what the picture's latents (N, size), of unit variance, are multiplied, and the joints.

    picture_step: how far they move at most in a full step of one joint. A step of any joint then
    counts the same, and more than what the picture makes of it; and a value of the whole latent
    has unit variance in the mean, which is what the planner is used to.
    """
    positions, full_step = data.positions, data.full_step()
    share = PICTURE / max(picture_step, FLATTEST)
    joints = positions.std(axis=0) / full_step
    whole = size * share**2 + float(np.square(joints).sum())
    step = np.sqrt((size + len(full_step)) / whole)
    means, scales = positions.mean(axis=0), step / full_step
    return float(step * share), JointsInput(_rounded(means), _rounded(scales))


def beside(head: JointHead, factor: float) -> JointHead:
    """The head of latents multiplied by `factor`, that does not look at the joints' part."""
    joints = len(head.bias)

    def reads(weight: Tensor) -> Tensor:
        return torch.cat([weight / factor, weight.new_zeros(len(weight), joints)], dim=1)

    layers = tuple(
        (reads(weight) if number == 0 else weight, bias)
        for number, (weight, bias) in enumerate(head.layers)
    )
    return JointHead(reads(head.weight), head.bias, layers)


def _rounded(values: FloatArray) -> tuple[float, ...]:
    return tuple(float(f'{one:.6g}') for one in values)
