# SPDX-License-Identifier: Apache-2.0
"""A clock that was set is noticed; a busy machine and NTP's slewing are not taken for that."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_ros.observation.clock import JUMP_NS, ClockWatch
from grasp_ros.types import NS

T0 = 1_700_000_000 * NS
held_up = st.integers(0, 3 * NS)


@pytest.mark.parametrize('jump', [-3600 * NS, -10 * NS, -NS // 10, NS // 10, 10 * NS, 10**6 * NS])
def test_jump_is_measured_once(jump):
    watch = ClockWatch()
    watch.accept(0, T0, 0)
    assert watch.jump_ns(NS, T0 + NS + jump, NS) == jump
    watch.accept(NS, T0 + NS + jump, NS)
    assert watch.jump_ns(2 * NS, T0 + 2 * NS + jump, 2 * NS) == 0


@given(st.lists(st.tuples(st.integers(0, 10 * NS), held_up, held_up), min_size=2, max_size=20))
def test_thread_that_is_held_up_is_no_jump(looks):
    watch, steady = ClockWatch(), 0
    for wait, before, after in looks:
        steady += wait
        look = (steady, T0 + steady + before, steady + before + after)
        assert watch.jump_ns(*look) == 0
        watch.accept(*look)
        steady = look[2]


def test_slewing_is_no_jump():
    watch, now = ClockWatch(), T0
    for second in range(1000):
        look = (second * NS, now + second * NS, second * NS)
        assert watch.jump_ns(*look) == 0
        watch.accept(*look)
        now += JUMP_NS // 100  # 500 ppm


def test_another_clock_has_not_jumped():
    watch = ClockWatch()
    watch.accept(0, T0, 0)
    watch.clear()
    assert watch.jump_ns(NS, 5 * NS, NS) == 0
    assert watch.look(NS, 5 * NS, NS) == 0
    assert watch.jump_ns(2 * NS, 16 * NS, 2 * NS) == 10 * NS


def test_nothing_is_known_at_first():
    assert ClockWatch().jump_ns(0, T0, 0) == 0
