# SPDX-License-Identifier: Apache-2.0
"""Bags become transitions: the commanded actions are recovered, and gaps are seen."""

from dataclasses import replace

import numpy as np
import pytest
from loading import load_bags

from grasp_ros.robot.jtc import sample
from grasp_ros.sim.explore import explore
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.tasks.reach_gantry import Box
from grasp_ros.sim.worlds import load_world
from grasp_ros.training.bags import BagWriter
from grasp_ros.training.dataset import Dataset, encoder_size
from grasp_ros.types import BadInput, Frame, JointSample, JointTrajectory, Motion, nanoseconds

T0 = 1_700_000_000_000_000_000
STEP = nanoseconds(0.1)
STEPS = 60
BLACK = np.zeros((8, 10, 3), dtype=np.uint8)


class Tee:
    """Records to a bag and remembers."""

    def __init__(self, writer: BagWriter):
        self.writer = writer
        self.frames: list[Frame] = []
        self.samples: list[JointSample] = []
        self.trajectories: dict[int, JointTrajectory] = {}  # by the time of their receipt

    def frame(self, frame):
        self.frames.append(frame)
        self.writer.frame(frame)

    def joints(self, sample):
        self.samples.append(sample)
        self.writer.joints(sample)

    def trajectory(self, trajectory, received_ns):
        self.trajectories[received_ns] = trajectory
        self.writer.trajectory(trajectory, received_ns)


def explored(path, space, walls, steps=STEPS):
    """A bag of exploration, and what was recorded."""
    world = load_world('wall')
    robot = MujocoRobot(replace(world, task=replace(world.task, walls=walls)))
    robot.reset(np.zeros(2))
    with BagWriter(path, world.robot.joints) as writer:
        tee = Tee(writer)
        for _ in explore(robot, space, tee, steps, seed=5):
            pass
    robot.close()
    return tee


@pytest.fixture(scope='module')
def free(tmp_path_factory, space):
    """Exploration of an empty table: the folder of the bag, and what was recorded."""
    path = tmp_path_factory.mktemp('free') / 'bag'
    return path, explored(path, space, ())


def test_commanded_actions_are_recovered_in_free_space(free, robot, space):
    path, tee = free
    data = load_bags([path], robot, space, 64, 64)
    compared = 0
    for frame, action in zip(tee.frames[:-1], data.actions, strict=False):
        trajectory = tee.trajectories.get(frame.stamp_ns)
        if trajectory is None or len(trajectory.times_ns) == 1:
            continue  # held where it stands, before the first motion
        begin, end = (sample(trajectory, frame.stamp_ns + at).position for at in (0, STEP))
        np.testing.assert_allclose(action, (end - begin) / 0.015, atol=1e-6)
        compared += 1
    assert compared > STEPS - 5
    assert np.abs(data.actions).max() <= 1 and np.abs(data.actions).std() > 0.1


def test_images_and_positions_are_those_recorded(free, robot, space):
    path, tee = free
    data = load_bags([path], robot, space, 64, 64)
    assert data.sources == {'image': (64, 64)}
    assert data.follows.tolist() == [True] * (STEPS - 1) + [False]
    assert np.array_equal(data.images['image'], np.stack([frame.rgb for frame in tee.frames]))
    shown = {frame.stamp_ns for frame in tee.frames}
    positions = np.stack([one.position for one in tee.samples if one.stamp_ns in shown])
    np.testing.assert_allclose(data.positions, positions, atol=1e-12)


def test_images_are_resized(free, robot, space):
    data = load_bags([free[0]], robot, space, 16, 32)
    assert data.images['image'].shape == (STEPS, 16, 32, 3) and data.sources == {'image': (64, 64)}


@pytest.mark.parametrize(
    'source, side, size',
    [
        ((64, 64), 64, (64, 64)),
        ((80, 120), 64, (56, 80)),
        ((120, 80), 64, (80, 56)),
        ((480, 640), 96, (80, 112)),
        ((10, 1000), 16, (8, 160)),
    ],
)
def test_encoder_sees_the_cameras_aspect(source, side, size):
    assert encoder_size(source, side) == size


def test_contact_is_in_the_data_with_the_actions_that_led_to_it(tmp_path, robot, space):
    walls = tuple(Box((s * 0.04, 0.0), (0.02, 0.5)) for s in (-1, 1))
    explored(tmp_path / 'bag', space, walls, steps=200)
    data = load_bags([tmp_path / 'bag'], robot, space, 64, 64)
    action, motion = data.actions[:-1], np.diff(data.positions, axis=0) / 0.015
    pressing = np.abs(action - motion)[:, 0] > 0.1
    assert 0.02 < pressing.mean() < 0.2, 'it presses now and then, not for long'
    runs = np.diff(np.flatnonzero(np.diff(np.concatenate([[0], pressing, [0]]))))[::2]
    assert runs.max() <= 4
    # The walls are to both sides: it is told to go on into the one beside it, and stands. But a
    # servo that lags behind does not turn round at once.
    side = np.sign(data.positions[:-1][pressing, 0])
    assert ((action - motion)[pressing, 0] * side > 0).mean() > 0.8
    assert np.abs(action - motion)[~pressing].max() < 0.1, 'elsewhere it follows'


