# SPDX-License-Identifier: Apache-2.0
"""What comes in is wrong, old or someone else's: the robot rests, and the node says why."""

import math
import time
from functools import partial

import cv2
import numpy as np
import pytest
from rig import COMMANDS, FAR, running, wait_until
from sensor_msgs.msg import CompressedImage
from trajectory_msgs.msg import JointTrajectory

from grasp_ros.nodes import messages
from grasp_ros.nodes.arguments import planner_ros_arguments
from grasp_ros.nodes.planner import PlannerNode
from grasp_ros.nodes.time import NodeTime
from grasp_ros.types import Observation, nanoseconds


@pytest.fixture
def moving(start_planner):
    """A planner that has set the gantry moving."""
    return move(start_planner(True).aim())


def move(rig):
    """Plan until the gantry moves."""
    while np.abs(rig.gantry.joints().velocity).max() < 0.05:
        rig.plan()
    return rig


def assert_stop(rig, sent: int) -> None:
    """One more trajectory than `sent`, to rest."""
    wait_until(lambda: len(rig.trajectories) == sent + 1, 'the stop')
    assert not messages.to_trajectory(rig.trajectories[-1]).velocities[-1].any()


def test_frozen_camera_holds_the_robot_until_it_sees_again(moving):
    rgb = moving.gantry.render()

    def noticed() -> bool:
        # Or sooner, once the joints are further on than the picture shows.
        frozen, elsewhere = 'image: the picture has not changed while', 'the picture shows '
        return moving.said(f'HOLDING: {frozen}') or moving.said(f'HOLDING: {elsewhere}')

    def heard() -> bool:
        return len(moving.trajectories) == int(moving.counts['trajectories'])

    while not noticed():
        before = moving.counts['plans']
        moving.look(rgb=rgb)
        wait_until(
            lambda: noticed() or moving.counts['plans'] != before,  # noqa: B023
            'a plan or the reason',
        )
        wait_until(heard, 'what was sent')
    wait_until(heard, 'the stop')
    for _ in range(5):
        told = len(moving.statuses)
        moving.look(rgb=rgb)
        wait_until(lambda: len(moving.statuses) > told, 'the picture to be looked at')  # noqa: B023
        wait_until(heard, 'what was sent')
    assert not messages.to_trajectory(moving.trajectories[-1]).velocities[-1].any()
    sent = len(moving.trajectories)
    assert np.abs(moving.gantry.joints().velocity).max() < 1e-3
    moving.plan()
    wait_until(lambda: moving.counts['state'] == 'PLANNING', 'the robot to go on')
    assert len(moving.trajectories) == sent + 1


@pytest.mark.parametrize(
    'position, reason',
    [
        ([0.5, -0.2], 'FAULT: x_joint is measured at 0.5000, its limits are -0.27 to 0.27'),
        ([math.degrees(0.2), 0.0], 'FAULT: x_joint is measured at 11.4592'),
        ([0.25, 0.25], 'FAULT: x_joint jumped from '),
    ],
    ids=['outside', 'degrees', 'jump'],
)
def test_impossible_joints_are_a_fault_until_a_person_clears_it(moving, position, reason):
    sent = len(moving.trajectories)
    for i in range(1, 4):
        assert len(moving.trajectories) == sent, 'one glitch is no fault'
        moving.set_clock(moving.now_ns + i * 1_000_000)
        message = messages.from_joints(moving.gantry.joints(), ('x_joint', 'y_joint'))
        message.header.stamp = messages.to_time(moving.now_ns + i * 1_000_000)
        message.position, message.velocity = position, []
        moving._joints.publish(message)
    moving.wait_for(reason)
    assert_stop(moving, sent)
    for _ in range(4):
        moving.look()
    assert moving.counts['state'] == 'FAULT' and len(moving.trajectories) == sent + 1
    moving.peer.call('planner/cancel')
    assert moving.counts['state'] == 'FAULT', 'only a person who looked ends it'
    answer = moving.peer.call('planner/clear_fault')
    assert answer.success and answer.message.startswith('cleared: x_joint')
    moving.aim()
    moving.plan()
    wait_until(lambda: moving.counts['state'] == 'PLANNING', 'the robot to go on')


def test_clear_fault_says_that_there_was_none(start_planner):
    assert start_planner().peer.call('planner/clear_fault').message == 'there was no fault'


def test_joints_from_the_future_are_not_used(start_planner):
    rig = start_planner(True).aim()
    for _ in range(5):
        rig.tick(0.2, names=['nobody', 'else'])
        message = messages.from_joints(rig.gantry.joints(), ('x_joint', 'y_joint'))
        message.header.stamp = messages.to_time(rig.now_ns + nanoseconds(1.0))
        rig._joints.publish(message)
        rig.show_image()
    rig.wait_for('joint_states stamp is 1.000 s in the future: clocks differ')
    rig.peer.call('planner/cancel')
    assert not rig.trajectories


