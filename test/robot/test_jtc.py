# SPDX-License-Identifier: Apache-2.0
"""The model of joint_trajectory_controller refuses, takes and follows what the real one does."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_ros.robot.jtc import JointTrajectoryController, rejection
from grasp_ros.types import JointTrajectory, nanoseconds

JOINTS = ('a', 'b')
NOW = 1_700_000_000_000_000_000
SECOND = nanoseconds(1)
GOOD = JointTrajectory(
    JOINTS,
    NOW,
    np.array([SECOND, 2 * SECOND, 3 * SECOND]),
    np.array([[1.0, -1.0], [2.0, -2.0], [2.5, -2.5]]),
    np.array([[1.0, -1.0], [1.0, -1.0], [0.0, 0.0]]),
)


def make(**changes) -> JointTrajectory:
    return replace(GOOD, **changes)


@pytest.fixture
def controller():
    """Holds (0, 0)."""
    return JointTrajectoryController(JOINTS, np.zeros(2))


@pytest.mark.parametrize(
    'trajectory, reason',
    [
        (make(joints=()), 'empty joint names'),
        (make(joints=('a',)), "['a'] are not"),
        (make(joints=('a', 'b', 'c')), "['a', 'b', 'c'] are not"),
        (make(joints=('a', 'elbow')), 'elbow'),
        (make(times_ns=np.zeros(0, dtype=np.int64)), 'no points'),
        (make(positions=GOOD.positions[:2]), 'positions have shape (2, 2)'),
        (make(positions=GOOD.positions[:, :1]), 'positions have shape (3, 1)'),
        (make(velocities=GOOD.velocities[:, :1]), 'velocities have shape (3, 1)'),
        (make(accelerations=np.zeros((1, 2))), 'accelerations have shape (1, 2)'),
        (make(velocities=np.ones((3, 2))), 'velocity at the last point'),
        (make(velocities=np.full((3, 2), -2e-7)), 'velocity at the last point'),
        (make(start_ns=NOW - 4 * SECOND), 'ends 1.000 s in the past'),
        (make(times_ns=np.array([1, 1, 2]) * SECOND), 'not strictly increasing'),
        (make(times_ns=np.array([1, 3, 2]) * SECOND), 'not strictly increasing'),
    ],
)
def test_refuses_and_goes_on(controller, trajectory, reason):
    assert controller.accept(GOOD, NOW) is None
    before = controller.reference(NOW + SECOND)
    assert reason in controller.accept(trajectory, NOW)
    assert np.array_equal(controller.reference(NOW + SECOND).position, before.position)


@pytest.mark.parametrize(
    'trajectory',
    [
        make(positions=np.full((3, 2), np.nan)),
        make(velocities=np.full((3, 2), np.nan)),
        make(positions=1e6 * GOOD.positions),
        make(times_ns=np.array([1, 2, 3])),
        make(start_ns=NOW - 2 * SECOND),
        make(start_ns=NOW + 10**9 * SECOND),
        make(velocities=np.full((3, 2), 1e-7)),
        make(times_ns=np.array([-SECOND, 0, SECOND])),
        make(velocities=None),
    ],
    ids=[
        'nan_positions',
        'nan_velocities',
        'kilometres',
        'within_nanoseconds',
        'begun_in_the_past',
        'starts_in_thirty_years',
        'almost_at_rest',
        'negative_times',
        'positions_only',
    ],
)
def test_takes_what_only_the_guard_refuses(trajectory):
    assert rejection(trajectory, JOINTS, NOW) is None


def test_holds_its_place_until_told(controller):
    motion = controller.reference(NOW + 100 * SECOND)
    assert motion.position.tolist() == [0, 0] and motion.velocity.tolist() == [0, 0]


@given(st.permutations([0, 1, 2]))
def test_takes_joints_in_any_order(order):
    names = ('a', 'b', 'c')
    controller = JointTrajectoryController(names, np.zeros(3))
    positions = np.array([[0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    shuffled = JointTrajectory(
        tuple(names[i] for i in order),
        NOW,
        np.array([0, SECOND]),
        positions[:, order],
        0 * positions,
    )
    assert controller.accept(shuffled, NOW) is None
    assert controller.reference(NOW + SECOND).position.tolist() == [1, 2, 3]


@pytest.mark.parametrize('order', [[0, 1], [1, 0]])
def test_reorders_velocities_and_accelerations_too(order):
    controller = JointTrajectoryController(JOINTS, np.zeros(2))
    values = np.array([[1.0, 2.0], [0.0, 0.0]])[:, order]
    names = tuple(JOINTS[i] for i in order)
    times = np.array([0, SECOND])
    quintic = JointTrajectory(names, NOW, times, values, values, values)
    assert controller.accept(quintic, NOW) is None
    motion = controller.reference(NOW)
    assert motion.position.tolist() == [1, 2] and motion.velocity.tolist() == [1, 2]
    soon = controller.reference(NOW + 1000)
    np.testing.assert_allclose((soon.velocity - motion.velocity) / 1e-6, [1, 2], rtol=1e-3)


def test_stamp_zero_starts_on_receipt(controller):
    assert controller.accept(make(start_ns=0), NOW) is None
    assert controller.reference(NOW + SECOND).position.tolist() == [1, -1]


def test_follows_the_points(controller):
    controller.accept(GOOD, NOW)
    for time, position, velocity in zip(
        GOOD.times_ns, GOOD.positions, GOOD.velocities, strict=True
    ):
        motion = controller.reference(NOW + int(time))
        np.testing.assert_allclose(motion.position, position)
        np.testing.assert_allclose(motion.velocity, velocity)


def test_holds_the_last_point(controller):
    controller.accept(GOOD, NOW)
    motion = controller.reference(NOW + 100 * SECOND)
    assert motion.position.tolist() == [2.5, -2.5] and motion.velocity.tolist() == [0, 0]


def test_bridges_from_its_last_reference_to_the_first_point(controller):
    controller.accept(GOOD, NOW)
    moving = controller.reference(NOW + SECOND)
    late = make(start_ns=NOW + SECOND)
    controller.accept(late, NOW + SECOND)
    at = controller.reference(NOW + SECOND)
    np.testing.assert_allclose(at.position, moving.position)
    np.testing.assert_allclose(at.velocity, moving.velocity)
    times = NOW + SECOND + np.linspace(0, SECOND, 200).astype(np.int64)
    path = np.stack([controller.reference(int(time)).position for time in times])
    assert np.abs(np.diff(path, axis=0)).max() < 0.02


def test_forgets_the_old_trajectory_at_once(controller):
    controller.accept(GOOD, NOW)
    elsewhere = make(start_ns=NOW + 2 * SECOND, positions=np.zeros((3, 2)))
    controller.accept(elsewhere, NOW + SECOND)
    # The old one said (2, -2) here; on the bridge to (0, 0) it is somewhere else.
    assert np.abs(controller.reference(NOW + 2 * SECOND).position).max() < 1.5


def test_jumps_when_the_first_point_is_past(controller):
    """Why the guard insists on a first point in the future."""
    controller.accept(make(start_ns=NOW - 2 * SECOND), NOW)
    assert controller.reference(NOW).position.tolist() == [2, -2]


def test_activation_drops_the_trajectory(controller):
    controller.accept(GOOD, NOW)
    controller.activate(np.array([5.0, 6.0]))
    motion = controller.reference(NOW + SECOND)
    assert motion.position.tolist() == [5, 6] and motion.velocity.tolist() == [0, 0]
