# SPDX-License-Identifier: Apache-2.0
"""Coloured noise in time: neighbouring actions of a sampled sequence resemble each other."""

from __future__ import annotations

import torch
from torch import Tensor


def coloured(
    shape: tuple[int, int, int], beta: float, generator: torch.Generator, like: Tensor
) -> Tensor:
    """Noise (N, T, A), unit variance, power 1 / f^beta along T (Timmer and König, 1995).

    like: a tensor of the type and on the device that the noise is for.
    """
    count, horizon, size = shape
    device = like.device
    frequencies = torch.fft.rfftfreq(horizon, device=device)
    frequencies[0] = frequencies[1] if horizon > 1 else 1.0
    scale = frequencies ** (-beta / 2)
    spectrum = (
        torch.randn(count, size, len(scale), 2, generator=generator, device=device)
        * scale[:, None]
    )
    noise = torch.fft.irfft(torch.view_as_complex(spectrum.contiguous()), n=horizon)
    # The variance over the ensemble, not of each sample: samples should differ in strength.
    variance = 2 * (scale[1:].square().sum() * 2 + scale[0].square() / 2) / horizon**2
    return (noise / variance.sqrt()).transpose(1, 2).to(like.dtype)
