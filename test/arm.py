# SPDX-License-Identifier: Apache-2.0
"""A robot that the project does not know: an arm of two revolute joints, its driver and its bag.

Only what a user would have: pictures, joint states and trajectories, in rosbag2 files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_typestore

from grasp_ros.config import RobotConfig
from grasp_ros.observation.image import encode_png
from grasp_ros.robot.jtc import JointTrajectoryController
from grasp_ros.training.recording import Recording
from grasp_ros.types import JointTrajectory

STORE = get_typestore(Stores.ROS2_JAZZY)
NS = 1_000_000_000
T0 = 1_700_000_000 * NS
JOINTS = ('shoulder', 'elbow')
DRIVER_ORDER = ('gripper', 'elbow', 'shoulder')
IMAGE, JOINT_STATES = '/camera/image_raw', '/my_arm/joint_states'
COMMAND = '/my_arm/arm_controller/joint_trajectory'
LINKS = (0.28, 0.22)  # m
WIDTH, HEIGHT = 120, 80
LOW, HIGH = np.array([-1.2, -1.8]), np.array([1.2, 1.8])
SPEED = 0.6  # rad/s


def draw(q) -> np.ndarray:
    """The overhead camera's picture rgb (80, 120, 3) of the arm at q (2,) rad."""
    picture = np.full((HEIGHT, WIDTH, 3), (205, 205, 200), np.uint8)
    joints = [np.zeros(2)]
    for length, angle in zip(LINKS, np.cumsum(q), strict=True):
        joints.append(joints[-1] + length * np.array([np.cos(angle), np.sin(angle)]))
    pixels = [
        np.round(np.array([10 + 200 * x, HEIGHT / 2 - 75 * y]) * 8).astype(int) for x, y in joints
    ]
    for start, end, colour, width in zip(
        pixels, pixels[1:], ((200, 60, 40), (40, 80, 200)), (9, 7), strict=False
    ):
        cv2.line(picture, start, end, colour, width, cv2.LINE_AA, 3)
    cv2.circle(picture, pixels[-1], 5 * 8, (20, 20, 20), -1, cv2.LINE_AA, 3)
    return picture


class ArmBag:
    """Writes what the arm's driver, camera and controller publish. A context manager."""

    def __init__(self, path: Path, raw: bool = True, second_joints: str = ''):
        self._raw, self._second = raw, second_joints
        self._writer = Writer(path, version=9, storage_plugin=StoragePlugin.MCAP)
        self.image_topic = IMAGE if raw else f'{IMAGE}/compressed'

    def __enter__(self) -> ArmBag:
        self._writer.open()
        image = 'Image' if self._raw else 'CompressedImage'
        topics = {
            self.image_topic: f'sensor_msgs/msg/{image}',
            JOINT_STATES: 'sensor_msgs/msg/JointState',
            COMMAND: 'trajectory_msgs/msg/JointTrajectory',
            '/rosout': 'std_msgs/msg/String',
        }
        if self._second:
            topics[self._second] = 'sensor_msgs/msg/JointState'
        self._topics = {
            name: (self._writer.add_connection(name, kind, typestore=STORE), kind)
            for name, kind in topics.items()
        }
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def image(self, stamp: int, rgb: np.ndarray, received: int | None = None) -> None:
        """A picture: bgr8, or PNG for exactness."""
        header = _header(stamp, 'camera')
        if self._raw:
            height, width = rgb.shape[:2]
            data = np.ascontiguousarray(rgb[..., ::-1]).reshape(-1)
            fields = (header, height, width, 'bgr8', 0, 3 * width, data)
        else:
            data = np.frombuffer(encode_png(rgb), np.uint8)
            fields = (header, 'bgr8; png compressed bgr8', data)
        self._write(self.image_topic, received or stamp, *fields)

    def joints(
        self, stamp: int, q, names: tuple[str, ...] = DRIVER_ORDER, received: int | None = None
    ) -> None:
        """Joint states of the arm at q (shoulder, elbow), and its gripper's, in its order."""
        known = dict(zip(JOINTS, q, strict=False)) | {'gripper': 0.02}
        position = np.array([known[name] for name in names], dtype=float)
        none = np.zeros(0)
        for topic in (JOINT_STATES, *([self._second] if self._second else [])):
            self._write(
                topic, received or stamp, _header(stamp, ''), list(names), position, none, none
            )

    def command(
        self, stamp: int, q, seconds: float, names=('elbow', 'shoulder'), header: int = 0
    ) -> None:
        """A command to be at q (shoulder, elbow) after `seconds`, received at `stamp`."""
        known = dict(zip(JOINTS, q, strict=True))
        position = np.array([known.get(name, 0.0) for name in names])
        one = STORE.types['trajectory_msgs/msg/JointTrajectoryPoint']
        duration = STORE.types['builtin_interfaces/msg/Duration']
        none = np.zeros(0)
        time = duration(*divmod(round(seconds * NS), NS))
        points = [one(position, np.zeros(len(names)), none, none, time)]
        self._write(COMMAND, stamp, _header(header, ''), list(names), points)

    def _write(self, topic: str, received: int, *fields: object) -> None:
        connection, kind = self._topics[topic]
        self._writer.write(
            connection, received, STORE.serialize_cdr(STORE.types[kind](*fields), kind)
        )


