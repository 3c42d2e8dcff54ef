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
from grasp_ros.world_model.tensors import Layer, check_tensor, through

KINDS = ('weight', 'bias')


@dataclass(frozen=True)
class JointHead:
    """From the latent to the joints, m or rad: a linear map, and what it lacks.

    weight (J, D), bias (J,): linear, so that the latent itself must show the joints, and near
    latents show near positions. layers: what a small network, SiLU between its layers, adds to it.
    """

    weight: Tensor
    bias: Tensor
    layers: tuple[Layer, ...] = ()

    def positions(self, latent: Tensor) -> Tensor:
        """latent (..., D) -> joint positions (..., J), m or rad."""
        shown = latent @ self.weight.T + self.bias
        return shown + through(self.layers, latent) if self.layers else shown

    def tensors(self) -> dict[str, Tensor]:
        """As tensors for a safetensors file."""
        named = {'weight': self.weight, 'bias': self.bias}
        for number, (weight, bias) in enumerate(self.layers):
            named |= {f'{number}.weight': weight, f'{number}.bias': bias}
        return {name: one.contiguous() for name, one in named.items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], latent: int, joints: int) -> JointHead:
        """Checked against the model's sizes; raises BadInput naming the tensor."""
        count = max(0, len(tensors) // 2 - 1)
        names = [f'{prefix}{kind}' for prefix in ('', *_prefixes(count)) for kind in KINDS]
        if tensors.keys() != set(names):
            raise BadInput(f'joint head has tensors {sorted(tensors)}, expected {sorted(names)}')
        _check(tensors, '', latent, joints)
        for number, prefix in enumerate(_prefixes(count)):
            last = number == count - 1
            size = joints if last else len(tensors[f'{prefix}bias'])
            latent = _check(tensors, prefix, latent, size)
        layers = tuple(
            (tensors[f'{one}weight'], tensors[f'{one}bias']) for one in _prefixes(count)
        )
        return cls(tensors['weight'], tensors['bias'], layers)

    def to(self, device: torch.device) -> JointHead:
        """The same head on `device`."""
        layers = tuple((weight.to(device), bias.to(device)) for weight, bias in self.layers)
        return JointHead(self.weight.to(device), self.bias.to(device), layers)


def _prefixes(count: int) -> list[str]:
    return [f'{number}.' for number in range(count)]


def _check(tensors: Mapping[str, Tensor], prefix: str, before: int, after: int) -> int:
    """Raise BadInput unless a layer fits; the size of what comes out of it."""
    for kind, shape in zip(KINDS, ((after, before), (after,)), strict=True):
        check_tensor(f'joint head: {prefix}{kind}', tensors[f'{prefix}{kind}'], shape)
    return after


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
