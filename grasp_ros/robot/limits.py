# SPDX-License-Identifier: Apache-2.0
"""What a robot's joints may do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from grasp_ros.config import RobotConfig
from grasp_ros.types import FloatArray


@dataclass(frozen=True)
class Limits:
    """Joint limits (J,): positions in m or rad, speeds per s, accelerations per s²."""

    position_min: FloatArray
    position_max: FloatArray
    velocity: FloatArray
    acceleration: FloatArray

    @classmethod
    def of(cls, robot: RobotConfig) -> Limits:
        """The limits of a configured robot."""
        return cls(
            np.array(robot.position_min),
            np.array(robot.position_max),
            np.array(robot.max_velocity),
            np.array(robot.max_acceleration),
        )
