# SPDX-License-Identifier: Apache-2.0
"""Notices a camera that shows the same picture while the robot moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from grasp_ros.types import FloatArray, ImageArray, Refused

COUNT = 3  # same pictures in a row before motion says that the camera is frozen


@dataclass(frozen=True)
class Frozen(Refused):
    """A camera has shown the same picture while the robot moved."""


@dataclass(frozen=True)
class Still:
    """A picture, how often it came in a row, and where the joints (J,) were at first."""

    rgb: ImageArray
    count: int
    position: FloatArray


class Watch:
    """Compares each picture with the last one of its camera, pixel by pixel.

    tolerance (J,), m or rad: how far a joint must have moved for the picture to differ.
    """

    def __init__(self, tolerance: FloatArray):
        self._tolerance = tolerance
        self._still: dict[str, Still] = {}

    def clear(self) -> None:
        """Forget the last pictures."""
        self._still.clear()

    def see(self, images: Mapping[str, ImageArray], position: FloatArray) -> Frozen | None:
        """Whether a camera is frozen, by its new picture taken at the joints' position (J,)."""
        frozen = None
        for name, rgb in images.items():
            still = self._still.get(name)
            if still is None or not np.array_equal(rgb, still.rgb):
                self._still[name] = Still(rgb, 1, position)
                continue
            self._still[name] = still = Still(still.rgb, still.count + 1, still.position)
            moved = np.abs(position - still.position)
            if still.count >= COUNT and (moved > self._tolerance).any():
                frozen = Frozen(
                    f'{name}: the picture has not changed while the robot moved: '
                    f'{still.count} times the same over {moved.max():.4f} m or rad; '
                    '~/clear_fault where it was the joints that changed, not the robot'
                )
        return frozen
