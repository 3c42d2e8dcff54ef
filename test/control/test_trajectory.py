# SPDX-License-Identifier: Apache-2.0
"""Trajectories made from any actions keep the limits, between their points too."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.interpolate import BPoly, CubicHermiteSpline
from strategies import START_NS, Case, cases, dense, each

from grasp_ros.control.extremes import extremes
from grasp_ros.control.trajectory import from_actions, stop
from grasp_ros.robot.command import COMMANDS
from grasp_ros.robot.jtc import interpolate, sample
from grasp_ros.types import JointTrajectory, Motion, nanoseconds, seconds

ROUNDING = 1e-6  # m, and relative: times are whole nanoseconds


def assert_within_limits(trajectory: JointTrajectory, limits, acceleration_rounding=1e-6) -> None:
    (lowest, highest), speed, acceleration = extremes(trajectory)
    assert (lowest >= limits.position_min - ROUNDING).all()
    assert (highest <= limits.position_max + ROUNDING).all()
    assert (speed <= limits.velocity * (1 + ROUNDING)).all()
    assert (acceleration <= limits.acceleration * (1 + 1e-4) + acceleration_rounding).all()


@pytest.mark.parametrize('meaning', COMMANDS)
@given(data=st.data())
def test_keeps_limits_between_points(meaning, data):
    case = data.draw(cases(meaning))
    assert_within_limits(case.trajectory(), case.limits)


@given(cases())
def test_extremes_are_those_of_the_sampled_motion(case: Case):
    trajectory = case.trajectory()
    (lowest, highest), speed, acceleration = extremes(trajectory)
    times = dense(trajectory)
    motions = [sample(trajectory, int(at)) for at in times]
    positions = np.stack([motion.position for motion in motions])
    velocities = np.stack([motion.velocity for motion in motions])
    assert (positions >= lowest - 1e-9).all() and (positions <= highest + 1e-9).all()
    assert (np.abs(velocities) <= speed + 1e-9).all()
    apart = np.diff(times) > 1000
    slopes = np.abs(np.diff(velocities, axis=0) / (np.diff(times) / 1e9)[:, None])[apart]
    assert (slopes <= acceleration * (1 + 1e-3) + 1e-3).all()


@given(cases())
def test_begins_in_the_start_state_and_ends_at_rest(case: Case):
    trajectory = case.trajectory()
    assert np.array_equal(trajectory.positions[0], case.start.position)
    assert np.array_equal(trajectory.velocities[0], case.start.velocity)
    assert not trajectory.velocities[-1].any()
    assert trajectory.start_ns == START_NS and trajectory.joints == case.joints


@given(cases())
def test_times_start_at_zero_and_strictly_increase(case: Case):
    times = case.trajectory().times_ns
    assert times[0] == 0 and (np.diff(times) > 0).all()


@given(cases())
def test_model_steps_are_on_points(case: Case):
    steps = nanoseconds(case.space.dt) * np.arange(len(case.actions) + 1)
    assert set(steps) <= set(case.trajectory().times_ns)


def test_free_motion_reaches_what_the_action_asks_for(space, limits, robot):
    actions = np.tile([[1.0, -0.5]], (5, 1))
    rest = Motion(np.zeros(2), np.zeros(2))
    trajectory = from_actions(actions, rest, START_NS, space, limits, robot.joints)
    moving = sample(trajectory, START_NS + nanoseconds(0.3))
    np.testing.assert_allclose(moving.velocity, [0.15, -0.075])
    # 0.15 m/s at 3 m/s² takes 0.05 s, half of which is lost.
    np.testing.assert_allclose(moving.position[0], 0.15 * (0.3 - 0.025))


def test_outside_the_limits_it_moves_only_inwards(space, limits, robot):
    outside = Motion(np.array([0.30, -0.31]), np.zeros(2))
    for sign in (1.0, -1.0):
        actions = sign * np.tile([[1.0, -1.0]], (6, 1))
        trajectory = from_actions(actions, outside, START_NS, space, limits, robot.joints)
        (lowest, highest), _, _ = extremes(trajectory)
        assert highest[0] <= 0.30 and lowest[1] >= -0.31
    assert trajectory.positions[-1][0] < 0.27 and trajectory.positions[-1][1] > -0.27


@given(cases())
def test_stop_comes_to_rest_within_limits(case: Case):
    trajectory = stop(case.start, START_NS, case.limits, case.joints)
    assert not trajectory.velocities[-1].any()
    assert (np.diff(trajectory.times_ns) > 0).all()
    assert_within_limits(trajectory, case.limits)
    slowest = (np.abs(case.start.velocity) / case.limits.acceleration).max()
    assert seconds(trajectory.times_ns[-1]) <= slowest + 1.1e-3


def test_stop_at_rest_holds_the_position(limits, robot):
    here = Motion(np.array([0.1, -0.2]), np.zeros(2))
    trajectory = stop(here, START_NS, limits, robot.joints)
    assert (trajectory.positions == here.position).all() and len(trajectory.times_ns) == 2


def two_points(data):
    start, end = START_NS, START_NS + data.draw(st.integers(1_000_000, 3_000_000_000))
    values = [data.draw(each(2, -2.0, 2.0)) for _ in range(6)]
    return (start, *values[:3]), (end, *values[3:])


@given(st.data())
def test_cubic_is_that_of_scipy(data):
    first, last = two_points(data)
    at = data.draw(st.integers(first[0], last[0]))
    span, t = seconds(last[0] - first[0]), seconds(at - first[0])
    spline = CubicHermiteSpline([0, span], [first[1], last[1]], [first[2], last[2]])
    motion = interpolate(first, last, at, 3)
    np.testing.assert_allclose(motion.position, spline(t), atol=1e-9)
    np.testing.assert_allclose(motion.velocity, spline(t, 1), atol=1e-6 / span)


@given(st.data())
def test_quintic_is_that_of_scipy(data):
    first, last = two_points(data)
    at = data.draw(st.integers(first[0], last[0]))
    span, t = seconds(last[0] - first[0]), seconds(at - first[0])
    spline = BPoly.from_derivatives([0, span], [list(first[1:]), list(last[1:])])
    motion = interpolate(first, last, at, 5)
    np.testing.assert_allclose(motion.position, spline(t), atol=1e-9)
    np.testing.assert_allclose(motion.velocity, spline.derivative()(t), atol=1e-6 / span)


@given(st.data())
def test_linear_goes_straight(data):
    first, last = two_points(data)
    share = data.draw(st.floats(0, 1))
    at = first[0] + round(share * (last[0] - first[0]))
    motion = interpolate(first, last, at, 1)
    exact = (at - first[0]) / (last[0] - first[0])
    np.testing.assert_allclose(motion.position, first[1] + exact * (last[1] - first[1]), atol=1e-9)


def test_sample_holds_the_ends(space, limits, robot):
    rest = Motion(np.zeros(2), np.zeros(2))
    trajectory = from_actions(np.ones((3, 2)), rest, START_NS, space, limits, robot.joints)
    before, after = sample(trajectory, START_NS - 1), sample(trajectory, trajectory.end_ns + 1)
    assert np.array_equal(before.position, trajectory.positions[0])
    assert np.array_equal(after.position, trajectory.positions[-1]) and not after.velocity.any()
