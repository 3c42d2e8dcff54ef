# SPDX-License-Identifier: Apache-2.0
"""Many small quadratic problems in a box at once: what bounded actions can do about a residual.

No value is read on the host, so nothing waits for a GPU.
"""

from __future__ import annotations

import torch
from torch import Tensor

EXTRA_ROUNDS = 3  # beside one a coordinate
WHOLE = 0.999  # a step that the box allows so much of ended at its goal
RIDGE = 8  # roundings of the diagonal, in Newton steps alone: less cannot be told from singular


def solve(hessian: Tensor, gradient: Tensor, start: Tensor, low: float, high: float) -> Tensor:
    """The x (N, A) in [low, high] that makes g·d + d·H d / 2 least, with d = x - start.

    hessian H (N, A, A), positive definite (for A > 2 it may be singular); gradient g (N, A) at
    `start` (N, A), which lies in the box. float32 or float64. Never worse than the start. Exact
    for A <= 2; for more, what a fixed number of rounds reaches: the optimum but for few problems
    whose columns are nearly the same.
    """
    if start.shape[1] <= 2:
        return sweep(hessian, gradient, start, low, high)
    return _active_set(hessian, gradient, start, low, high)


def sweep(hessian: Tensor, gradient: Tensor, start: Tensor, low: float, high: float) -> Tensor:
    """As solve, by the clamped solution and one coordinate after the other from there.

    Several times as fast for A > 2, where it is near the optimum but not exact.
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
    return x


def _active_set(
    hessian: Tensor, gradient: Tensor, start: Tensor, low: float, high: float
) -> Tensor:
    """Newton steps on the free coordinates, each as far as the box lets it.

    Where a step leaves the box, either all of it is projected onto the box, or it ends at the
    first bound, whichever is better; the coordinate that ended it is held. Bounds that the slope
    leads away from are let go where a step did not leave the box.
    """
    size = start.shape[1]
    identity = torch.eye(size, dtype=start.dtype, device=start.device)
    diagonal = hessian.diagonal(dim1=1, dim2=2)
    damped = hessian + torch.diag_embed(RIDGE * torch.finfo(start.dtype).eps * diagonal)
    one = torch.ones((), dtype=start.dtype, device=start.device)
    start_row, gradient_row = start[:, None], gradient[:, None]
    x, slope = start, gradient
    free = (x - one.copysign(slope)).clamp_(low, high) != x
    for _ in range(size + EXTRA_ROUNDS):
        column = free[..., None]
        matrix = torch.where(column & column.mT, damped, identity)
        step = torch.linalg.solve_ex(matrix, slope * free)[0].nan_to_num()
        projected = (x - step).clamp_(low, high)
        share = ((x - projected) / step).nan_to_num_(nan=1.0)  # of the step that the box allows
        first = share.amin(dim=1, keepdim=True)
        tried = torch.stack([projected, x - first * step], dim=1)
        moved = tried - start_row
        slopes = torch.baddbmm(gradient_row, moved, hessian)
        value = ((slopes + gradient_row) * moved).sum(-1)
        better = value[:, :1] < value[:, 1:]
        x = torch.where(better, tried[:, 0], tried[:, 1]).clamp_(low, high)
        slope = torch.where(better, slopes[:, 0], slopes[:, 1])
        unheld = (x - one.copysign(slope)).clamp_(low, high) != x  # not by bound and slope
        free = unheld & torch.where(first < WHOLE, free & (share > first), True)
    # Also where rounding, or values that are not finite, made it worse.
    return torch.where(torch.where(better, value[:, :1], value[:, 1:]) <= 0, x, start)
