# SPDX-License-Identifier: Apache-2.0
"""The speed of joints whose positions alone are measured; what is not known is not made up."""

import numpy as np
import pytest

from grasp_ros.config import ObservationConfig, PlannerNodeConfig, load
from grasp_ros.control.gate import AT_REST, Gate
from grasp_ros.control.trajectory import from_actions
from grasp_ros.observation.joints import JointReader
from grasp_ros.observation.speeds import KEPT, SPAN_NS, Speeds
from grasp_ros.robot.command import make_command
from grasp_ros.robot.jtc import JointTrajectoryController
from grasp_ros.robot.limits import Limits
from grasp_ros.share import share_directory
from grasp_ros.types import NS, JointSample, JointTrajectory, Motion, nanoseconds

T0 = 1_700_000_000 * NS
TICK = 0.0015  # rad, of an encoder with 4096 a turn


def speeds_of(path, rate: float) -> list[float]:
    """What is told of a joint that is at path(t), rate times a second, for a second."""
    speeds = Speeds(1)
    times = np.arange(0.0, 1.0, 1 / rate)
    return [speeds.add(0, T0 + nanoseconds(t), path(t)) for t in times]


@pytest.mark.parametrize('rate', [5, 10, 50, 100, 1000])
def test_even_motion_is_known_after_a_moment(rate):
    told = np.array(speeds_of(lambda t: 0.6 * t, rate))
    known = ~np.isnan(told)
    np.testing.assert_allclose(told[known], 0.6, atol=1e-6)
    assert not known[0] and known[int(np.ceil(SPAN_NS / NS * rate)) :].all()


@pytest.mark.parametrize('rate', [50, 100, 1000])
def test_ticks_of_an_encoder_are_no_motion(rate):
    noise = np.random.default_rng(0)
    told = np.array(speeds_of(lambda t: TICK * noise.integers(0, 2), rate))
    assert np.nanmax(np.abs(told)) < AT_REST * 0.5, 'of the slowest robot in config/robots'


def test_nothing_is_known_of_what_happened_in_a_pause():
    speeds = Speeds(1)
    for tick in range(30):
        speeds.add(0, T0 + tick * NS // 100, 0.0)
    back = T0 + 10 * NS
    told = [speeds.add(0, back + tick * NS // 100, 1.0) for tick in range(25)]
    assert np.isnan(told[:20]).all() and told[20:] == [0.0] * 5


def test_joints_are_told_apart_and_a_flood_takes_no_memory():
    speeds = Speeds(2)
    for tick in range(3 * KEPT):
        assert np.isnan(speeds.add(0, T0 + tick, 0.0))
    speeds.add(1, T0, 0.0)
    assert speeds.add(1, T0 + SPAN_NS, 0.1) == pytest.approx(0.5)


class Driven:
    """An arm that others drive; its joint states have no velocities, and its encoders ticks."""

    def __init__(self):
        file = share_directory() / 'config/robots/arm2.yaml'
        self.config = config = load(PlannerNodeConfig, file)
        self.limits, self.now = Limits.of(config.robot), T0
        self.controller = JointTrajectoryController(config.robot.joints, np.zeros(2))
        self.reader = JointReader(config.robot, ObservationConfig())
        self.gate = Gate(config.robot, config.control.send_ahead, config.observation.max_age)
        self.commanded = [np.zeros(2)]

    def drive(self, actions) -> None:
        """By somebody else."""
        bounds = self.config.robot.max_velocity
        space = make_command('joint_velocity', tuple(-one for one in bounds), bounds, 0.1)
        rest, joints = Motion(np.zeros(2), np.zeros(2)), self.controller.joints
        trajectory = from_actions(np.array(actions), rest, self.now, space, self.limits, joints)
        assert self.controller.accept(trajectory, self.now) is None

    def tick(self, noise=0.0) -> None:
        """10 ms, and the joints."""
        for _ in range(10):
            self.now += NS // 1000
            self.commanded.append(self.controller.reference(self.now).position)
        seen = self.commanded[-1] + noise
        ticks = np.round(seen / TICK) * TICK
        sample = self.reader.read(self.now, self.controller.joints, ticks, [], self.now)
        if isinstance(sample, JointSample):
            self.gate.observe(sample)

    def hold(self) -> bool:
        """Whether the gate took the robot over."""
        message = self.gate.anchor(self.now)
        if not isinstance(message, JointTrajectory):
            return False
        assert self.controller.accept(message, self.now) is None
        self.gate.sent(message, self.now)
        return True

    @property
    def acceleration(self) -> float:
        """The highest that was commanded, over what is allowed."""
        bend = np.abs(np.diff(self.commanded, 2, axis=0)) / 1e-3**2
        return float((bend / self.limits.acceleration).max())


@pytest.mark.parametrize('joined', [0.0, 0.15, 0.3, 0.6])
def test_robot_at_full_speed_is_not_taken_for_one_that_stands(joined):
    """It is first seen when it has been under way for some time."""
    arm = Driven()
    arm.drive([[1.0, 1.0]] * 10)
    for tick in range(160):
        arm.tick()
        if tick == round(100 * joined):
            arm.reader.clear()
            arm.gate.clear()
        if tick >= 100 * joined + 1 and arm.hold():
            break
    assert np.ptp(arm.commanded[-2:], axis=0).max() < 1e-9, 'it has come to rest by itself'
    for _ in range(100):
        arm.tick()
    assert arm.acceleration <= 1.001


def test_robot_at_rest_whose_encoders_tick_can_start():
    arm, noise = Driven(), np.random.default_rng(0)
    ticks = 0
    while not arm.hold():
        arm.tick(noise.choice([-0.4, 0.4], 2) * TICK)
        ticks += 1
        assert ticks < 40
    assert 20 <= ticks <= 23
