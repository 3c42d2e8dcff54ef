# SPDX-License-Identifier: Apache-2.0
"""Where recordings are thin, and where a map has no ways: by ranges of each joint."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from grasp_ros.types import FloatArray

PARTS = 6  # ranges of a joint's travel
FEWEST = 3  # places without a way that say anything about a range


@dataclass(frozen=True)
class Range:
    """Part of a joint's travel, from low to high, m or rad, and a share of what lies there."""

    joint: int
    low: float
    high: float
    share: float

    def plain(self) -> list[float]:
        """As in the report."""
        return [self.joint, *(float(f'{one:.4g}') for one in (self.low, self.high, self.share))]

    def words(self, joints: tuple[str, ...]) -> str:
        """As people read it: 'elbow from -1.2 to -0.8'."""
        return f'{joints[self.joint]} from {self.low:.3g} to {self.high:.3g}'


def seldom(positions: FloatArray) -> list[Range]:
    """The range of each joint with the fewest frames, of frames at positions (N, J)."""
    found = []
    for joint, (edges, part) in enumerate(_parts(positions, positions)):
        shares = np.bincount(part, minlength=PARTS) / len(part)
        least = int(shares.argmin())
        found.append(Range(joint, edges[least], edges[least + 1], float(shares[least])))
    return found


def cut_off(positions: FloatArray, ends: FloatArray, reached: NDArray[np.bool_]) -> Range | None:
    """The range with the largest share of pairs without a way, None where hardly any lacks one.

    positions (N, J): of all frames. ends (P, 2, J): start and goal of pairs; reached (P,).
    """
    places, failed = ends.reshape(-1, ends.shape[-1]), np.repeat(~reached, 2)
    worst: Range | None = None
    for joint, (edges, part) in enumerate(_parts(positions, places)):
        for one in range(PARTS):
            here = failed[part == one]
            if here.sum() < FEWEST or (worst is not None and here.mean() <= worst.share):
                continue
            worst = Range(joint, edges[one], edges[one + 1], float(here.mean()))
    return worst


def _parts(
    positions: FloatArray, places: FloatArray
) -> list[tuple[FloatArray, NDArray[np.int64]]]:
    """For each joint the bounds of its ranges (PARTS + 1,) and the range of each place (N,)."""
    found = []
    for known, here in zip(positions.T, places.T, strict=True):
        edges = np.linspace(known.min(), known.max(), PARTS + 1)
        part = np.clip(np.searchsorted(edges, here, side='right') - 1, 0, PARTS - 1)
        found.append((edges, part))
    return found
