# SPDX-License-Identifier: Apache-2.0
"""What was told is one motion, whenever its messages arrive, for both settings of a controller."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import START_NS, Case, cases, dense, each

from grasp_ros.control.extremes import extremes
from grasp_ros.control.reference import SNAP_NS, Reference
from grasp_ros.control.trajectory import MIN_RAMP_NS, from_actions
from grasp_ros.robot.jtc import JointTrajectoryController, sample
from grasp_ros.types import JointTrajectory, Motion, nanoseconds, seconds

OVERLAP = nanoseconds(0.05)


def single(position, at_ns: int) -> JointTrajectory:
    """One point at rest."""
    point = np.asarray(position, dtype=float)[None]
    times = np.array([0], dtype=np.int64)
    return JointTrajectory(('joint_0', 'joint_1'), at_ns, times, point, np.zeros_like(point))


@given(case=cases(), more=st.data())
def test_controller_does_not_notice_a_message_that_goes_on(case: Case, more):
    told = case.trajectory()
    length = int(told.times_ns[-1])
    sent = START_NS + OVERLAP + more.draw(st.integers(0, length))
    reference = Reference(told)
    begins = reference.snapped(sent + more.draw(st.integers(2 * SNAP_NS, 2 * length)))
    received = more.draw(st.integers(sent, begins))
    actions = more.draw(st.lists(each(len(case.joints), -1.0, 1.0), min_size=1, max_size=4))
    state = reference.at(begins)
    new = from_actions(np.stack(actions), state, begins, case.space, case.limits, case.joints)
    message = reference.before(new, sent - OVERLAP)

    controller = JointTrajectoryController(case.joints, case.start.position)
    assert controller.accept(told, START_NS) is None
    assert controller.accept(message, received) is None
    for at in received + np.linspace(0, begins - received, 50).astype(np.int64):
        followed, expected = controller.reference(int(at)), sample(told, int(at))
        np.testing.assert_allclose(followed.position, expected.position, atol=1e-9)
        np.testing.assert_allclose(followed.velocity, expected.velocity, atol=1e-6)
    for at in dense(new, 5):
        followed, expected = controller.reference(int(at)), sample(new, int(at))
        np.testing.assert_allclose(followed.position, expected.position, atol=1e-9)
    assert (np.diff(message.times_ns) > 0).all()
    (lowest, highest), speed, acceleration = extremes(message)
    limits = case.limits
    # A ramp to rest takes whole milliseconds, from a state within a ramp one more than was left.
    rounding = limits.velocity * seconds(MIN_RAMP_NS) / 2
    assert (lowest >= limits.position_min - rounding).all()
    assert (highest <= limits.position_max + rounding).all()
    assert (speed <= limits.velocity * (1 + 1e-6)).all()
    assert (acceleration <= limits.acceleration * (1 + 1e-4) + 1e-6).all()

    after = reference.after(message, sent)
    for at in dense(message, 3):
        expected = sample(message, int(at))
        np.testing.assert_allclose(after.at(int(at)).position, expected.position, atol=1e-9)


@given(cases(), st.integers(OVERLAP, 10**9))
def test_history_is_kept_over_messages(case: Case, sent):
    told = case.trajectory()
    reference = Reference(told)
    begins = reference.snapped(START_NS + sent)
    new = from_actions(
        -case.actions, reference.at(begins), begins, case.space, case.limits, case.joints
    )
    after = reference.after(reference.before(new, START_NS + sent - OVERLAP), START_NS + sent)
    for at in START_NS + np.linspace(0, begins - START_NS, 20).astype(np.int64):
        expected = sample(told, int(at)).position
        np.testing.assert_allclose(after.at(int(at)).position, expected, atol=1e-9)


def test_nothing_is_known_before_anything_was_told():
    reference = Reference()
    assert reference.at(START_NS) is None and reference.rests(START_NS)
    assert reference.snapped(START_NS) == START_NS


def test_message_with_its_first_point_ahead_is_known_from_there_on():
    ahead = START_NS + nanoseconds(0.3)
    reference = Reference(single([0.0, 0.0], START_NS)).after(single([0.1, 0.2], ahead), START_NS)
    assert reference.settled_ns == ahead
    np.testing.assert_array_equal(reference.at(ahead).position, [0.1, 0.2])


def test_a_motion_from_rest_begins_with_rest():
    rest = Reference(single([0.1, 0.2], START_NS - nanoseconds(8)))
    there = Motion(np.array([0.1, 0.2]), np.zeros(2))
    new = JointTrajectory(
        ('joint_0', 'joint_1'),
        START_NS + nanoseconds(0.1),
        np.array([0, 10**9]),
        np.stack([there.position, there.position + 0.05]),
        np.zeros((2, 2)),
    )
    message = rest.before(new, START_NS)
    assert message.start_ns == START_NS
    np.testing.assert_array_equal(message.positions[0], there.position)
    assert len(message.times_ns) == 3 and not message.velocities[:2].any()


@pytest.mark.parametrize('apart, snaps', [(0, True), (SNAP_NS, True), (SNAP_NS + 1, False)])
def test_a_start_hardly_beside_a_point_is_on_it(apart, snaps):
    reference = Reference(single([0.0, 0.0], START_NS))
    assert (reference.snapped(START_NS + apart) == START_NS) == snaps


def test_generations_grow_and_what_was_told_may_be_forgotten():
    reference = Reference(single([0.0, 0.0], START_NS))
    assert reference.anew() == Reference(reference.told, 0, 1)
    assert reference.anew(known=False) == Reference(None, 0, 1)
