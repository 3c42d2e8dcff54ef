# SPDX-License-Identifier: Apache-2.0
"""What passes the gate, and how a robot comes to rest that does not follow."""

from dataclasses import replace

import numpy as np
import pytest

from grasp_ros.config import PlannerNodeConfig, load
from grasp_ros.control.extremes import extremes
from grasp_ros.control.gate import ANCHORS, ATTEMPTS, PATIENCE_NS, Gate, Late
from grasp_ros.control.guard import Guard, Situation
from grasp_ros.control.trajectory import from_actions
from grasp_ros.robot.jtc import JointTrajectoryController, sample
from grasp_ros.types import NS, JointSample, JointTrajectory, Motion, Refused, nanoseconds

START, TICK = 1_700_000_000 * NS, nanoseconds(0.01)
HOME = np.array([0.05, -0.1])


class Rig:
    """A gate, a controller, and a robot that follows it at once unless it is blocked."""

    def __init__(self, config, space, limits, backs_off=False):
        control, max_age = config.control, config.observation.max_age
        self.gate = Gate(config.robot, control.send_ahead, max_age, backs_off)
        self.space, self.limits = space, limits
        self.controller = JointTrajectoryController(config.robot.joints, HOME)
        self.now, self.position, self.blocked = START, HOME.copy(), False
        self.sag = np.zeros(2)
        self.observe()

    def observe(self, velocity=None) -> None:
        zero = np.zeros(2) if velocity is None else velocity
        self.gate.observe(JointSample(self.now, self.position, zero))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.now += TICK
            before = self.position
            if not self.blocked:
                self.position = self.controller.reference(self.now).position - self.sag
            self.observe((self.position - before) / 0.01)

    def slide(self) -> None:
        """A tick in which the first joint is blocked, and the others are not."""
        self.now, before = self.now + TICK, self.position
        told = self.controller.reference(self.now).position
        self.position = np.append(before[0], told[1:])
        self.observe((self.position - before) / 0.01)

    def admit(self, action=(1.0, 0.0), generation=None, late: float = 0.0):
        """A plan of some steps of one action, from the reference on."""
        gate, ahead = self.gate, nanoseconds(0.1 - late)
        start_ns = gate.reference.snapped(self.now + ahead)
        start = gate.reference.at(start_ns) or Motion(self.position, np.zeros(2))
        actions = np.tile([action], (8, 1))
        joints = self.controller.joints
        new = from_actions(actions, start, start_ns, self.space, self.limits, joints)
        generation = gate.generation if generation is None else generation
        return self.tell(gate.admit(new, generation, self.now, self.now))

    def tell(self, message):
        if isinstance(message, JointTrajectory):
            assert self.controller.accept(message, self.now) is None
            self.gate.sent(message, self.now)
        return message


@pytest.fixture
def rig(robot_file, space, limits):
    return Rig(load(PlannerNodeConfig, robot_file), space, limits)


@pytest.fixture
def moving(rig):
    """Held, then on its way at full speed."""
    assert len(rig.admit().times_ns) == 1
    rig.run(0.4)
    assert isinstance(rig.admit(), JointTrajectory)
    rig.run(0.3)
    assert np.abs(rig.gate.reference.at(rig.now).velocity).max() > 0.1
    return rig


def assert_reason(result, text):
    assert isinstance(result, Refused) and text in result.reason, result


def test_robot_is_first_held_where_it_stands(rig):
    message = rig.admit()
    np.testing.assert_array_equal(message.positions, HOME[None])
    assert not message.velocities.any()
    assert_reason(rig.admit(), 'is being held')
    rig.run(0.4)
    assert len(rig.admit().times_ns) > 1


def test_robot_that_someone_else_moves_is_not_held(rig):
    rig.observe(np.array([0.05, 0.0]))
    assert_reason(rig.admit(), 'the robot moves, and not by this node')


@pytest.mark.parametrize('late, sought', [(0, 1), (1, 2), (2, 3), (9, 3)])
def test_a_stop_that_took_too_long_is_sought_again(moving, late, sought):
    """It takes 30 ms the first times, so often, of the 25 that it may."""
    took = [nanoseconds(0.03)] * late + [0] * 3
    looks = iter([0, *np.repeat(np.cumsum(took), 2)])  # before and after each
    generation = moving.gate.generation
    message, judged_ns = moving.gate.stop_in_time(lambda: moving.now + int(next(looks)))
    assert message is not None and message.end_ns > judged_ns
    assert moving.gate.generation - generation == sought
    assert judged_ns == moving.now + (sought - 1) * nanoseconds(0.03)


