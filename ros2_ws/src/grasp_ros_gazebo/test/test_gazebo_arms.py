# SPDX-License-Identifier: Apache-2.0
"""Arms with wrists, meshes and several cameras in the real Gazebo 11 do as in MuJoCo."""

import cv2
import numpy as np
import pytest

from grasp_ros.control.trajectory import from_actions
from grasp_ros.robot.limits import Limits
from grasp_ros.sim.explore import velocity_command
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world

DT, REST = 0.1, 1.0  # s: model step; in which a servo that lags arrives


@pytest.fixture(scope='module', params=['ur5', 'so101'])
def both(request, make):
    """An arm in Gazebo and in MuJoCo."""
    world = load_world(request.param)
    twin = MujocoRobot(world)
    yield make(world), twin
    twin.close()


def changed(before, after):
    """Row and column of the middle of what differs between pictures, and how much that is."""
    differs = np.abs(before.astype(int) - after).max(axis=2) > 40
    return np.argwhere(differs).mean(axis=0), differs.sum()


def shifted(one, other):
    """How far (2,) one picture is shifted, px, and how alike they are whatever the light."""
    grey = [cv2.cvtColor(each, cv2.COLOR_RGB2GRAY).astype(np.float32) for each in (one, other)]
    window = cv2.createHanningWindow(grey[0].shape[::-1], cv2.CV_32F)
    apart, _ = cv2.phaseCorrelate(*grey, window)
    return apart, np.corrcoef(grey[0].ravel(), grey[1].ravel())[0, 1]


def test_resets_are_exact_and_each_camera_sees_what_mujocos_does(both):
    robot, twin = both
    (one, other) = twin.world.task.sample(2, seed=5)
    seen = {}
    for at, place in enumerate((one.start, other.goal)):
        for arm in both:
            arm.reset(place)
            for camera in twin.world.description.cameras:
                seen[at, arm, camera.name] = arm.render(camera.name)
        assert robot.joints().position == pytest.approx(place, abs=2e-4)
    for camera in twin.world.description.cameras:
        if camera.link:  # all that it sees changes
            for at in (0, 1):
                apart, alike = shifted(*(seen[at, arm, camera.name] for arm in both))
                np.testing.assert_allclose(apart, 0, atol=0.5)
                assert alike > 0.97
            continue
        (ours, count), (theirs, same) = (
            changed(seen[0, arm, camera.name], seen[1, arm, camera.name]) for arm in both
        )
        np.testing.assert_allclose(ours, theirs, atol=1.5)
        assert count == pytest.approx(same, rel=0.25) and same > 50


def test_a_reset_drives_through_where_things_stand(make):
    """Also through what hangs high: it must be out of the way, not lie on the table meanwhile."""
    robot = make('ur5')
    for place in (
        [-0.69, -1.44, 1.36, -1.24, -0.91, 0.88],
        [1.18, -1.08, 1.60, -0.79, -1.22, -0.47],
    ):
        robot.reset(np.array(place))
        assert robot.joints().position == pytest.approx(place, abs=2e-4)


def test_it_follows_within_its_tolerance_and_ends_where_mujoco_does(both):
    robot, twin = both
    config = robot.world.robot
    tolerance, limits = np.array(config.tracking_tolerance), Limits.of(config)
    command = velocity_command(twin, DT)
    start = twin.world.task.sample(1, seed=5)[0].start
    actions = np.random.default_rng(0).choice([-0.4, 0.4], (10, len(config.joints)))
    ends = []
    for arm in both:
        arm.reset(start)
        for action in actions:
            reference = arm.controller.reference(arm.now_ns)
            told = from_actions(
                action[None], reference, arm.now_ns, command, limits, config.joints
            )
            assert arm.controller.accept(told, arm.now_ns) is None
            for _ in range(round(DT / arm.control_step)):
                arm.step()
                wanted = arm.controller.reference(arm.now_ns).position
                assert (np.abs(arm.joints().position - wanted) < tolerance).all()
        for _ in range(round(REST / arm.control_step)):
            arm.step()
        ends.append(arm.joints().position)
    np.testing.assert_allclose(*ends, atol=5e-3)
    assert np.abs(ends[0] - start).max() > 0.05, 'it moved'
