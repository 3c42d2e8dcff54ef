# SPDX-License-Identifier: Apache-2.0
"""Each promise about trajectories has its check: break exactly one, and it is the one refused."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import START_NS, Case, cases, dense, each

from grasp_ros.control.extremes import extremes
from grasp_ros.control.guard import Guard, Situation
from grasp_ros.control.reference import Reference
from grasp_ros.control.trajectory import from_actions
from grasp_ros.robot.command import make_command
from grasp_ros.robot.jtc import sample
from grasp_ros.types import JointSample, JointTrajectory, Motion, Refused, nanoseconds

NOW = START_NS - nanoseconds(0.05)
STAMP, LONG_AGO = NOW - nanoseconds(0.05), NOW - nanoseconds(9)
MAX_AGE, TOLERANCE, TRANSPORT = nanoseconds(0.5), np.full(2, 0.01), nanoseconds(0.04)
JOINTS = ('x_joint', 'y_joint')
REST = np.zeros(2)


def at_rest(position, since_ns=LONG_AGO) -> JointTrajectory:
    """What a controller that holds a position was told."""
    times = np.array([0, 1_000_000], dtype=np.int64)
    joints = JOINTS if len(position) == 2 else tuple(f'joint_{i}' for i in range(len(position)))
    return JointTrajectory(
        joints, since_ns, times, np.stack([position] * 2), np.zeros((2, len(position)))
    )


def situation(position=REST, velocity=None, told=None, stamp=STAMP, now=NOW) -> Situation:
    """The robot at `position`, where it was told to be unless `told` says otherwise."""
    position = np.asarray(position, dtype=float)
    velocity = np.zeros_like(position) if velocity is None else np.asarray(velocity)
    reference = Reference(at_rest(position) if told is None else told)
    return Situation(reference, JointSample(stamp, position, velocity), now, TRANSPORT, stamp)


@pytest.fixture
def guard(limits):
    return Guard(JOINTS, limits, TOLERANCE, MAX_AGE)


@pytest.fixture
def good(space, limits):
    """Half a second of motion from the middle of the table, to rest."""
    actions = np.tile([[0.8, -0.6]], (5, 1))
    return from_actions(actions, Motion(REST, REST), START_NS, space, limits, JOINTS)


HERE = situation()


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
    assert guard.check(good, HERE) is None


@given(case=cases(), data=st.data())
def test_takes_whatever_goes_on_from_what_was_told(case: Case, data):
    told, length = case.trajectory(), int(case.trajectory().times_ns[-1])
    now = START_NS + nanoseconds(0.05) + data.draw(st.integers(0, length))
    actions = np.stack(data.draw(st.lists(each(len(case.joints), -1, 1), min_size=1, max_size=5)))
    reference = Reference(told)
    begins = reference.snapped(now + TRANSPORT + data.draw(st.integers(0, length)))
    state = reference.at(begins)
    new = from_actions(actions, state, begins, case.space, case.limits, case.joints)
    message = reference.before(new, now - nanoseconds(0.05))
    seen = reference.at(now)
    measured = JointSample(now, seen.position, seen.velocity)
    guard = Guard(case.joints, case.limits, np.full(len(case.joints), 1e-3), MAX_AGE)
    assert guard.check(message, Situation(reference, measured, now, TRANSPORT, now)) is None


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
        (lambda t: {'start_ns': NOW - nanoseconds(0.1)}, 'x_joint jumps in position'),
        (lambda t: {'start_ns': NOW - nanoseconds(0.52)}, 'before it arrives'),
        (lambda t: {'start_ns': NOW - nanoseconds(1)}, 'before it arrives'),
        (lambda t: {'start_ns': 0}, 'no start time'),
        (lambda t: {'start_ns': NOW + nanoseconds(2.1)}, 'starts 2.100 s ahead'),
        (lambda t: {'velocities': with_value(t.velocities, (-1, 0), 1e-9)}, 'is not zero'),
    ],
)
def test_refuses_broken_promise(guard, good, changes, reason):
    assert_refused(guard.check(replace(good, **changes(good)), HERE), reason)


@pytest.mark.parametrize('age, reason', [(0.51, '0.510 s old'), (-0.01, '-0.010 s old')])
def test_refuses_observation_outside_its_time(guard, good, age, reason):
    seen = situation(stamp=NOW - nanoseconds(age))
    assert_refused(guard.check(good, seen), reason)


@pytest.mark.parametrize('age, taken', [(-0.05, True), (-0.051, False), (0.5, True)])
def test_observation_of_a_camera_whose_clock_is_ahead_is_taken(limits, good, age, taken):
    guard = Guard(JOINTS, limits, TOLERANCE, MAX_AGE, nanoseconds(0.05))
    refused = guard.check(good, replace(HERE, observation_ns=NOW - nanoseconds(age)))
    if taken:
        assert refused is None
    else:
        assert_refused(refused, 'observation is -0.051 s old, -0.050 to 0.500 s allowed')


def test_a_stop_needs_no_observation(guard, good):
    assert guard.check(good, replace(HERE, observation_ns=None)) is None


@pytest.mark.parametrize('joint', [0, 1])
@pytest.mark.parametrize('direction', [-1, 1])
def test_refuses_start_far_from_the_robot(guard, good, joint, direction):
    # 0.01 m, and 0.1 s at 0.15 m/s between the measurement and the first point.
    allowed, too_far = (with_value(REST, joint, direction * e) for e in (0.0249, 0.0251))
    told = at_rest(REST)
    still = from_actions(np.zeros((5, 2)), Motion(REST, REST), START_NS, *robot_of(guard))
    assert 'measured position' not in str(guard.check(still, situation(allowed, told=told)))
    refused = guard.check(still, situation(too_far, told=told))
    assert_refused(refused, f'{JOINTS[joint]} starts 0.0251 from the measured position')


def robot_of(guard):
    return make_command('joint_velocity', (-0.15,) * 2, (0.15,) * 2, 0.1), guard._limits, JOINTS


def test_refuses_start_when_the_measurement_is_nan(guard, good):
    seen = situation(np.array([np.nan, 0.0]), told=at_rest(REST))
    assert_refused(guard.check(good, seen), 'from the measured position')


# The motion before the first point, which is the controller's own.


def test_refuses_a_way_to_the_first_point_that_is_too_fast(guard):
    """The controller is at 13 mm, the message begins at 0 in 40 to 50 ms."""
    told = at_rest(np.array([0.009, 0.0]))
    refused = guard.check(by_hand([0, 1], [0.0, 0.0], [0.0, 0.0]), situation(told=told))
    assert_refused(refused, 'on the way to the first point, x_joint')


def test_refuses_a_bridge_across_a_knot(guard):
    """Each point and each segment keeps the limits; the cubic that skips the knot does not."""
    told = JointTrajectory(
        JOINTS,
        NOW - nanoseconds(0.05),
        np.array([0, 50, 70, 120], dtype=np.int64) * 1_000_000,
        np.array([[-0.00375, 0], [0, 0], [0.003, 0], [0.00675, 0]]),
        np.array([[0.0, 0], [0.15, 0], [0.15, 0], [0.0, 0]]),
    )
    late = JointTrajectory(JOINTS, NOW + nanoseconds(0.05), np.array([20, 99]) * 1_000_000,
                           told.positions[-1:].repeat(2, 0), np.zeros((2, 2)))  # fmt: skip
    seen = situation(REST, [0.15, 0.0], told=told, stamp=NOW)
    assert extremes(told)[2][0] <= 3.0 + 1e-9
    refused = guard.check(late, seen)
    assert_refused(refused, 'on the way to the first point, x_joint acceleration')


def test_refuses_a_past_that_the_controller_did_not_follow(guard):
    told = at_rest(np.array([0.002, 0.0]))
    message = replace(at_rest(REST, NOW - nanoseconds(0.05)), times_ns=np.array([0, 10**9]))
    assert_refused(guard.check(message, situation(told=told)), 'x_joint jumps in position')
    assert guard.check(message, situation(told=at_rest(REST))) is None


def test_refuses_a_past_where_nothing_was_told(guard):
    message = replace(at_rest(REST, NOW - nanoseconds(0.05)), times_ns=np.array([0, 10**9]))
    unknown = replace(HERE, reference=Reference())
    assert_refused(guard.check(message, unknown), 'is not known')
    settling = replace(HERE, reference=Reference(at_rest(REST), settled_ns=NOW + 10**8))
    assert_refused(guard.check(message, settling), 'is not known')


@pytest.mark.parametrize('first, taken', [(0.1, False), (0.25, True)])
def test_an_unknown_reference_may_lie_beside_the_robot(guard, first, taken):
    """10 mm in 60 ms are too fast; in 210 ms they are not."""
    hold = replace(at_rest(REST, NOW), times_ns=np.array([nanoseconds(first), 10**9]))
    refused = guard.check(hold, replace(HERE, reference=Reference()))
    assert (refused is None) == taken, refused


@pytest.mark.parametrize('first, taken', [(0.06, False), (0.3, True)])
def test_the_robots_own_motion_is_a_start_too(guard, first, taken):
    """A controller may begin where the robot is measured, at 0.15 m/s."""
    position = np.array([0.004, 0.0])
    hold = replace(at_rest(position, NOW), times_ns=np.array([nanoseconds(first), 10**9]))
    refused = guard.check(hold, situation(REST, [0.15, 0.0], told=at_rest(position), stamp=NOW))
    assert (refused is None) == taken, refused


@pytest.mark.parametrize('side', [-1, 1])
def test_refuses_position_outside_the_limits(guard, side):
    there = situation([side * 0.26, 0.0])
    inside = by_hand([0, 1], [side * 0.26, side * 0.27], [0.0, 0.0])
    outside = by_hand([0, 1], [side * 0.26, side * 0.271], [0.0, 0.0])
    assert guard.check(inside, there) is None
    assert_refused(guard.check(outside, there), 'x_joint position')


def test_refuses_position_outside_between_the_points(guard):
    there = situation([0.265, 0.0])
    overshoot = by_hand([0, 0.4, 0.5], [0.265, 0.265, 0.26], [0.1, -0.1, 0.0])
    assert overshoot.positions.max() < 0.27
    assert_refused(guard.check(overshoot, there), 'x_joint position 0.2750')


def test_refuses_speed_at_a_point(guard):
    fast = by_hand([0, 0.1, 0.2], [0.0, 0.008, 0.016], [0.0, 0.16, 0.0])
    assert_refused(guard.check(fast, HERE), 'x_joint speed 0.1600')


def test_refuses_speed_between_the_points(guard):
    fast = by_hand([0, 1], [0.0, 0.12], [0.0, 0.0])
    assert_refused(guard.check(fast, HERE), 'x_joint speed 0.1800')


@pytest.mark.parametrize('direction', [-1, 1])
def test_refuses_acceleration(guard, direction):
    allowed = by_hand([0, 0.1], [0.0, direction * 0.0049], [0.0, 0.0])
    jerk = by_hand([0, 0.1], [0.0, direction * 0.006], [0.0, 0.0])
    assert guard.check(allowed, HERE) is None
    assert_refused(guard.check(jerk, HERE), 'x_joint acceleration 3.6000')


def test_refuses_jump_between_two_points(guard):
    jump = by_hand([0, 0.1, 0.1001, 0.2], [0.0, 0.0, 0.1, 0.1], [0.0] * 4)
    assert_refused(guard.check(jump, HERE), 'x_joint speed')


@pytest.mark.parametrize('side', [-1, 1])
def test_limits_are_never_widened_by_more_than_the_tolerance(guard, side):
    """An encoder that says 0.5 m, or degrees for radians, moves no limit."""
    wrong = situation([side * 0.5, 0.0])
    there = by_hand([0, 1], [side * 0.5, side * 0.5], [0.0, 0.0])
    assert_refused(guard.check(there, wrong), f'x_joint position {side * 0.5:.4f} is outside')


@pytest.mark.parametrize('side', [-1, 1])
def test_robot_outside_its_limits_may_come_back_only(guard, side):
    outside = situation([side * 0.275, 0.0])
    inwards = by_hand([0, 1], [side * 0.275, side * 0.26], [0.0, 0.0])
    outwards = by_hand([0, 1], [side * 0.275, side * 0.279], [0.0, 0.0])
    to_the_other_side = by_hand([0, 10], [side * 0.275, side * -0.275], [0.0, 0.0])
    assert guard.check(inwards, outside) is None
    assert_refused(guard.check(outwards, outside), f'x_joint position {side * 0.279:.4f}')
    refused = guard.check(to_the_other_side, outside)
    assert_refused(refused, f'x_joint position {side * -0.275:.4f}')


@pytest.mark.parametrize('side', [-1, 1])
def test_robot_that_leaves_its_limits_may_be_stopped_and_nothing_else(guard, side):
    leaving = situation([side * 0.273, 0.0], [side * 0.06, 0.0], stamp=NOW)
    onwards = by_hand([0.1], [side * 0.2745], [0.0])
    assert_refused(guard.check(onwards, leaving), 'x_joint position')
    assert guard.check(onwards, replace(leaving, observation_ns=None)) is None


@pytest.mark.parametrize('first, reason', [(0.25, None), (0.02, 'on the way to the first point')])
def test_robot_that_is_too_fast_already_may_be_slowed_down(guard, first, reason):
    """At 0.152 m/s where 0.15 are allowed: encoders are noisy, and what is touched pushes."""
    fast = replace(situation(REST, [0.152, 0.0], stamp=NOW), observation_ns=None)
    refused = guard.check(by_hand([first], [0.0135], [0.0]), fast)
    if reason is None:
        assert refused is None, refused
    else:
        assert_refused(refused, reason)


def test_single_point_is_judged_too(guard):
    assert guard.check(by_hand([0.3], [0.01], [0.0]), HERE) is None
    assert_refused(guard.check(by_hand([0.3], [0.01], [0.01]), HERE), 'is not zero')


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
