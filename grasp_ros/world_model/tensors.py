# SPDX-License-Identifier: Apache-2.0
"""Tensors from a bundle's files, checked before use, and the small networks made of them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from grasp_ros.types import BadInput

Layer = tuple[Tensor, Tensor]
"""Weight (O, I) and bias (O,)"""


def check_tensor(
    name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> None:
    """Raises BadInput naming the tensor unless it has this shape and type, all finite."""
    if tensor.shape != shape or tensor.dtype != dtype or not torch.isfinite(tensor).all():
        raise BadInput(
            f'{name} is {tensor.dtype} {tuple(tensor.shape)}, expected {dtype} {shape}, all finite'
        )


def through(layers: Sequence[Layer], x: Tensor) -> Tensor:
    """What a small network, SiLU between its layers, makes of x (..., I): (..., O)."""
    for weight, bias in layers[:-1]:
        x = F.silu(F.linear(x, weight, bias))
    return F.linear(x, *layers[-1])