def test_robot_that_trembles_on_what_it_presses_on_is_held(rig):
    for tick in range(120):
        rig.now += TICK
        side = 1 if tick % 2 else -1
        rig.position = HOME + [side * 2e-4, 0.0]
        rig.observe(np.array([side * 0.05, 0.0]))
        held = rig.admit()
        if isinstance(held, JointTrajectory):
            break
    assert 0.9 * NS < rig.now - START < 1.1 * NS
    np.testing.assert_allclose(held.positions[-1], HOME, atol=0.02)


def test_robot_that_is_led_slowly_is_not_held(rig):
    for _ in range(300):
        rig.now += TICK
        rig.position = rig.position + [5e-5, 0.0]  # 5 mm/s
        rig.observe(np.array([0.005, 0.0]))
        assert_reason(rig.admit(), 'the robot moves, and not by this node')


def test_nothing_is_sent_before_joints_were_seen(robot_file, space, limits):
    rig = Rig(load(PlannerNodeConfig, robot_file), space, limits)
    rig.gate.clear()
    assert_reason(rig.admit(), 'no joint_states')
    assert rig.gate.stop(rig.now) is None and rig.gate.hold(rig.now) is None


def test_motion_goes_on_from_message_to_message(moving):
    for _ in range(5):
        before = moving.gate.reference.told
        message = moving.admit(tuple(np.random.default_rng(0).uniform(-1, 1, 2)))
        assert isinstance(message, JointTrajectory)
        for at in range(moving.now, moving.now + nanoseconds(0.1), TICK):
            told, said = sample(before, at), sample(message, at)
            np.testing.assert_allclose(said.position, told.position, atol=1e-9)
        moving.run(0.2)
        assert moving.gate.following is None


def test_message_begins_before_it_is_sent(moving):
    assert moving.admit().start_ns <= moving.now - nanoseconds(0.05)


def test_late_plan_is_refused(moving):
    assert moving.admit(late=0.06) == Late('late')


def test_stop_ends_the_motion_and_makes_older_plans_void(moving):
    generation = moving.gate.generation
    message = moving.tell(moving.gate.stop(moving.now))
    assert seconds_until_rest(message, moving.now) < 0.15
    assert_reason(moving.admit(generation=generation), 'before the robot was stopped')
    moving.run(0.3)
    assert moving.gate.stop(moving.now) is None
    assert moving.gate.reference.rests(moving.now)


def test_stop_that_no_limits_allow_yet_is_due_until_they_do(moving):
    moving.blocked = True
    moving.run(0.1)
    assert moving.gate.following is not None
    there = moving.position
    moving.position = np.array([moving.limits.position_max[0] - 0.001, there[1]])
    moving.observe(np.array([0.4, 0.0]))  # pushed, and too fast to stop within the limits
    assert moving.gate.stop(moving.now) is None and moving.gate.unstopped
    moving.position = there
    moving.observe()
    message = moving.tell(moving.gate.stop(moving.now))
    assert not message.velocities[-1].any() and not moving.gate.unstopped


def seconds_until_rest(message: JointTrajectory, now_ns: int) -> float:
    assert not message.velocities[-1].any()
    return (message.end_ns - now_ns) / NS


def test_execute_off_and_on_again_cannot_send_an_old_plan(moving):
    generation = moving.gate.generation
    moving.gate.stop(moving.now)
    moving.gate.begin()
    assert_reason(moving.admit(generation=generation), 'before the robot was stopped')


def test_blocked_robot_comes_to_rest_where_it_is_measured(moving):
    moving.blocked = True
    moving.run(0.1)
    reason = moving.gate.following
    assert_reason(reason, 'x_joint is')
    assert '0.0100' in reason.reason and 'tracking_tolerance' in reason.reason
    assert_reason(moving.admit(), 'x_joint is')
    message = moving.tell(moving.gate.stop(moving.now))
    np.testing.assert_allclose(message.positions, moving.position[None], atol=1e-9)
    told = replace_first(message, moving)
    _, speed, acceleration = extremes(told)
    assert (speed <= moving.limits.velocity * 1.001).all()
    assert (acceleration <= moving.limits.acceleration * 1.001).all()


