# SPDX-License-Identifier: Apache-2.0
"""The planner node keeps its promises, whatever comes in."""

import math

import numpy as np
import pytest
from rclpy.publisher import Publisher
from rig import COMMANDS, FAR, PlannerRig, wait_until

from grasp_ros.nodes import messages
from grasp_ros.robot.jtc import rejection
from grasp_ros.types import nanoseconds


@pytest.fixture
def moving(start_planner):
    """A planner that has set the gantry moving."""
    rig = start_planner(True).aim()
    while len(rig.trajectories) < 3:
        rig.plan()
    rig.tick()
    assert np.abs(rig.gantry.joints().velocity).max() > 0.05
    return rig


def assert_stopped(rig: PlannerRig, sent: int) -> None:
    """One more trajectory than `sent`, which stops the gantry; and none after it."""
    wait_until(lambda: len(rig.trajectories) == sent + 1, 'the stop')
    trajectory = messages.to_trajectory(rig.trajectories[-1])
    assert not trajectory.velocities[-1].any()
    assert rig.now_ns < trajectory.end_ns < rig.now_ns + nanoseconds(0.3)
    assert rejection(trajectory, rig.gantry.world.robot.joints, rig.now_ns) is None
    for _ in range(3):
        rig.look()
    rig.tick(0.5)
    assert np.abs(rig.gantry.joints().velocity).max() < 1e-3
    rig.peer.call('planner/cancel')  # whatever was sent before this answer is here now
    assert len(rig.trajectories) == sent + 1


def assert_nothing_sent(rig: PlannerRig) -> None:
    """Neither heard nor counted."""
    rig.peer.call('planner/cancel')
    assert rig.trajectories == [] and 'trajectories' not in rig.counts


def test_waits_for_the_clock(start_planner):
    rig = start_planner(True)
    wait_until(lambda: rig.diagnosed('no /clock'), 'the reason')
    assert_nothing_sent(rig)


def test_waits_for_the_camera(start_planner):
    rig = start_planner(True)
    rig.tick()
    rig.send_goal(rig.view_from(FAR))
    rig.wait_for('no image on /image (sensor_msgs/Image): 1 publishers')
    assert_nothing_sent(rig)


def test_waits_for_a_goal(start_planner):
    rig = start_planner(True)
    rig.look()
    rig.wait_for('WAITING: no goal')
    assert_nothing_sent(rig)


def test_waits_for_a_controller(start_planner):
    rig = start_planner(True, controller=False).aim()
    rig.look()
    rig.wait_for('WAITING: no controller subscribes to /joint_trajectory_controller')


@pytest.mark.parametrize(
    'image, reason',
    [
        ({'rgb': np.zeros((48, 64, 3), np.uint8)}, 'image is 64x48'),
        ({'rgb': np.zeros((128, 128, 3), np.uint8)}, 'image is 128x128'),
        ({'encoding': '16UC1'}, "'16UC1'"),
        ({'encoding': 'rgba8'}, 'step 192 is below'),
        ({'late': 0.6}, 'image is 0.600 s old'),
        ({'late': -0.1}, '0.100 s in the future'),
        ({'late': 1e6}, 'image has no stamp'),
    ],
    ids=['height', 'size', 'depth', 'encoding', 'stale', 'future', 'no_stamp'],
)
def test_refuses_image(start_planner, image, reason):
    rig = start_planner(True).aim()
    rig.look(1.0, **image)
    rig.wait_for(reason)
    assert_nothing_sent(rig)


@pytest.mark.parametrize(
    'joints, reason',
    [
        ({'position': [math.nan, 0.0]}, 'x_joint: position nan'),
        ({'position': [0.0]}, '2 names and 1 positions'),
        (
            {'names': ['x_joint', 'elbow']},
            'joint_states of y_joint is 0.600 s older than of the others',
        ),
        ({'names': ['x_joint', 'x_joint']}, "'x_joint' 2 times"),
    ],
    ids=['nan', 'short', 'unknown', 'double'],
)
def test_refuses_joints(start_planner, joints, reason):
    rig = start_planner(True).aim()
    rig.tick(0.6, **joints)
    rig.show_image()
    rig.wait_for(reason)
    assert_nothing_sent(rig)


def test_joints_of_another_robot_on_the_topic_change_nothing(start_planner):
    rig = start_planner(True).aim()
    for _ in range(3):
        rig.show_joints(['finger'], [0.01])
        rig.show_joints(['x_joint'], [math.nan])
        rig.plan()
        rig.show_joints(['finger'], [0.01])
    assert not rig.said('finger') and not rig.said('nan')
    assert rig.counts['state'] == 'PLANNING'


def test_plans_when_the_joints_come_after_their_image(start_planner):
    rig = start_planner(True).aim()
    before = int(rig.counts.get('plans', 0))
    for _ in range(20):
        rig.gantry.step()
    rig.set_clock(rig.now_ns)
    rig.show_image()
    rig.show_joints()
    wait_until(lambda: int(rig.counts.get('plans', 0)) > before, 'a plan')


def test_goes_on_after_a_refused_image(start_planner):
    rig = start_planner(True).aim()
    rig.plan()
    rig.look(encoding='16UC1')
    wait_until(lambda: rig.diagnosed('1 refused'), 'the refusal')
    rig.plan()
    assert rig.counts['state'] == 'PLANNING' and rig.counts.get('failures', '0') == '0'
    assert not rig.said('16UC1'), 'one bad image is counted, and changes no state'


