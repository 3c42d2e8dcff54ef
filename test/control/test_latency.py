# SPDX-License-Identifier: Apache-2.0
"""The latency that is planned for: one slow plan, or a clock that jumps, does not move it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_ros.control.latency import WINDOW, Latency
from grasp_ros.types import nanoseconds

USUAL, MOST = nanoseconds(0.06), nanoseconds(0.5)


def measured(*samples: int, initial: int = USUAL) -> Latency:
    latency = Latency(initial, MOST)
    for sample in samples:
        latency.add(sample)
    return latency


def test_first_guess_holds_until_something_is_measured():
    assert measured().estimate_ns() == USUAL


@pytest.mark.parametrize('before', range(1, 30))
def test_one_slow_plan_delays_no_other(before):
    samples = [USUAL] * before + [MOST] + [USUAL] * 5
    assert measured(*samples).estimate_ns() == USUAL


@pytest.mark.parametrize('jump', [-nanoseconds(180), -1, MOST + 1, nanoseconds(1000)])
def test_a_clock_that_jumps_is_not_a_latency(jump):
    latency = measured(*[jump] * 20)
    assert latency.estimate_ns() == USUAL


def test_a_planner_that_is_always_slow_is_planned_for():
    assert measured(*[nanoseconds(0.3)] * 12).estimate_ns() == nanoseconds(0.3)


@pytest.mark.parametrize('then', [1, 20])
def test_two_slow_plans_of_three_are_planned_for_as_long_as_they_are_new(then):
    slow = nanoseconds(0.2)
    assert measured(*[USUAL] * WINDOW, slow).estimate_ns() == USUAL
    assert measured(*[USUAL] * WINDOW, slow, slow).estimate_ns() == slow
    assert measured(*[USUAL] * WINDOW, slow, USUAL, slow).estimate_ns() == slow
    assert measured(*[USUAL] * WINDOW, slow, slow, *[USUAL] * 2 * then).estimate_ns() == USUAL


def test_clear_forgets():
    latency = measured(*[nanoseconds(0.3)] * 12)
    latency.clear()
    assert latency.estimate_ns() == USUAL


def test_first_guess_is_capped_and_fades():
    latency = measured(initial=nanoseconds(9))
    assert latency.estimate_ns() == MOST
    for _ in range(WINDOW):
        latency.add(USUAL)
    assert latency.estimate_ns() == USUAL


@given(st.lists(st.integers(-(10**12), 10**12), max_size=3 * WINDOW))
def test_is_always_one_that_can_be_planned_for(samples):
    assert 0 <= measured(*samples).estimate_ns() <= MOST
