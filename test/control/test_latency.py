# SPDX-License-Identifier: Apache-2.0
"""The latency that is planned for: a rolling 95th percentile."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from grasp_ros.control.latency import WINDOW, Latency


def test_first_guess_holds_until_something_is_measured():
    assert Latency(100).p95_ns() == 100


def test_first_guess_fades():
    latency = Latency(10**9)
    for _ in range(WINDOW):
        latency.add(1000)
    assert latency.p95_ns() == 1000


@given(st.lists(st.integers(0, 10**10), min_size=WINDOW, max_size=3 * WINDOW))
def test_is_the_percentile_of_the_last_window(samples):
    latency = Latency(0)
    for sample in samples:
        latency.add(sample)
    assert latency.p95_ns() == int(np.percentile(samples[-WINDOW:], 95))


def test_rare_slow_plan_does_not_delay_all_others():
    latency = Latency(20)
    for i in range(WINDOW):
        latency.add(1000 if i % 25 == 0 else 20)
    assert latency.p95_ns() == 20
