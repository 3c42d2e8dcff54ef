# SPDX-License-Identifier: Apache-2.0
"""Notices a camera that shows the same picture while the robot moves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from grasp_ros.types import FloatArray, ImageArray, Refused

COUNT = 3  # same pictures in a row before motion says that the camera is frozen
FURTHER = 5.0  # times as far while other pictures change: not each camera shows each joint


@dataclass(frozen=True)
class Frozen(Refused):
    """A camera has shown the same picture while the robot moved."""


@dataclass(frozen=True)
class Still:
    """A picture, how often it came in a row, and where the joints (J,) were at first."""

    rgb: ImageArray
    count: int
    position: FloatArray

    def again(self) -> Still:
        """The same picture once more."""
        return replace(self, count=self.count + 1)


class Watch:
    """Compares each picture with the last one of its camera, pixel by pixel.

    tolerance (J,), m or rad: how far a joint must have moved for the picture to differ. Where
    another camera's pictures change meanwhile, FURTHER times as far: a wrist turns unseen.
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
            same = still is not None and np.array_equal(rgb, still.rgb)
            self._still[name] = still.again() if still and same else Still(rgb, 1, position)
        newest = min((one.count for one in self._still.values()), default=0)
        for name, still in self._still.items():
            enough = self._tolerance * (FURTHER if newest < still.count else 1.0)
            moved = np.abs(position - still.position)
            if still.count >= COUNT and (moved > enough).any():
                frozen = Frozen(
                    f'{name}: the picture has not changed while the robot moved: '
                    f'{still.count} times the same over {moved.max():.4f} m or rad; '
                    '~/clear_fault where it was the joints that changed, not the robot'
                )
        return frozen