def test_goal_of_another_size_keeps_the_old_goal(start_planner):
    rig = start_planner().aim()
    rig.send_goal(np.zeros((32, 32, 3), np.uint8))
    wait_until(lambda: rig.counts.get('goals_refused') == '1', 'the refusal')
    rig.plan()
    assert rig.counts['goal'] == '1'


def test_shadow_mode_shows_plans_and_sends_nothing(start_planner):
    rig = start_planner(False).aim()
    for _ in range(3):
        rig.plan()
    assert len(rig.plans) == 3 and rig.counts['state'] == 'PLANNING'
    assert_nothing_sent(rig)


def test_motion_keeps_the_promises(start_planner, robot):
    rig = start_planner(True).aim()
    far = np.linalg.norm(rig.gantry.joints().position - FAR)
    for _ in range(12):
        judged = len(rig.trajectories)
        rig.plan()
        for message in rig.trajectories[judged:]:
            trajectory = messages.to_trajectory(message)
            assert rejection(trajectory, robot.joints, rig.now_ns) is None
            assert trajectory.end_ns > rig.now_ns
    assert len(rig.trajectories) > 6
    assert np.linalg.norm(rig.gantry.joints().position - FAR) < far / 2
    step = rig.gantry.control_step
    commanded = np.array(rig.commanded)
    speed = np.abs(np.diff(commanded, axis=0)) / step
    bend = np.abs(np.diff(commanded, 2, axis=0)) / step**2
    assert (speed <= 1.001 * np.array(robot.max_velocity)).all()
    assert (bend <= 1.001 * np.array(robot.max_acceleration) + 1e-3).all()


def test_takes_compressed_images(start_planner):
    rig = start_planner(True, 'observation.image_transport:=compressed').aim()
    rig.plan()
    assert rig.counts['state'] == 'PLANNING' and rig.trajectories


def test_robot_rests_when_the_camera_stalls(moving):
    sent = len(moving.trajectories)
    moving.tick(2.0)
    assert len(moving.trajectories) == sent
    assert np.abs(moving.gantry.joints().velocity).max() < 1e-3
    wait_until(lambda: moving.said('WAITING: no usable image for'), 'the reason')


def test_says_that_the_clock_stands_still_and_goes_on_when_it_does(moving):
    sent = len(moving.trajectories)
    wait_until(lambda: moving.said('WAITING: the clock stands still'), 'the reason')
    assert len(moving.trajectories) == sent, 'a paused simulation needs no stop'
    moving.plan()
    assert moving.counts['state'] == 'PLANNING' and len(moving.trajectories) > sent


def test_cancel_stops(moving):
    sent = len(moving.trajectories)
    assert moving.peer.call('planner/cancel').success
    assert_stopped(moving, sent)


@pytest.mark.parametrize(
    'service, reason', [('cancel', 'there was no goal'), ('teach_goal', 'no /clock')]
)
def test_service_says_why_it_cannot(start_planner, service, reason):
    answer = start_planner().peer.call(f'planner/{service}')
    assert not answer.success and answer.message == reason


def test_execute_set_false_stops(moving):
    sent = len(moving.trajectories)
    assert moving.peer.set_parameter('planner', 'control.execute', False) == (True, '')
    assert_stopped(moving, sent)


def test_shutdown_stops(moving):
    sent = len(moving.trajectories)
    assert moving.end()
    moving.node.destroy_node()  # at once, as the process does: the stop must have arrived
    wait_until(lambda: len(moving.trajectories) == sent + 1, 'the stop')
    assert not messages.to_trajectory(moving.trajectories[-1]).velocities[-1].any()


def test_shutdown_waits_until_the_stop_has_arrived(moving, monkeypatch):
    calls = []

    def noting(name):
        real = getattr(Publisher, name)

        def call(publisher, *arguments):
            if publisher.topic_name == f'/{COMMANDS}':
                calls.append(name)
            return real(publisher, *arguments)

        monkeypatch.setattr(Publisher, name, call)

    noting('publish')
    noting('wait_for_all_acked')
    assert moving.end()
    assert calls == ['publish', 'wait_for_all_acked']


def test_clock_that_jumps_back_drops_goal_and_plan(moving):
    sent = len(moving.trajectories)
    moving.set_clock(nanoseconds(0.5))
    moving.wait_for('WAITING: the clock jumped by -')
    # The old trajectory lies in the future now; stopping by it would move the robot.
    assert not moving.peer.call('planner/cancel').success
    moving.set_clock(nanoseconds(0.6))
    moving.peer.call('planner/cancel')
    assert len(moving.trajectories) == sent


@pytest.mark.parametrize(
    'name, value, reason',
    [
        ('planner.deadline', 0.5, 'read-only'),
        ('robot.max_velocity', [9.0, 9.0], 'read-only'),
        ('control.execute', 'yes', "control.execute: 'yes' is str, not bool"),
        ('control.excute', True, 'undeclared'),
    ],
)
def test_refuses_parameter_change(start_planner, name, value, reason):
    rig = start_planner()
    successful, why = rig.peer.set_parameter('planner', name, value)
    assert not successful and reason in why


def test_teach_goal_refuses_an_old_image(start_planner):
    rig = start_planner()
    rig.look()
    rig.wait_for('no goal')
    rig.tick(1.0)
    answer = rig.peer.call('planner/teach_goal')
    assert not answer.success and 'no usable image for 1.0 s' in answer.message


def test_teach_goal_takes_what_is_seen_now(start_planner):
    rig = start_planner(True)
    rig.look()
    rig.wait_for('no goal')
    answer = rig.peer.call('planner/teach_goal')
    assert answer.success and 'goal 1' in answer.message
    for _ in range(4):
        rig.plan()
    assert rig.counts['state'] == 'REACHED'
