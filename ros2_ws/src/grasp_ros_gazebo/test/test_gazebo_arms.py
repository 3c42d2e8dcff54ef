# SPDX-License-Identifier: Apache-2.0
"""Arms with wrists, meshes and several cameras in the real Gazebo 11 do as in MuJoCo."""

from dataclasses import replace

import numpy as np
import pytest

from grasp_ros.control.trajectory import from_actions
from grasp_ros.robot.limits import Limits
from grasp_ros.sim.explore import velocity_command
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world

DT, REST = 0.1, 1.0  # s: model step; in which a servo that lags arrives


WRISTS = {  # link, and place of a camera on it and what it looks at, m, in the link's frame
    'ur5': ('wrist_3_link', (0.0, 0.08, 0.06), (0.0, 0.5, 0.06)),
    'so101': ('gripper_link', (0.0, 0.07, 0.0), (0.0, 0.03, -0.2)),
}


@pytest.fixture(scope='module', params=WRISTS)
def both(request, make):
    """An arm in Gazebo and in MuJoCo, with a camera on its wrist besides."""
    world = load_world(request.param)
    link, place, target = WRISTS[request.param]
    cameras = world.description.cameras
    wrist = replace(
        cameras[0],
        name='wrist/image',
        link=link,
        position=place,
        target=target,
        up=(0.0, 0.1, 1.0),
        fovy=1.2,
    )
    world = replace(world, description=replace(world.description, cameras=(*cameras, wrist)))
    twin = MujocoRobot(world)
    yield make(world), twin
    twin.close()


def changed(before, after):
    """Row and column of the middle of what differs between pictures, and how much that is."""
    differs = np.abs(before.astype(int) - after).max(axis=2) > 40
    return np.argwhere(differs).mean(axis=0), differs.sum()


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
        (ours, count), (theirs, same) = (
            changed(seen[0, arm, camera.name], seen[1, arm, camera.name]) for arm in both
        )
        np.testing.assert_allclose(ours, theirs, atol=1.5)
        assert count == pytest.approx(same, rel=0.25) and same > 50


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