def replace_first(message: JointTrajectory, rig: Rig) -> JointTrajectory:
    """With the controller's own way to the first point."""
    here = rig.controller.reference(rig.now)
    return replace(
        message,
        start_ns=rig.now,
        times_ns=np.append(0, message.start_ns + message.times_ns - rig.now),
        positions=np.concatenate([here.position[None], message.positions]),
        velocities=np.concatenate([here.velocity[None], message.velocities]),
    )


def test_robot_that_keeps_moving_is_stopped_from_its_own_motion(moving):
    """It overshoots: 0.15 m/s and 3 m/s² take 3.75 mm."""
    moving.position = moving.position + [0.02, 0.0]
    moving.observe(np.array([0.15, 0.0]))
    message = moving.gate.stop(moving.now)
    np.testing.assert_allclose(message.positions[0, 0], moving.position[0] + 0.00375, atol=1e-9)


def test_after_a_block_the_robot_is_held_again_before_it_goes_on(moving):
    moving.blocked = True
    moving.run(0.1)
    moving.tell(moving.gate.stop(moving.now))
    moving.run(1.0)
    moving.blocked = False
    assert moving.gate.following is None
    # The controller may hold since it gave up by itself: where, nobody knows.
    assert len(moving.admit().times_ns) == 1
    moving.run(0.4)
    assert len(moving.admit().times_ns) > 1


def test_controller_that_ignores_everything_is_told_and_tried_again_later(moving):
    moving.blocked = True
    reasons = []
    while len(reasons) < 60 or 'has not followed' not in reasons[-1]:
        answer = moving.admit()
        reasons.append(answer.reason if isinstance(answer, Refused) else '')
        assert len(reasons) < 100
        moving.run(0.1)
        if moving.gate.following is not None and not moving.gate.reference.rests(moving.now):
            moving.tell(moving.gate.stop(moving.now))
    tries = sum(reason == '' for reason in reasons)
    assert ATTEMPTS < tries < 25
    moving.now += PATIENCE_NS
    moving.observe()
    assert not isinstance(moving.admit(), Refused)


def test_robot_that_gets_on_is_not_given_up(moving):
    for _ in range(2 * ATTEMPTS):
        moving.blocked = True
        moving.run(0.1)
        moving.tell(moving.gate.stop(moving.now))
        moving.blocked = False
        for _ in range(3):
            moving.run(0.7)
            assert not isinstance(moving.admit((-1.0, 0.0)), Refused)
        moving.run(0.3)


def test_sagging_robot_is_not_led_down_step_by_step(rig):
    """It rests 2 cm below wherever it is held: after three times it is left alone."""
    rig.admit()
    rig.sag, sent = np.array([0.0, 0.02]), 0
    for _ in range(20):
        rig.run(0.3)
        sent += isinstance(rig.admit(), JointTrajectory)
    assert sent < ANCHORS, 'the first came before'
    assert_reason(rig.admit(), 'y_joint is 0.0200 from where it was told to be')
    rig.gate.begin()
    assert isinstance(rig.admit(), JointTrajectory)


def test_holds_that_were_not_sent_do_not_count(rig):
    rig.admit()
    rig.sag = np.array([0.0, 0.02])
    rig.run(0.3)
    for _ in range(2 * ANCHORS):
        assert isinstance(rig.gate.anchor(rig.now), JointTrajectory), 'made, and too late'
    assert isinstance(rig.admit(), JointTrajectory)


@pytest.mark.parametrize('ahead, held', [(0.01, True), (0.5, True), (0.95, False)])
def test_robot_can_be_held_however_long_messages_take(robot_file, space, limits, ahead, held):
    config = load(PlannerNodeConfig, robot_file)
    rig = Rig(config, space, limits)
    rig.gate = Gate(config.robot, ahead, config.observation.max_age)
    rig.observe()
    message = rig.gate.anchor(rig.now)
    if held:
        assert isinstance(message, JointTrajectory)
    else:  # what the parameters' rules refuse
        assert_reason(message, 'cannot be held where it stands: guard: ')


@pytest.mark.parametrize('outside', [0.005, -0.005])
def test_robot_a_little_outside_its_limits_is_held_there(rig, outside):
    limit = rig.limits.position_max[0] if outside > 0 else rig.limits.position_min[0]
    rig.position = np.array([limit + outside, 0.0])
    rig.observe()
    message = rig.admit()
    np.testing.assert_array_equal(message.positions[0], rig.position)