def test_second_publisher_on_the_controllers_topic_holds_the_robot(moving):
    sent = len(moving.trajectories)
    other = moving.peer.create_publisher(JointTrajectory, COMMANDS, 1)
    moving.wait_for(f'HOLDING: /peer publishes to /{COMMANDS}, too')
    assert_stop(moving, sent)
    for _ in range(3):
        moving.look()
    moving.peer.call('planner/cancel')
    assert len(moving.trajectories) == sent + 1
    moving.peer.destroy_publisher(other)
    moving.aim()
    wait_until(lambda: moving.node.count_publishers(COMMANDS) == 1, 'the other one to be gone')
    for _ in range(3):
        moving.plan()
    assert moving.counts['state'] == 'PLANNING' and len(moving.trajectories) > sent + 1


def test_controller_that_ignores_everything_is_told(start_planner):
    rig = start_planner(True).aim()
    for _ in range(25):
        rig._applied = len(rig.trajectories)
        rig.plan()
        if rig.said('from where it was told to be'):
            break
    assert any(
        status.message.startswith('HOLDING: ') and 'from where it was told' in status.message
        for status in rig.statuses
    )


def test_goal_that_would_unpack_to_gigabytes_is_refused_at_once(start_planner):
    rig = start_planner(True, 'observation.image_transport:=compressed').aim()
    png = bytearray(cv2.imencode('.png', np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    png[16:24] = (20_000).to_bytes(4, 'big') * 2
    rig._goal.publish(CompressedImage(format='png', data=bytes(png)))
    wait_until(lambda: rig.counts.get('goals_refused') == '1', 'the refusal')
    rig.plan()
    assert rig.counts['goal'] == '1' and rig.counts['state'] == 'PLANNING'


def test_black_goal_is_refused_and_the_old_one_stays(start_planner):
    rig = start_planner(True).aim()
    rig.plan()
    rig.send_goal(np.zeros((64, 64, 3), np.uint8))
    rig.look()
    wait_until(lambda: rig.counts.get('goals_refused') == '1', 'the refusal')
    rig.plan()
    assert rig.counts['state'] == 'PLANNING'


def test_status_is_there_from_the_start_with_the_reason(start_planner):
    rig = start_planner(True)
    wait_until(lambda: rig.statuses, 'a status')
    assert rig.statuses[0].message == 'WAITING: no /clock'


def test_camera_that_is_missing_is_named_with_its_type_and_the_other_transport(
    start_planner, capfd
):
    rig = start_planner(True)
    rig.peer.destroy_publisher(rig._image)
    rig.peer.create_publisher(CompressedImage, 'image/compressed', 1)
    rig.tick()
    rig.wait_for(
        'no image on /image (sensor_msgs/Image): 0 publishers; compressed ones are there: '
        'observation.image_transport: compressed'
    )
    rig.tick()
    time.sleep(0)  # nothing to wait for but the console
    until = time.monotonic() + 10
    heard = ''
    while 'no image on /image' not in heard and time.monotonic() < until:
        rig.tick(0.01)
        heard += capfd.readouterr().err
    assert heard.count('no image on /image') == 1


def test_clock_that_somebody_set_is_noticed(bundle, monkeypatch, capfd):
    offset, real = [0], NodeTime.now_ns
    monkeypatch.setattr(NodeTime, 'now_ns', lambda node: real(node) + offset[0])
    arguments = planner_ros_arguments('gantry', 'plan.yaml', str(bundle), True, 'c', False, '')
    with running(partial(PlannerNode, arguments), arguments) as (node, _, _):
        for hours in (-1, 2):
            number = node._pilot.aim(Observation.pictured({}, 2))
            offset[0] += nanoseconds(3600 * hours)
            wait_until(lambda: not node._pilot._mission.has_goal, 'the goal to be dropped')
            assert f'somebody set the clock by {hours * 3600:.0f}' in capfd.readouterr().err
            assert number == node._pilot._mission.number


def test_use_sim_time_that_is_changed_drops_the_goal(moving):
    sent = len(moving.trajectories)
    assert moving.peer.set_parameter('planner', 'use_sim_time', False)[0]
    moving.wait_for('use_sim_time was changed: the goal was dropped')
    moving.peer.call('planner/cancel')
    assert len(moving.trajectories) == sent


def test_blocked_robot_goes_back_and_tells_where_the_way_is_blocked(moving):
    gantry, real = moving.gantry, moving.gantry.step
    at = gantry.data.qpos.copy()

    def still():
        real()
        gantry.data.qpos[:], gantry.data.qvel[:] = at, 0.0

    gantry.step = still
    sent = len(moving.trajectories)
    moving.tick(0.1)
    moving.wait_for('from where it was told to be')
    assert_stop(moving, sent)
    del gantry.step
    back = messages.to_trajectory(moving.trajectories[-1]).positions[-1]
    assert np.abs(back - at).max() > 0.005
    moving.tick(1.5)
    moving.plan()
    moving.wait_for('PLANNING: the way near landmark')
    assert moving.counts['blocked'] == '1'
    shown = [float(one) for one in moving.counts['goal_joints'].split(',')]
    np.testing.assert_allclose(shown, FAR, atol=0.02)
