# SPDX-License-Identifier: Apache-2.0
"""Tensors from a bundle's files, checked before anything is made of them."""

from __future__ import annotations

import torch
from torch import Tensor

from grasp_ros.types import BadInput


def check_tensor(
    name: str, tensor: Tensor, shape: tuple[int, ...], dtype: torch.dtype = torch.float32
) -> None:
    """Raises BadInput naming the tensor unless it has this shape and type, all finite."""
    if tensor.shape != shape or tensor.dtype != dtype or not torch.isfinite(tensor).all():
        raise BadInput(
            f'{name} is {tensor.dtype} {tuple(tensor.shape)}, expected {dtype} {shape}, all finite'
        )
