# SPDX-License-Identifier: Apache-2.0
"""Linear layers, on CPUs at the speed that these have.

For float32 torch itself calls MKL, which on AMD's processors leaves half of their vector units
unused; oneDNN, which torch brings too, does not. It has no gradients this way.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FEWEST = 64  # rows from which on it is worth what a call of it costs
_ONEDNN = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, '_linear_pointwise')


def linear(x: Tensor, weight: Tensor, bias: Tensor, silu: bool = False) -> Tensor:
    """x (N, I), weight (O, I), bias (O,) -> x W^T + b (N, O), or SiLU of it."""
    many = x.dtype == torch.float32 and x.device.type == 'cpu' and len(x) >= FEWEST
    learns = torch.is_grad_enabled() and (x.requires_grad or weight.requires_grad)
    if _ONEDNN and many and not learns:
        then = 'swish' if silu else 'none'
        return torch.ops.mkldnn._linear_pointwise(x, weight, bias, then, [], '')
    y = F.linear(x, weight, bias)
    return F.silu(y, inplace=True) if silu else y
