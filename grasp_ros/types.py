# SPDX-License-Identifier: Apache-2.0
"""The records that travel through the pipeline. Times are integer ns, lengths SI units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NS = 1_000_000_000

FloatArray = NDArray[np.float64]
ImageArray = NDArray[np.uint8]
TimeArray = NDArray[np.int64]
Clock = Callable[[], int]
"""The time in ns, whichever clock it is of."""


class BadInput(ValueError):
    """Unusable input from outside; the text names the value seen and the one expected."""


def seconds(duration_ns: int) -> float:
    """Nanoseconds as float seconds: for durations and messages to people, never for stamps."""
    return duration_ns / NS


def nanoseconds(duration_s: float) -> int:
    """Float seconds, rounded to integer nanoseconds."""
    return round(duration_s * NS)


@dataclass(frozen=True)
class Frame:
    """A camera image: rgb (H, W, 3) uint8, with the stamp of its acquisition."""

    stamp_ns: int
    rgb: ImageArray
    camera: str = 'image'


@dataclass(frozen=True)
class JointSample:
    """Measured joints, in the robot's joint order: position and velocity (J,), m or rad, per s."""

    stamp_ns: int
    position: FloatArray
    velocity: FloatArray


@dataclass(frozen=True)
class Motion:
    """Joint state at one instant: position and velocity (J,)."""

    position: FloatArray
    velocity: FloatArray


@dataclass(frozen=True)
class Observation:
    """What the robot saw and where its joints were at one instant, the images' stamp.

    images: rgb (H, W, 3) uint8 by the camera's name; a single camera is named `image`. position,
    velocity (J,): NaN where nobody measured them, as in a goal that is a picture alone.
    """

    stamp_ns: int
    images: Mapping[str, ImageArray]
    position: FloatArray
    velocity: FloatArray

    @classmethod
    def pictured(cls, images: Mapping[str, ImageArray], joints: int) -> Observation:
        """Pictures alone, of a robot with `joints` joints that nobody measured."""
        unknown = np.full(joints, np.nan)
        return cls(0, images, unknown, unknown)


@dataclass(frozen=True)
class Refused:
    """Why there is no usable observation (or plan, or trajectory), in words for the operator."""

    reason: str


@dataclass(frozen=True)
class JointTrajectory:
    """A joint trajectory as JointTrajectoryController reads it.

    start_ns: when time zero happens; 0 means on receipt. times_ns (N,) from the start.
    positions (N, J), and velocities and accelerations (N, J) or None.
    """

    joints: tuple[str, ...]
    start_ns: int
    times_ns: TimeArray
    positions: FloatArray
    velocities: FloatArray | None = None
    accelerations: FloatArray | None = None

    @property
    def end_ns(self) -> int:
        """The absolute time of the last point."""
        return self.start_ns + int(self.times_ns[-1])
