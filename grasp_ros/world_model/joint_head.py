# SPDX-License-Identifier: Apache-2.0
"""The joint positions that a latent shows, and how exactly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from grasp_ros.types import BadInput
from grasp_ros.world_model.fields import Fields
from grasp_ros.world_model.tensors import check_tensor


@dataclass(frozen=True)
class JointHead:
    """A linear map from the latent to the joints: weight (J, D), bias (J,), m or rad.

    Linear, so that the latent itself must show the joints, and near latents show near positions.
    """

    weight: Tensor
    bias: Tensor

    def positions(self, latent: Tensor) -> Tensor:
        """latent (..., D) -> joint positions (..., J), m or rad."""
        return latent @ self.weight.T + self.bias

    def tensors(self) -> dict[str, Tensor]:
        """As tensors for a safetensors file."""
        return {'weight': self.weight.contiguous(), 'bias': self.bias.contiguous()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], latent: int, joints: int) -> JointHead:
        """Checked against the model's sizes; raises BadInput naming the tensor."""
        shapes = {'weight': (joints, latent), 'bias': (joints,)}
        if tensors.keys() != shapes.keys():
            raise BadInput(f'joint head has tensors {sorted(tensors)}, expected {sorted(shapes)}')
        for name, shape in shapes.items():
            check_tensor(f'joint head: {name}', tensors[name], shape)
        return cls(tensors['weight'], tensors['bias'])

    def to(self, device: torch.device) -> JointHead:
        """The same head on `device`."""
        return JointHead(self.weight.to(device), self.bias.to(device))


@dataclass(frozen=True)
class JointError:
    """How far the head is from the measured positions on held-out frames: (J,) each, m or rad."""

    median: tuple[float, ...]
    p95: tuple[float, ...]

    def plain(self) -> dict[str, Any]:
        """As in model.yaml."""
        return {'median': list(self.median), 'p95': list(self.p95)}


def read_joint_error(fields: Fields, joints: int) -> JointError:
    """The errors of a manifest; raises BadInput unless there is one for each joint."""
    errors = [fields.numbers(name, 0.0, 1e6) for name in ('median', 'p95')]
    for one in errors:
        if len(one) != joints:
            raise fields.refused(f'{len(one)} values for {joints} joints')
    fields.end()
    return JointError(*errors)
