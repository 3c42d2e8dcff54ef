# SPDX-License-Identifier: Apache-2.0
"""What is told of a clock that jumped, and of one that was changed for another."""

from types import SimpleNamespace

import pytest
from rclpy.clock import ClockChange

from grasp_ros.nodes.time import NodeTime
from grasp_ros.types import NS


@pytest.mark.parametrize(
    'change, told',
    [
        (ClockChange.ROS_TIME_ACTIVATED, ('use_sim_time was changed', True)),
        (ClockChange.ROS_TIME_DEACTIVATED, ('use_sim_time was changed', True)),
        (ClockChange.ROS_TIME_NO_CHANGE, ('the clock jumped by -5.000 s', False)),
    ],
)
def test_another_clock_is_told_apart_from_one_that_jumped(change, told):
    handed, heard = [], []
    take = lambda threshold, post_callback: handed.append(post_callback)  # noqa: E731
    node = SimpleNamespace(get_clock=lambda: SimpleNamespace(create_jump_callback=take))
    NodeTime(node, lambda: 0, lambda *what: heard.append(what))
    delta = SimpleNamespace(nanoseconds=-5 * NS)
    handed[0](SimpleNamespace(clock_change=change, delta=delta))
    assert heard == [told]
