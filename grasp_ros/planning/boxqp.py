# SPDX-License-Identifier: Apache-2.0
"""Many small quadratic problems in a box at once: what bounded actions can do about a residual.

No value is read on the host, so nothing waits for a GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor


def solve(hessian: Tensor, gradient: Tensor, start: Tensor, low: float, high: float) -> Tensor:
    """The x (N, A) in [low, high] that makes g·d + d·H d / 2 least, with d = x - start.

    hessian H (N, A, A), positive definite; gradient g (N, A) at `start` (N, A), which lies in the
    box. float32 or float64. By the clamped solution, and from there one coordinate after the other
    once: exact where the box does not bind, and for A <= 2; else near the optimum, which costs
    several times as much to find. Never worse than the start.
    """
    newton = torch.linalg.solve_ex(hessian, gradient)[0]
    x = (start - newton).clamp_(low, high)
    diagonal = hessian.diagonal(dim1=1, dim2=2)
    # How far each coordinate alone is from its best, kept up to date as the others move.
    away = (gradient + (hessian @ (x - start)[..., None])[..., 0]) / diagonal
    columns = (hessian / diagonal[..., None]).unbind(2)
    for value, off, column in zip(x.unbind(1), away.unbind(1), columns, strict=True):
        best = (value - off).clamp_(low, high)
        away.addcmul_(column, (best - value)[:, None])
        value.copy_(best)
    cost = ((away * diagonal + gradient) * (x - start)).sum(1, keepdim=True)
    return torch.where(cost <= 0, x, start)  # also where values are not finite
