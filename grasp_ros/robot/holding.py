# SPDX-License-Identifier: Apache-2.0
"""Whether a robot can be held at all where it stands, by its limits and tolerances."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from grasp_ros.config import RobotConfig

LONGEST_HOLD = 1.9  # s, within which a robot is brought to a hold


def unholdable(robot: RobotConfig, send_ahead: float) -> Iterator[str]:
    """The joints that cannot be held where they stand from tracking_tolerance beside, in words.

    What the controller commands may be so far off, and a hold may come 2 send_ahead, s, too late.
    """
    left = LONGEST_HOLD - 2 * send_ahead
    speeds = robot.max_velocity, robot.max_acceleration
    for joint, way, speed, change in zip(
        robot.joints, robot.tracking_tolerance, *speeds, strict=True
    ):
        needed = max(1.5 * way / speed, math.sqrt(6 * way / change))  # by one cubic
        if needed > left:
            yield (
                f'robot.tracking_tolerance: {way} of {joint} takes {needed:.2f} s within '
                f'max_velocity {speed} and max_acceleration {change}; with send_ahead '
                f'{send_ahead} a robot is held within {left:.2f} s or not at all'
            )