def test_robot_far_outside_its_limits_is_not_moved(rig):
    rig.position = np.array([0.5, 0.0])
    rig.observe()
    assert_reason(rig.admit(), 'cannot be held')


def test_clear_forgets_what_was_told(moving):
    generation = moving.gate.generation
    moving.gate.clear()
    assert moving.gate.reference.told is None and moving.gate.generation > generation
    assert moving.gate.stop(moving.now) is None


def test_robot_that_trembles_against_an_obstacle_is_held_where_it_stands(moving):
    moving.blocked = True
    moving.run(0.1)
    moving.tell(moving.gate.stop(moving.now))
    moving.run(1.0)
    moving.position = moving.position - [0.0166, 0.0]
    moving.observe(np.array([0.02, 0.0]))
    assert isinstance(moving.gate.following, Refused)
    assert isinstance(moving.admit(), JointTrajectory)
    moving.run(1.0)
    assert moving.gate.following is None


@pytest.fixture
def recovering(robot_file, space, limits):
    """As `moving`, of a gate that brings a blocked robot off what it touches."""
    rig = Rig(load(PlannerNodeConfig, robot_file), space, limits, backs_off=True)
    rig.admit()
    rig.run(0.4)
    rig.admit()
    rig.run(0.3)
    return rig


def block(rig) -> JointTrajectory:
    """What is sent when the robot is blocked where it is."""
    rig.blocked = True
    while rig.gate.following is None:
        rig.run(0.01)
    return rig.tell(rig.gate.stop(rig.now))


def test_blocked_robot_is_brought_back_the_way_it_came(recovering):
    message = block(recovering)
    touched = recovering.position
    assert len(message.times_ns) == 1 and not message.velocities.any()
    back = touched[0] - message.positions[0, 0]
    assert 0.02 <= back <= 0.025, 'two tracking tolerances'
    assert message.positions[0, 1] == pytest.approx(touched[1], abs=1e-6), 'it came along x'
    _, speed, acceleration = extremes(replace_first(message, recovering))
    assert (speed <= recovering.limits.velocity * 1.001).all()
    assert (acceleration <= recovering.limits.acceleration * 1.001).all()
    recovering.blocked = False
    recovering.run(2.0)
    assert recovering.gate.following is None
    # The controller did as it was told: nothing about it is doubtful.
    assert len(recovering.admit((0.0, 1.0)).times_ns) > 1


def test_it_is_brought_back_a_little_also_where_the_blocked_joint_has_not_moved_before(recovering):
    rig = recovering
    rig.admit((0.0, 1.0))
    rig.run(0.6)
    rig.admit((1.0, 1.0))
    while rig.gate.following is None:
        rig.slide()
    back = rig.position - rig.gate.stop(rig.now).positions[0]
    assert abs(back[0]) < 0.02, 'where it has been for long'
    assert 0.04 <= back[1] <= 0.045, 'four tracking tolerances along the way it came'


def test_it_is_brought_back_nearly_as_fast_as_its_limits_allow(recovering, robot_file):
    robot = load(PlannerNodeConfig, robot_file).robot
    guard = Guard(robot.joints, recovering.limits, np.array(robot.tracking_tolerance), NS)
    recovering.blocked = True
    while recovering.gate.following is None:
        recovering.run(0.01)
    measured = JointSample(recovering.now, recovering.position, np.zeros(2))
    told = Situation(recovering.gate.reference, measured, recovering.now, nanoseconds(0.1))
    message = recovering.gate.stop(recovering.now)
    quicker = replace(message, times_ns=(0.85 * message.times_ns).astype(np.int64))
    assert guard.check(message, told) is None
    assert_reason(guard.check(quicker, told), 'on the way to the first point')


def test_robot_that_was_brought_back_is_not_held_again_before_its_joints_are_seen(recovering):
    message = block(recovering)
    recovering.blocked = False
    while recovering.now + TICK < message.end_ns:
        recovering.run(0.01)
    recovering.now = message.end_ns + TICK // 2
    assert_reason(recovering.admit((0.0, 1.0)), 'nobody has seen yet')
    recovering.run(0.01)
    assert len(recovering.admit((0.0, 1.0)).times_ns) > 1


