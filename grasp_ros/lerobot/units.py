# SPDX-License-Identifier: Apache-2.0
"""LeRobot's units of joint positions, and radians."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grasp_ros.lerobot.reading import readable
from grasp_ros.types import BadInput, FloatArray

TICKS = 4096  # of the servos' encoders in a turn
# What a joint's position cannot be beyond, in each unit. Normalised values are cut to 100.
BEYOND = {'radians': 2 * np.pi, 'degrees': 720.0, 'normalised': 100.001}
LEAST = np.pi  # degrees or hundredths: an arm whose joints stay within has not been moved


@dataclass(frozen=True)
class Unit:
    """A unit of joint positions. scale (J,): radians that one of it is, with the sign."""

    name: str
    joints: tuple[str, ...]
    scale: FloatArray

    def radians(self, values: FloatArray, where: str) -> FloatArray:
        """Positions (J,) in rad; raises BadInput at `where` for what no position can be."""
        for joint, value in zip(self.joints, values, strict=True):
            if not np.isfinite(value):
                raise BadInput(
                    f'{where} of {joint} is {value}, a number expected; leave this episode out'
                )
            if abs(value) > BEYOND[self.name]:
                raise BadInput(
                    f'{where} of {joint} is {value:g}, within +-{BEYOND[self.name]:g} expected '
                    f'of {self.name}; say by --unit which of {list(BEYOND)} it is'
                )
        return values * self.scale

    def of(self, positions: FloatArray) -> FloatArray:
        """Positions (..., J), rad, in this unit."""
        return positions / self.scale

    def refuse_small(self, largest: float, where: object) -> None:
        """Raises BadInput if the `largest` position of all is one in radians, by its size."""
        if self.name != 'radians' and largest <= LEAST:
            raise BadInput(
                f'{where}: no joint is ever beyond {largest:.3g}, hardly {self.name}; are they '
                'radians? Then say --unit radians'
            )


def make_unit(name: str, joints: Sequence[str], calibration: Path | None) -> Unit:
    """The unit called `name`, for these joints; raises BadInput without what it needs."""
    if name == 'normalised' and calibration is None:
        raise BadInput(
            "--unit normalised needs --calibration FILE, LeRobot's of this arm: usually "
            '~/.cache/huggingface/lerobot/calibration/robots/*/ID.json'
        )
    if name == 'normalised' and calibration is not None:
        return Unit(name, tuple(joints), _normalised(calibration, joints))
    one = {'radians': 1.0, 'degrees': np.pi / 180}[name]
    return Unit(name, tuple(joints), np.full(len(joints), one))


def _normalised(path: Path, joints: Sequence[str]) -> FloatArray:
    """Radians (J,) that a hundredth of half of each joint's calibrated range is."""
    with readable(path):
        motors = json.loads(path.read_text())
        if missing := [joint for joint in joints if joint not in motors]:
            raise BadInput(f'{path}: no calibration of {missing}; it has {sorted(motors)}')
        scale = []
        for joint in joints:
            motor = motors[joint]
            low, high = int(motor['range_min']), int(motor['range_max'])
            if not low < high:
                raise BadInput(f'{path}: {joint} has the range {low} to {high}, rising expected')
            turn = (high - low) / 2 * 2 * np.pi / TICKS
            # As LeRobot turns normalised values round, and no others.
            scale.append((-turn if motor['drive_mode'] else turn) / 100)
    return np.array(scale)
