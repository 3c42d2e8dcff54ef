# SPDX-License-Identifier: Apache-2.0
"""More joints get a larger model and more time, more frames more time, up to a bound."""

from dataclasses import astuple

from grasp_ros.training.capacity import FRAMES_A_STEP, capacity


def test_two_joints_keep_what_is_measured_and_six_get_more():
    assert astuple(capacity(2, 40_000))[:3] == (32, 128, 2)
    two, six = (astuple(capacity(joints, 80_000)) for joints in (2, 6))
    assert all(more > less for more, less in zip(six, two, strict=True))


def test_time_is_bounded_by_frames_and_joints():
    steps = [capacity(2, frames).encoder_steps for frames in (100, 20_000, 40_000, 10**7)]
    assert steps == sorted(steps) and steps[1] < steps[2] == steps[3]
    assert all(
        capacity(6, frames).encoder_steps * FRAMES_A_STEP <= 50 * frames
        for frames in (40_000, 60_000)
    )
