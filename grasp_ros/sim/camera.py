# SPDX-License-Identifier: Apache-2.0
"""A simulator's camera: where it is, what it looks at, where points are in its image."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from grasp_ros.parameters import REQUIRED, param
from grasp_ros.types import FloatArray

NEAR = 1e-3  # m; what is not further in front of the camera than this is drawn as if it were


@dataclass(frozen=True)
class Camera:
    """A pinhole camera, from the section `cameras` of a simulator's file.

    Its place is one in the world, or in the frame of the robot's link that bears it.
    """

    name: str = param(REQUIRED, 'topic of its images')
    frame: str = param(REQUIRED, 'ROS name of its optical frame')
    position: tuple[float, ...] = param(REQUIRED, 'where it is', 'm')
    target: tuple[float, ...] = param(REQUIRED, 'the point in the middle of its image', 'm')
    up: tuple[float, ...] = param(REQUIRED, 'the direction that is up in its image')
    fovy: float = param(REQUIRED, 'vertical field of view', 'rad', low=0.05, high=3.0)
    width: int = param(REQUIRED, 'image width', 'px', low=8, high=1024)
    height: int = param(REQUIRED, 'image height', 'px', low=8, high=1024)
    rate: float = param(REQUIRED, 'images a simulated second', 'Hz', low=1.0, high=100.0)
    link: str = param('', 'of the robot, that bears it; empty: it stands in the world')

    def broken_rules(self) -> list[str]:
        """What is wrong with the pose, in words."""
        broken = [
            f'{name}: {seen} values, expected 3'
            for name in ('position', 'target', 'up')
            if (seen := len(getattr(self, name))) != 3
        ]
        return broken or list(self._unusable())

    def _unusable(self) -> Iterator[str]:
        view = np.subtract(self.target, self.position)
        if not np.any(view):
            yield f'target: {list(self.target)} is where the camera is'
        elif np.linalg.norm(np.cross(view, self.up)) < 1e-9:
            yield f'up: {list(self.up)} is the direction in which the camera looks'

    def axes(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Unit vectors (3,) that are right, up and away in the image."""
        away = np.subtract(self.target, self.position)
        away = away / np.linalg.norm(away)
        right = np.cross(away, self.up)
        right = right / np.linalg.norm(right)
        return right, np.cross(right, away), away

    def pixels(self, points: FloatArray) -> FloatArray:
        """Where points (..., 3) of its frame are in the image: column and row (..., 2), px."""
        right, up, away = self.axes()
        offset = np.asarray(points) - self.position
        scale = self.height / 2 / math.tan(self.fovy / 2) / np.maximum(offset @ away, NEAR)
        column = self.width / 2 + scale * (offset @ right)
        return np.stack([column, self.height / 2 - scale * (offset @ up)], axis=-1)