def write(path, stamps, joints, images=None, order=None):
    """A bag of a resting robot with images at `stamps`, in steps."""
    rest = JointTrajectory(joints, T0, np.array([STEP]), np.zeros((1, 2)), np.zeros((1, 2)))
    with BagWriter(path, joints) as writer:
        writer.trajectory(rest, T0)
        for i, at in enumerate(stamps):
            stamp = T0 + round(at * STEP)
            writer.joints(JointSample(stamp, np.zeros(2), np.zeros(2)))
            writer.frame(Frame(stamp, BLACK if images is None else images[i]))
    return path


@pytest.mark.parametrize(
    'stamps, follows',
    [
        ([0, 1, 2], [True, True, False]),
        ([0, 1, 3, 4], [True, False, True, False]),
        ([0, 1, 2.4, 3.4], [True, False, True, False]),
        ([0, 0.9, 2.1, 3], [True, True, True, False]),
    ],
)
def test_gap_in_the_images_breaks_what_follows(tmp_path, robot, space, stamps, follows):
    path = write(tmp_path / 'bag', stamps, robot.joints)
    assert load_bags([path], robot, space, 8, 10).follows.tolist() == follows


def test_faster_camera_is_thinned_to_model_steps(tmp_path, robot, space):
    path = write(tmp_path / 'bag', np.arange(0, 5.1, 1 / 3), robot.joints)
    data = load_bags([path], robot, space, 8, 10)
    assert len(data) == 6 and data.follows.tolist() == [True] * 5 + [False]


def test_bags_do_not_follow_each_other(tmp_path, robot, space):
    paths = [write(tmp_path / name, [0, 1, 2], robot.joints) for name in 'ab']
    data = load_bags(paths, robot, space, 8, 10)
    assert data.follows.tolist() == [True, True, False] * 2


def test_end_of_each_recording_is_split_off(tmp_path, robot, space):
    shades = [np.full_like(BLACK, shade) for shade in range(30)]
    paths = [
        write(tmp_path / 'a', range(20), robot.joints, shades[:20]),
        write(tmp_path / 'b', range(10), robot.joints, shades[20:]),
    ]
    first, last = load_bags(paths, robot, space, 8, 10).split(0.2)
    assert first.images['image'][:][:, 0, 0, 0].tolist() == [*range(16), *range(20, 28)]
    assert first.follows.tolist() == [True] * 15 + [False] + [True] * 7 + [False]
    assert last.images['image'][:][:, 0, 0, 0].tolist() == [16, 17, 18, 19, 28, 29]
    assert last.follows.tolist() == [True] * 3 + [False, True, False]
    assert last.recordings.tolist() == [0, 0, 0, 0, 1, 1]


def moved_by(steps, travel):
    """Frames of joints that go these ways (N, J) from one to the next."""
    positions, count = np.cumsum(steps, axis=0), len(steps)
    follows = np.append(np.ones(count - 1, dtype=bool), False)
    return Dataset({}, positions, 0 * steps, follows, np.zeros(count, int), {}, np.array(travel))


def test_full_step_is_of_each_joint_while_it_moves():
    rng = np.random.default_rng(0)
    steps = rng.choice([-1, 1], (2000, 3)) * (0.01, 0.1, 0.08)  # a slider beside two axes
    steps[np.arange(2000) % 30 != 0, 0] = 0.0  # that stands most of the time
    steps[:, 2] = 0.0  # and a joint that is locked
    steps += rng.normal(0, 1e-6, steps.shape)  # as its encoder sees it
    data = moved_by(steps, [0.02, 0.12, 0.09])
    assert data.full_step() == pytest.approx([0.01, 0.1, 0.09], rel=0.01)
    assert data.used().tolist() == [True, True, False]


def test_robot_that_never_moved_has_the_steps_of_its_actions():
    assert moved_by(np.zeros((50, 2)), [0.02, 0.12]).full_step().tolist() == [0.02, 0.12]


def test_refuses_images_that_change_size(tmp_path, robot, space):
    images = [BLACK, BLACK, BLACK[:4]]
    path = write(tmp_path / 'bag', [0, 1, 2], robot.joints, images)
    with pytest.raises(BadInput, match=r'from \(8, 10\) to \(4, 10\)'):
        load_bags([path], robot, space, 8, 10)


def test_refuses_bags_of_different_image_sizes(tmp_path, robot, space):
    one = write(tmp_path / 'a', [0, 1], robot.joints)
    other = write(tmp_path / 'b', [0, 1], robot.joints, [BLACK[:4]] * 2)
    with pytest.raises(BadInput, match=r'changes from \(8, 10\) to \(4, 10\)'):
        load_bags([one, other], robot, space, 8, 10)


def test_refuses_bag_without_transitions(tmp_path, robot, space):
    path = write(tmp_path / 'bag', [0], robot.joints)
    with pytest.raises(BadInput, match='1 images, 1 joint states and 1 trajectories'):
        load_bags([path], robot, space, 8, 10)


def test_joint_states_with_nan_are_left_out(tmp_path, robot, space):
    rest = Motion(np.zeros(2), np.zeros(2))
    with BagWriter(tmp_path / 'bag', robot.joints) as writer:
        for i in range(4):
            stamp, unread = T0 + i * STEP, np.full(2, np.nan)
            writer.joints(
                JointSample(stamp, unread if i == 1 else 0.01 * i + rest.position, unread)
            )
            writer.frame(Frame(stamp, BLACK))
        writer.trajectory(JointTrajectory(robot.joints, T0, np.array([1]), np.zeros((1, 2))), T0)
    positions = load_bags([tmp_path / 'bag'], robot, space, 8, 10).positions
    np.testing.assert_allclose(positions[:, 0], [0.0, 0.01, 0.02, 0.03])
