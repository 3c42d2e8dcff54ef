# SPDX-License-Identifier: Apache-2.0
"""The figures by which LeRobot scales what its policies see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grasp_ros.types import FloatArray, ImageArray


@dataclass(frozen=True)
class Stats:
    """Least, largest, mean and standard deviation of `count` samples, each (K,) or (3, 1, 1)."""

    low: FloatArray
    high: FloatArray
    mean: FloatArray
    std: FloatArray
    count: int

    @classmethod
    def of(cls, values: FloatArray) -> Stats:
        """Of N samples (N, K)."""
        low, high = values.min(axis=0), values.max(axis=0)
        return cls(low, high, values.mean(axis=0), values.std(axis=0), len(values))

    @classmethod
    def picture(cls, rgb: ImageArray) -> Stats:
        """Of a picture (H, W, 3): by channel, of 0 to 1. It counts as one sample."""
        one = cls.of(rgb.reshape(-1, 3) / 255)
        low, high, mean, std = (
            value.reshape(3, 1, 1) for value in (one.low, one.high, one.mean, one.std)
        )
        return cls(low, high, mean, std, 1)

    @classmethod
    def merged(cls, parts: Sequence[Stats]) -> Stats:
        """Of the samples of all parts together."""
        counts = np.array([one.count for one in parts], dtype=float)
        means = np.stack([one.mean for one in parts])
        mean = np.average(means, axis=0, weights=counts)
        spread = np.stack([one.std for one in parts]) ** 2 + (means - mean) ** 2
        return cls(
            np.min([one.low for one in parts], axis=0),
            np.max([one.high for one in parts], axis=0),
            mean,
            np.sqrt(np.average(spread, axis=0, weights=counts)),
            int(counts.sum()),
        )

    def as_dict(self) -> dict[str, list[float]]:
        """As LeRobot writes them."""
        return {
            'min': self.low.tolist(),
            'max': self.high.tolist(),
            'mean': self.mean.tolist(),
            'std': self.std.tolist(),
            'count': [self.count],
        }
