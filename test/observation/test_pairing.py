# SPDX-License-Identifier: Apache-2.0
"""An image is used once, fresh, and with the joints and the other cameras' images at its stamp."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_ros.config import ObservationConfig
from grasp_ros.observation.joints import GLITCHES, Fault
from grasp_ros.observation.pairing import WAITING, Pairing
from grasp_ros.observation.still import Frozen
from grasp_ros.types import BadInput, JointSample, Observation, Refused

CONFIG = ObservationConfig(max_age=0.5, max_skew=0.05, max_future=0.05)
NOW = 1_700_000_000_123_456_789
MS = 1_000_000
NAMES = ['x_joint', 'y_joint']


class Camera:
    """Messages are numbers here, and become pictures of them; strings cannot be decoded."""

    def __init__(self):
        self.decoded = []

    def __call__(self, name, message):
        self.decoded.append(message)
        if isinstance(message, str):
            raise BadInput(message)
        return np.full((2, 3, 3), message % 256, dtype=np.uint8)


@pytest.fixture
def camera():
    return Camera()


@pytest.fixture
def pairing(robot, camera):
    return Pairing(CONFIG, robot, ['image'], camera, period=0.0)


def show(pairing, at, message=None, camera='image', now=None):
    """An image with a stamp `at` ms after NOW, which arrives at once or at `now` ms."""
    now = at if now is None else now
    message = at if message is None else message
    return pairing.add_image(camera, NOW + at * MS, message, NOW + now * MS)


def joints(pairing, at, position=(0.0, 0.0), names=NAMES):
    rest = [0.0] * len(names)
    return pairing.add_joints(NOW + at * MS, names, position, rest, NOW + at * MS)


def take(pairing, at=0):
    return pairing.take(NOW + at * MS)


def lacking(pairing, at):
    answer = pairing.lacking(NOW + at * MS, lambda name: f'silent: {name}')
    return None if answer is None else answer.reason


@pytest.mark.parametrize(
    'stamp, now, reason',
    [
        (NOW, 0, 'no /clock'),
        (0, NOW, 'no stamp'),
        (-5, NOW, 'no stamp'),
        (NOW + 51 * MS, NOW, '0.051 s in the future'),
        (NOW + 5000 * MS, NOW, '5.000 s in the future'),
        (NOW - 501 * MS, NOW, '0.501 s old, at most 0.500 s'),
        (1, NOW, 's old'),
    ],
)
def test_refuses_stamp(pairing, stamp, now, reason):
    refused = pairing.add_image('image', stamp, 0, now)
    assert isinstance(refused, Refused) and reason in refused.reason


@pytest.mark.parametrize('offset', [0, 50, -500])
def test_takes_stamp_at_the_edge_of_the_window(pairing, offset):
    assert show(pairing, offset, now=0) is None


@given(st.lists(st.integers(-400, 40), min_size=1, max_size=30))
def test_stamps_that_pass_strictly_increase(robot, offsets):
    pairing = Pairing(CONFIG, robot, ['image'], Camera(), 0.0)
    passed = [at for at in offsets if show(pairing, at, now=0) is None]
    assert passed == sorted(set(passed))
    assert passed[-1] == max(offsets)


def test_says_how_late_an_out_of_order_image_is(pairing):
    show(pairing, 0)
    assert '0.100 s older' in show(pairing, -100, now=0).reason


def test_refused_stamp_does_not_block_the_next_image(pairing):
    assert show(pairing, 5000, now=0) is not None
    assert show(pairing, 0) is None


def test_image_and_joints_become_an_observation_once(pairing):
    joints(pairing, 0, (0.1, 0.2))
    show(pairing, 0, 7)
    seen = take(pairing)
    assert isinstance(seen, Observation) and seen.stamp_ns == NOW
    assert list(seen.images) == ['image'] and (seen.images['image'] == 7).all()
    assert seen.position.tolist() == [0.1, 0.2]
    assert take(pairing) is None and pairing.newest is seen


def test_image_waits_for_its_joints(pairing):
    show(pairing, 0)
    assert take(pairing) is None
    joints(pairing, 20)
    assert take(pairing).stamp_ns == NOW


def test_newest_image_with_joints_wins_and_older_ones_are_dropped(pairing, camera):
    joints(pairing, 0)
    for at in (0, 40, 90):
        show(pairing, at)
    assert take(pairing).stamp_ns == NOW + 40 * MS
    joints(pairing, 90)
    assert take(pairing).stamp_ns == NOW + 90 * MS
    assert camera.decoded == [40, 90]


def test_flood_of_images_without_joints_is_bounded_and_not_decoded(pairing, camera):
    for at in range(1000):
        show(pairing, at)
        assert take(pairing) is None
    assert camera.decoded == []
    assert sum(len(waiting) for waiting in pairing._waiting.values()) == WAITING


def test_only_images_that_are_due_are_decoded(robot, camera):
    pairing = Pairing(CONFIG, robot, ['image'], camera, period=0.2)
    for at in range(0, 1000, 10):
        joints(pairing, at)
        show(pairing, at)
        take(pairing)
        assert lacking(pairing, at) is None
    assert camera.decoded == [0, 200, 400, 600, 800]
    joints(pairing, 1010)
    show(pairing, 1010)
    take(pairing)
    show(pairing, 1020)
    pairing.hurry()
    assert take(pairing).stamp_ns == NOW + 1020 * MS


def test_image_that_cannot_be_decoded_is_refused_and_the_next_is_tried(pairing):
    joints(pairing, 0)
    show(pairing, 0, 'image encoding 16UC1')
    assert take(pairing) == Refused('image encoding 16UC1')
    assert lacking(pairing, 0) == 'image encoding 16UC1'
    show(pairing, 10)
    assert take(pairing).stamp_ns == NOW + 10 * MS
    assert lacking(pairing, 10) is None


@pytest.mark.parametrize('spread, paired', [(0, True), (50, True), (51, False)])
def test_images_of_several_cameras_are_one_observation(robot, spread, paired):
    pairing = Pairing(CONFIG, robot, ['left', 'right'], Camera(), 0.0)
    joints(pairing, 0)
    joints(pairing, 60)
    show(pairing, 0, camera='left')
    assert take(pairing) is None
    show(pairing, spread, 9, camera='right')
    seen = take(pairing)
    assert (seen is not None) == paired
    if paired:
        assert list(seen.images) == ['left', 'right'] and seen.stamp_ns == NOW
        assert (seen.images['right'] == 9).all()
    else:
        assert "['left', 'right'] that are at most 0.05 s apart" in lacking(pairing, 60)


def test_camera_that_is_slower_in_arriving_is_paired_with_the_others_older_image(robot):
    pairing = Pairing(CONFIG, robot, ['left', 'right'], Camera(), 0.0)
    for at in (0, 33, 66, 99):
        joints(pairing, at)
        show(pairing, at, camera='left')
        assert take(pairing) is None
    show(pairing, 0, camera='right', now=99)
    seen = take(pairing)
    assert seen.stamp_ns == NOW and (seen.images['left'] == 0).all()
    show(pairing, 66, camera='right', now=120)
    assert take(pairing).stamp_ns == NOW + 66 * MS


def test_says_what_is_lacking(pairing):
    assert pairing.lacking(0, str).reason == 'no /clock'
    assert lacking(pairing, 0) == 'silent: image'
    show(pairing, 0)
    assert lacking(pairing, 0) == 'joint_states has not had x_joint, y_joint yet'
    joints(pairing, 0, (0.0,), ['x_joint'])
    assert lacking(pairing, 0) == 'joint_states has not had y_joint yet'
    joints(pairing, 10)
    take(pairing)
    assert lacking(pairing, 10) is None
    assert lacking(pairing, 500) is None
    assert lacking(pairing, 720) == 'no usable image for 0.7 s'
    joints(pairing, 2000, (float('nan'), 0.0))
    show(pairing, 2000)
    assert 'position nan' in lacking(pairing, 2000)
    show(pairing, 2000)
    assert '0.000 s older' in pairing._refused['image'][1].reason


def test_joints_too_far_from_the_image_are_named(pairing):
    joints(pairing, 0)
    show(pairing, 60)
    assert take(pairing) is None
    assert lacking(pairing, 60) == 'joint_states is 0.060 s from the image, at most 0.050 s'


def test_clear_forgets_stamps_joints_and_images(pairing):
    joints(pairing, 0)
    show(pairing, 0)
    take(pairing)
    pairing.clear()
    assert pairing.newest is None and lacking(pairing, 0) == 'silent: image'
    assert pairing.add_image('image', 5 * MS, 0, 10 * MS) is None
    sample = pairing.add_joints(5 * MS, NAMES, [0.2, 0.2], [0.0, 0.0], 10 * MS)
    assert isinstance(sample, JointSample)
    assert pairing.take(10 * MS).stamp_ns == 5 * MS


def test_forgiven_joints_are_measured_anew(pairing):
    joints(pairing, 0)
    answers = [joints(pairing, 10 + i, (0.2, 0.0)) for i in range(GLITCHES)]
    assert isinstance(answers[-1], Fault)
    pairing.forgive(NOW + 50 * MS)
    assert joints(pairing, 40, (0.0, 0.0)) is None, 'it was on its way'
    assert isinstance(joints(pairing, 100, (0.2, 0.0)), JointSample)


def test_what_was_seen_before_a_person_looked_is_no_goal(pairing):
    joints(pairing, 0)
    show(pairing, 0)
    assert isinstance(take(pairing), Observation) and pairing.newest is not None
    pairing.forgive(NOW + 50 * MS)
    assert pairing.newest is None
    assert lacking(pairing, 60) is not None, 'it is too young to be called old'
    joints(pairing, 100)
    show(pairing, 100)
    assert take(pairing) is pairing.newest and lacking(pairing, 110) is None


def drive(pairing, pictures, step):
    """One observation every 100 ms, the x joint moving by `step` in between."""
    seen = []
    for i, picture in enumerate(pictures):
        joints(pairing, 100 * i, (step * i, 0.0))
        show(pairing, 100 * i, picture)
        seen.append(take(pairing))
    return seen


def test_camera_that_is_frozen_while_the_robot_moves_is_refused(pairing):
    seen = drive(pairing, [5] * 6, 0.006)
    assert all(isinstance(one, Observation) for one in seen[:2])
    assert isinstance(seen[2], Frozen), 'the third same picture, 12 mm on: tolerance is 10 mm'
    assert 'has not changed while the robot moved: 3 times the same over 0.0120' in seen[2].reason
    assert isinstance(seen[5], Frozen)
    assert lacking(pairing, 500) is None, 'the state is HOLDING, not WAITING'
    show(pairing, 510, 6)
    assert isinstance(take(pairing), Observation)


def test_camera_that_does_not_show_a_wrist_is_not_frozen_while_another_is_not(robot):
    """The left one shows the same all the time; the robot moves by 6 mm each time, then rests."""
    pairing = Pairing(CONFIG, robot, ['left', 'right'], Camera(), 0.0)
    seen = []
    for i, moves in enumerate([*range(8), *[7] * 5, *range(8, 12)]):
        joints(pairing, 100 * i, (0.006 * moves, 0.0))
        show(pairing, 100 * i, 5, camera='left')
        show(pairing, 100 * i, moves, camera='right')
        seen.append(take(pairing))
    assert all(isinstance(one, Observation) for one in seen[:14]), 'up to 48 mm'
    assert isinstance(seen[14], Frozen), 'after 54 mm; tolerance is 10 mm'
    assert 'left: the picture has not changed' in seen[14].reason


@pytest.mark.parametrize(
    'pictures, step',
    [([5] * 20, 0.0), ([5] * 20, 0.0004), (range(20), 0.01), ([5, 5, 6] * 6, 0.01)],
)
def test_picture_may_be_the_same_while_the_robot_stands_and_must_change_when_it_moves(
    pairing, pictures, step
):
    assert all(isinstance(one, Observation) for one in drive(pairing, pictures, step))


def test_joints_that_were_set_right_are_no_motion_of_the_robot_once_a_person_has_looked(pairing):
    """An offset is taken out while the robot stands: the picture is right not to change."""
    moved = drive(pairing, [5] * 6, 0.006)
    assert isinstance(moved[-1], Frozen)
    pairing.forgive(NOW + 550 * MS)
    for i in range(6, 12):
        joints(pairing, 100 * i, (0.0, 0.0))
        show(pairing, 100 * i, 5)
        assert isinstance(take(pairing), Observation)