def test_robot_that_was_not_brought_back_is_held_before_it_goes_on(recovering):
    """Its controller has given up, and comes to hold it near there by itself."""
    message = block(recovering)
    touched = recovering.position.copy()
    recovering.run(2.0)
    recovering.position = touched - [0.009, 0.0]
    back = recovering.position[0] - message.positions[0, 0]
    assert back > 0.01, 'further than the tolerance'
    recovering.observe()
    assert isinstance(recovering.gate.following, Refused)
    assert len(recovering.admit().times_ns) == 1


def test_robot_that_has_come_from_nowhere_is_held_where_it_stands(recovering):
    message = block(recovering)
    recovering.blocked = False
    recovering.run(2.0)
    recovering.admit()
    again = block(recovering)
    np.testing.assert_allclose(again.positions, message.positions, atol=2e-3)


def test_robot_is_brought_back_also_when_the_planner_knows_of_the_block_already(recovering):
    recovering.blocked = True
    recovering.run(0.1)
    assert recovering.gate.take_blocked() is not None
    message = recovering.gate.stop(recovering.now)
    assert recovering.position[0] - message.positions[0, 0] >= 0.02


def test_robot_is_brought_back_once_from_each_block(recovering):
    block(recovering)
    recovering.run(0.05)
    recovering.gate.reference = replace(recovering.gate.reference, settled_ns=0)
    message = recovering.gate.stop(recovering.now)
    np.testing.assert_allclose(message.positions[0], recovering.position, atol=1e-9)


def test_blocked_robot_whose_other_joint_is_at_full_speed_is_stopped_at_once(recovering):
    """A little faster than it may be, by its encoders."""
    recovering.admit((1.0, 1.0))
    x, y = recovering.position
    while recovering.gate.following is None:
        recovering.now, y = recovering.now + TICK, y + 0.00152
        recovering.position = np.array([x, y])
        recovering.observe(np.array([0.0, 0.152]))
    message = recovering.gate.stop(recovering.now)
    assert not recovering.gate.unstopped
    assert x - message.positions[0, 0] >= 0.02


def test_where_no_hold_is_within_limits_the_reference_ends_first(robot_file, space, limits):
    """Blocked along x, it drives on along y, too near to the limit there for one cubic."""
    rig = Rig(load(PlannerNodeConfig, robot_file), space, limits, backs_off=True)
    rig.position = np.array([0.05, limits.position_max[1] - 0.045])
    rig.controller.activate(rig.position)
    rig.observe()
    rig.admit()
    rig.run(0.4)
    rig.admit((1.0, 1.0))
    rig.run(0.3)
    gate, x = rig.gate, rig.position[0]

    while gate.following is None:
        rig.slide()
    assert gate.hold(rig.now) is None, 'the case that this is about'
    there, ends_ns = gate.reference.at(rig.now).position, gate.reference.told.end_ns
    message = rig.tell(gate.stop(rig.now))
    assert gate.unstopped and message.end_ns < ends_ns
    np.testing.assert_allclose(sample(message, rig.now).position, there, atol=1e-9)
    while gate.unstopped:
        rig.slide()
        back = rig.tell(gate.stop(rig.now))
    assert rig.now < message.end_ns + 5 * TICK
    assert x - back.positions[0, 0] >= 0.02, 'and then it is brought back'


@pytest.mark.parametrize('side', [-1, 1])
def test_robot_that_is_pushed_out_of_its_limits_is_stopped_at_once(rig, side):
    """By what it touches, say, while another joint drives on."""
    limit = rig.limits.position_max[0] if side > 0 else rig.limits.position_min[0]
    rig.position = np.array([limit + side * 0.003, HOME[1]])
    rig.observe(np.array([side * 0.04, 0.0]))
    message = rig.gate.hold(rig.now)
    stopped = limit + side * (0.003 + 0.04**2 / (2 * rig.limits.acceleration[0]))
    np.testing.assert_allclose(message.positions[0], [stopped, HOME[1]], atol=1e-9)


def test_each_block_is_told_once_with_what_the_robot_was_told(recovering):
    assert recovering.gate.take_blocked() is None
    block(recovering)
    blocked = recovering.gate.take_blocked()
    np.testing.assert_array_equal(blocked.position, recovering.position)
    assert blocked.reference.at(blocked.stamp_ns).position[0] > recovering.position[0] + 0.01
    recovering.run(0.5)
    assert recovering.gate.take_blocked() is None
    recovering.gate.begin()
