# SPDX-License-Identifier: Apache-2.0
"""What is told of a clock that jumped, and of one that was changed for another."""

import time
from types import SimpleNamespace

import pytest
import rclpy
from rclpy.clock import ClockChange
from rclpy.parameter import Parameter
from rclpy.time import Time

from grasp_ros.nodes.time import UNHEARD_NS, NodeTime
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
    take = lambda threshold, **callbacks: handed.append(callbacks.get('post_callback'))  # noqa: E731
    node = SimpleNamespace(get_clock=lambda: SimpleNamespace(create_jump_callback=take))
    NodeTime(node, lambda: 0, lambda *what: heard.append(what))
    delta = SimpleNamespace(nanoseconds=-5 * NS)
    handed[0](SimpleNamespace(clock_change=change, delta=delta))
    assert heard == [told]


def test_by_clock_time_goes_on_a_little_unheard_and_not_back():
    """A process that is busy must not take an old time for now when it sends a command."""
    context = rclpy.Context()
    context.init()
    told = [Parameter('use_sim_time', value=True)]
    node = rclpy.create_node('told', context=context, parameter_overrides=told)
    try:
        heard = []
        of_node = NodeTime(node, lambda: 0, lambda *what: heard.append(what))
        tell = lambda seconds: node.get_clock().set_ros_time_override(  # noqa: E731
            Time(nanoseconds=round(seconds * NS), clock_type=node.get_clock().clock_type)
        )
        assert of_node.latest_ns() == 0, 'nobody has told the time yet'
        tell(10.0)
        time.sleep(0.02)
        assert 10.02 * NS <= of_node.latest_ns() <= 10 * NS + UNHEARD_NS
        time.sleep(0.1)
        unheard = of_node.latest_ns()
        assert unheard == 10 * NS + UNHEARD_NS
        tell(10.01)
        assert of_node.latest_ns() == unheard, 'not back'
        tell(20.0)
        assert 20 * NS <= of_node.latest_ns() <= 20 * NS + UNHEARD_NS
        tell(5.0)
        assert 5 * NS <= of_node.latest_ns() <= 5 * NS + UNHEARD_NS
        assert heard == [('the clock jumped by -15.000 s', False)]
    finally:
        node.destroy_node()
        context.shutdown()
