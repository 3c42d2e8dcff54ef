# SPDX-License-Identifier: Apache-2.0
"""Photometric augmentation: other light and other cameras, with everything in its place."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor


def photometric() -> Callable[[Tensor], Tensor]:
    """A function of uint8 images (N, H, W, 3) to augmented float32 ones, values 0 to 255.

    Each image gets brightness, contrast and saturation of its own: frames of one motion then
    differ in what the latent must not depend on. Little of it: a light that varies much hides the
    small parts, and the joints that move them.
    """
    import kornia.augmentation as K  # takes seconds, and not every training needs it

    augment = K.ImageSequential(
        K.RandomBrightness((0.9, 1.1), p=1.0),
        K.RandomContrast((0.85, 1.15), p=1.0),
        K.RandomSaturation((0.8, 1.2), p=1.0),
    )

    def apply(images: Tensor) -> Tensor:
        pixels = augment(images.permute(0, 3, 1, 2) / 255)
        return (255 * pixels.clamp(0, 1)).permute(0, 2, 3, 1)

    return apply
