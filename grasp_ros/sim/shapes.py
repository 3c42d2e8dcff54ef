# SPDX-License-Identifier: Apache-2.0
"""What stands around a robot, described once for every simulator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Shape:
    """A rigid body that never moves.

    size, m: a box's edges (x, y, z); a cylinder's (radius, length along z); a sphere's (radius,).
    position (m) and rpy (rad, about the fixed axes x, y, z) place its middle in the world.
    """

    name: str
    kind: Literal['box', 'cylinder', 'sphere']
    size: tuple[float, ...]
    position: tuple[float, float, float]
    rgba: tuple[float, float, float, float]
    rpy: tuple[float, float, float] = (0.0, 0.0, 0.0)
    friction: float = 1.0