def _header(stamp: int, frame: str) -> object:
    time = STORE.types['builtin_interfaces/msg/Time'](*divmod(stamp, NS))
    return STORE.types['std_msgs/msg/Header'](time, frame)


@dataclass
class Tick:
    """One control period of 10 ms: the time, where the arm is, and a new command, if any."""

    now: int
    q: np.ndarray
    reference: np.ndarray
    command: tuple[np.ndarray, float] | None


def moving(
    duration: float,
    seed: int = 0,
    lag: float = 0.0,
    tolerance: float = np.inf,
    blocked: Callable[[np.ndarray], bool] = lambda q: False,
) -> Iterator[Tick]:
    """The arm moves to random places for `duration` s, from T0 on.

    lag: how late it follows its reference, s. tolerance: the controller's for the trajectory, rad:
    it gives up and holds. blocked(q): whether the arm cannot be at q.
    """
    rng = np.random.default_rng(seed)
    q = np.array([0.2, -0.3])
    controller = JointTrajectoryController(JOINTS, q)
    past = [q] * (round(lag * 100) + 1)
    wanted = 0
    for step in range(round(duration * 100)):
        now, command = T0 + step * NS // 100, None
        if step >= wanted:
            target = np.clip(q + rng.uniform(-0.8, 0.8, 2), 0.95 * LOW, 0.95 * HIGH)
            seconds = 1.5 * float(np.abs(target - q).max()) / SPEED + 0.2
            command = (target, seconds)
            wanted = step + round(100 * (seconds + float(rng.uniform(0, 0.5))))
            times, points = np.array([round(seconds * NS)]), target[None]
            controller.accept(JointTrajectory(JOINTS, 0, times, points, 0 * points), now)
        reference = controller.reference(now).position
        past.append(reference)
        yield Tick(now, q, reference, command)
        if not blocked(past[-1 - round(lag * 100)]):
            q = past[-1 - round(lag * 100)]
        if (np.abs(reference - q) > tolerance).any():
            controller.activate(q)


def record(bag: ArmBag, ticks: Iterator[Tick], rate: float = 15.0, pictures: bool = True) -> None:
    """Publish into the bag: joint states at 50 Hz, pictures at `rate` Hz, all commands."""
    empty, shown = np.zeros((4, 4, 3), np.uint8), 0
    for index, tick in enumerate(ticks):
        if tick.command is not None:
            bag.command(tick.now, *tick.command)
        if index % 2 == 0:
            bag.joints(tick.now, tick.q)
        if tick.now - T0 >= shown * NS / rate:
            bag.image(T0 + round(shown * NS / rate), draw(tick.q) if pictures else empty)
            shown += 1


def recorded(ticks: Iterator[Tick], rate: float = 15.0) -> Recording:
    """What is read from a bag of `ticks`, without the way through a file."""
    images, joints, positions, commands = [], [], [], []
    for index, tick in enumerate(ticks):
        if tick.command is not None:
            target, seconds = tick.command
            times, points = np.array([round(seconds * NS)]), target[None]
            commands.append((tick.now, JointTrajectory(JOINTS, 0, times, points, 0 * points)))
        if index % 2 == 0:
            joints.append(tick.now)
            positions.append(tick.q)
        if tick.now - T0 >= len(images) * NS / rate:
            images.append(T0 + round(len(images) * NS / rate))
    stamps, samples = np.array(images), np.array(joints)
    return Recording(
        Path('bag'),
        {},
        stamps,
        stamps.copy(),
        samples,
        samples.copy(),
        np.array(positions),
        commands,
        {'image': np.arange(len(stamps))},
    )


def robot(**changes: object) -> RobotConfig:
    """The arm as its user describes it."""
    fields = {
        'name': 'my_arm',
        'joints': JOINTS,
        'position_min': (-1.2, -1.8),
        'position_max': (1.2, 1.8),
        'max_velocity': (0.9, 0.9),
        'max_acceleration': (4.0, 4.0),
        'tracking_tolerance': (0.06, 0.06),
    }
    return RobotConfig(**(fields | changes))
