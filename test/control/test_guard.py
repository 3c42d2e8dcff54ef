# SPDX-License-Identifier: Apache-2.0
"""Each promise about trajectories has its check: break exactly one, and it is the one refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import START_NS, Case, cases, dense, each

from grasp_ros.control.guard import Guard, Measured, extremes
from grasp_ros.control.trajectory import from_actions
from grasp_ros.robot.jtc import sample
from grasp_ros.types import JointTrajectory, Motion, Refused, nanoseconds

NOW = START_NS - nanoseconds(0.05)
STAMP = NOW - nanoseconds(0.05)
MAX_AGE, START_ERROR = nanoseconds(0.5), 0.03
JOINTS = ('x_joint', 'y_joint')
REST = np.zeros(2)


@pytest.fixture
def guard(limits):
    return Guard(JOINTS, limits, START_ERROR, MAX_AGE)


@pytest.fixture
def good(space, limits):
    """Half a second of motion from the middle of the table, to rest."""
    actions = np.tile([[0.8, -0.6]], (5, 1))
    return from_actions(actions, Motion(REST, REST), START_NS, space, limits, JOINTS)


HERE = Measured(Motion(REST, REST), STAMP)


def by_hand(times, positions, velocities) -> JointTrajectory:
    """Seconds, and the motion of x_joint; y_joint rests."""
    zero = np.zeros(len(times))
    return JointTrajectory(
        JOINTS,
        START_NS,
        np.array([nanoseconds(t) for t in times], dtype=np.int64),
        np.stack([positions, zero], axis=1),
        np.stack([velocities, zero], axis=1),
    )


def with_value(values, index, value):
    """A copy of an array with one value changed."""
    changed = values.copy()
    changed[index] = value
    return changed


def assert_refused(result, reason):
    assert isinstance(result, Refused) and reason in result.reason


def test_takes_good_trajectory(guard, good):
    assert guard.check(good, HERE, NOW) is None


@given(cases())
def test_takes_whatever_from_actions_makes(case: Case):
    guard = Guard(case.joints, case.limits, START_ERROR, MAX_AGE)
    measured = Measured(case.start, STAMP)
    assert guard.check(case.trajectory(), measured, NOW) is None


@pytest.mark.parametrize(
    'changes, reason',
    [
        (lambda t: {'joints': ('y_joint', 'x_joint')}, "expected ['x_joint', 'y_joint']"),
        (lambda t: {'joints': ('x_joint', 'x_joint')}, "joints ['x_joint', 'x_joint']"),
        (lambda t: {'joints': ('x_joint',)}, "joints ['x_joint']"),
        (lambda t: {'times_ns': t.times_ns[:0]}, 'no points'),
        (lambda t: {'velocities': None}, 'expected positions and velocities'),
        (lambda t: {'accelerations': 0 * t.positions}, 'no accelerations'),
        (lambda t: {'positions': t.positions[:-1]}, 'positions have shape'),
        (lambda t: {'positions': t.positions[:, :1]}, 'positions have shape'),
        (lambda t: {'velocities': t.velocities[:-1]}, 'velocities have shape'),
        (lambda t: {'positions': with_value(t.positions, (2, 1), np.nan)}, 'positions are not'),
        (lambda t: {'positions': with_value(t.positions, (2, 1), np.inf)}, 'positions are not'),
        (lambda t: {'velocities': with_value(t.velocities, (2, 0), np.nan)}, 'velocities are not'),
        (lambda t: {'velocities': with_value(t.velocities, (-1, 0), np.nan)}, 'velocities are'),
        (lambda t: {'times_ns': with_value(t.times_ns, 2, t.times_ns[1])}, 'strictly increasing'),
        (lambda t: {'times_ns': with_value(t.times_ns, 2, 0)}, 'strictly increasing'),
        (lambda t: {'start_ns': NOW}, 'starts 0.000 s in the past'),
        (lambda t: {'start_ns': NOW - nanoseconds(1)}, 'starts 1.000 s in the past'),
        (lambda t: {'start_ns': 0}, 'in the past'),
        (lambda t: {'start_ns': NOW + nanoseconds(2.1)}, 'starts 2.100 s ahead'),
        (lambda t: {'velocities': with_value(t.velocities, (-1, 0), 1e-9)}, 'is not zero'),
    ],
)
def test_refuses_broken_promise(guard, good, changes, reason):
    assert_refused(guard.check(replace(good, **changes(good)), HERE, NOW), reason)


@pytest.mark.parametrize('age, reason', [(0.51, '0.510 s old'), (-0.01, '-0.010 s old')])
def test_refuses_observation_outside_its_time(guard, good, age, reason):
    measured = Measured(HERE.motion, NOW - nanoseconds(age))
    assert_refused(guard.check(good, measured, NOW), reason)


@pytest.mark.parametrize('joint', [0, 1])
@pytest.mark.parametrize('direction', [-1, 1])
def test_refuses_start_far_from_the_robot(guard, good, joint, direction):
    # 0.03 m, and 0.1 s at 0.15 m/s between observation and first point.
    allowed, too_far = (with_value(REST, joint, direction * e) for e in (0.0449, 0.0451))
    assert guard.check(good, Measured(Motion(allowed, REST), STAMP), NOW) is None
    refused = guard.check(good, Measured(Motion(too_far, REST), STAMP), NOW)
    assert_refused(refused, f'{JOINTS[joint]} starts 0.0451 from the measured position')


def test_refuses_start_when_the_measurement_is_nan(guard, good):
    measured = Measured(Motion(np.array([np.nan, 0.0]), REST), STAMP)
    assert_refused(guard.check(good, measured, NOW), 'from the measured position')


@pytest.mark.parametrize('side', [-1, 1])
def test_refuses_position_outside_the_limits(guard, side):
    there = Measured(Motion(np.array([side * 0.26, 0.0]), REST), STAMP)
    inside = by_hand([0, 1], [side * 0.26, side * 0.27], [0.0, 0.0])
    outside = by_hand([0, 1], [side * 0.26, side * 0.271], [0.0, 0.0])
    assert guard.check(inside, there, NOW) is None
    assert_refused(guard.check(outside, there, NOW), 'x_joint position')


def test_refuses_position_outside_between_the_points(guard):
    there = Measured(Motion(np.array([0.265, 0.0]), np.array([0.1, 0.0])), STAMP)
    overshoot = by_hand([0, 0.4, 0.5], [0.265, 0.265, 0.26], [0.1, -0.1, 0.0])
    assert overshoot.positions.max() < 0.27
    assert_refused(guard.check(overshoot, there, NOW), 'x_joint position 0.2750')


def test_refuses_speed_at_a_point(guard):
    fast = by_hand([0, 0.1, 0.2], [0.0, 0.008, 0.016], [0.0, 0.16, 0.0])
    assert_refused(guard.check(fast, HERE, NOW), 'x_joint speed 0.1600')


def test_refuses_speed_between_the_points(guard):
    fast = by_hand([0, 1], [0.0, 0.12], [0.0, 0.0])
    assert_refused(guard.check(fast, HERE, NOW), 'x_joint speed 0.1800')


@pytest.mark.parametrize('direction', [-1, 1])
def test_refuses_acceleration(guard, direction):
    allowed = by_hand([0, 0.1], [0.0, direction * 0.0049], [0.0, 0.0])
    jerk = by_hand([0, 0.1], [0.0, direction * 0.006], [0.0, 0.0])
    assert guard.check(allowed, HERE, NOW) is None
    assert_refused(guard.check(jerk, HERE, NOW), 'x_joint acceleration 3.6000')


def test_refuses_jump_between_two_points(guard):
    jump = by_hand([0, 0.1, 0.1001, 0.2], [0.0, 0.0, 0.1, 0.1], [0.0] * 4)
    assert_refused(guard.check(jump, HERE, NOW), 'x_joint speed')


@pytest.mark.parametrize('side', [-1, 1])
def test_robot_outside_its_limits_may_come_back_only(guard, side):
    outside = Measured(Motion(np.array([side * 0.29, 0.0]), REST), STAMP)
    inwards = by_hand([0, 1], [side * 0.29, side * 0.26], [0.0, 0.0])
    outwards = by_hand([0, 1], [side * 0.29, side * 0.30], [0.0, 0.0])
    to_the_other_side = by_hand([0, 10], [side * 0.29, side * -0.28], [0.0, 0.0])
    assert guard.check(inwards, outside, NOW) is None
    assert_refused(guard.check(outwards, outside, NOW), f'x_joint position {side * 0.3:.4f}')
    refused = guard.check(to_the_other_side, outside, NOW)
    assert_refused(refused, f'x_joint position {side * -0.28:.4f}')


def test_single_point_is_judged_too(guard):
    assert guard.check(by_hand([0], [0.01], [0.0]), HERE, NOW) is None
    assert_refused(guard.check(by_hand([0], [0.01], [0.01]), HERE, NOW), 'is not zero')


@given(st.data())
def test_extremes_are_those_of_the_motion_between_points(data):
    points = data.draw(st.integers(2, 4))
    lengths = data.draw(each(points - 1, 0.1, 2.0))
    positions, velocities = (data.draw(each(points, -1.0, 1.0)) for _ in range(2))
    trajectory = by_hand(np.append(0, np.cumsum(lengths)), positions, velocities)
    (lowest, highest), speed, acceleration = (np.array(e)[..., 0] for e in extremes(trajectory))
    times = dense(trajectory, 200)
    motions = [sample(trajectory, int(at)) for at in times[:-1]]
    path = np.array([motion.position[0] for motion in motions] + [positions[-1]])
    assert lowest == pytest.approx(path.min(), abs=1e-3)
    assert highest == pytest.approx(path.max(), abs=1e-3)
    assert lowest <= path.min() + 1e-9 and highest >= path.max() - 1e-9
    speeds = np.array([motion.velocity[0] for motion in motions])
    assert speed == pytest.approx(np.abs(np.append(speeds, velocities[-1])).max(), rel=1e-2)
    slopes = np.diff(speeds) / (np.diff(times[:-1]) / 1e9)
    within = np.diff(np.searchsorted(trajectory.times_ns, times[:-1] - START_NS, 'right')) == 0
    assert acceleration == pytest.approx(np.abs(slopes[within]).max(), rel=2e-2, abs=1e-6)
