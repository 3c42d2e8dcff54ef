# SPDX-License-Identifier: Apache-2.0
"""The simulated gantry moves as told, within its limits and walls, and looks the way it stands."""

from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from grasp_ros.control.trajectory import from_actions
from grasp_ros.robot.limits import Limits
from grasp_ros.share import share_directory
from grasp_ros.sim.robot import CONTROL_STEP, MujocoRobot, build_model
from grasp_ros.sim.tasks.reach_gantry import Box
from grasp_ros.sim.worlds import World, load_world
from grasp_ros.types import BadInput, Motion, nanoseconds

MAZE = load_world('maze')


def with_walls(name: str, *walls: Box) -> World:
    """The gantry among other walls."""
    return replace(MAZE, name=name, task=replace(MAZE.task, walls=walls))


EMPTY, WALL = with_walls('empty'), with_walls('one_wall', Box((0.1, 0.0), (0.02, 0.5)))


@pytest.fixture(scope='module')
def build():
    """Makes robots, one a world."""
    made = {}

    def get(world: World) -> MujocoRobot:
        if world.name not in made:
            made[world.name] = MujocoRobot(world)
        made[world.name].reset(np.zeros(2))
        return made[world.name]

    yield get
    for one in made.values():
        one.close()


def run(robot: MujocoRobot, seconds: float):
    """Step, and yield the distance (J,) of the joints from the controller's reference."""
    for _ in range(round(seconds / CONTROL_STEP)):
        robot.step()
        yield robot.joints().position - robot.controller.reference(robot.now_ns).position


def send(robot: MujocoRobot, actions, space) -> None:
    start = Motion(robot.joints().position, np.zeros(2))
    config = robot.world.robot
    limits, joints = Limits.of(config), config.joints
    trajectory = from_actions(np.array(actions), start, robot.now_ns, space, limits, joints)
    assert robot.controller.accept(trajectory, robot.now_ns) is None


def red_blob(image: np.ndarray) -> np.ndarray:
    """Row and column of the pusher's middle."""
    pixels = image.astype(int)
    red = pixels[:, :, 0] - pixels[:, :, 1:].max(axis=2) > 60
    assert red.any(), 'no red pixel in the image'
    return np.argwhere(red).mean(axis=0)


def test_urdf_has_the_limits_of_the_configuration(robot):
    root = ElementTree.parse(share_directory() / 'urdf/gantry.urdf').getroot()
    found = {joint.get('name'): joint.find('limit') for joint in root.iter('joint')}
    for i, name in enumerate(robot.joints):
        limit = found[name]
        assert float(limit.get('lower')) == robot.position_min[i]
        assert float(limit.get('upper')) == robot.position_max[i]
        assert float(limit.get('velocity')) == robot.max_velocity[i]


def test_refuses_joint_that_the_urdf_lacks(robot):
    other = replace(robot, joints=('x_joint', 'elbow'))
    with pytest.raises(BadInput, match=r"no joint \['elbow'\]"):
        build_model(replace(EMPTY, robot=other))


def test_refuses_file_that_is_no_urdf(tmp_path):
    (tmp_path / 'robot.urdf').write_text('<robot')
    description = replace(EMPTY.description, urdf=tmp_path / 'robot.urdf')
    with pytest.raises(BadInput, match='robot.urdf: not a URDF'):
        build_model(replace(EMPTY, description=description))


def test_tracks_trajectories_to_3_mm(build, space):
    robot = build(EMPTY)
    rng = np.random.default_rng(0)
    worst = 0.0
    for _ in range(10):
        send(robot, rng.uniform(-1, 1, (10, 2)), space)
        worst = max(worst, *(float(np.abs(error).max()) for error in run(robot, 1.2)))
    assert worst < 0.003


def test_arrives_within_a_tenth_of_a_millimetre(build, space):
    robot = build(EMPTY)
    send(robot, [[1.0, 0.5]] * 8, space)
    *_, last = run(robot, 2.0)
    assert np.abs(last).max() < 1e-4
    assert np.abs(robot.joints().velocity).max() < 1e-3


def test_walls_stop_the_pusher(build, space):
    robot = build(WALL)
    send(robot, [[1.0, 0.0]] * 15, space)
    *_, last = run(robot, 2.0)
    touching = 0.1 - 0.01 - robot.world.task.radius
    assert robot.joints().position[0] == pytest.approx(touching, abs=0.002)
    assert last[0] < -0.05  # the reference went on through the wall


def test_walls_do_not_hold_what_slides_along_them(build, space):
    robot = build(WALL)
    send(robot, [[1.0, 0.0]] * 8 + [[0.3, 1.0]] * 8, space)
    *_, last = run(robot, 2.0)
    assert abs(last[1]) < 0.003


def test_never_leaves_the_limits(build, space):
    robot = build(EMPTY)
    send(robot, [[1.0, -1.0]] * 30, space)
    limits = Limits.of(robot.world.robot)
    for _ in run(robot, 3.5):
        assert (robot.joints().position <= limits.position_max + 1e-3).all()
        assert (robot.joints().position >= limits.position_min - 1e-3).all()


def test_reset_places_the_robot_at_rest_and_time_goes_on(build, space):
    robot = build(EMPTY)
    send(robot, [[1.0, 1.0]] * 10, space)
    list(run(robot, 0.5))
    before = robot.now_ns
    robot.reset(np.array([0.2, -0.1]))
    assert robot.now_ns == before
    list(run(robot, 0.5))
    np.testing.assert_allclose(robot.joints().position, [0.2, -0.1], atol=1e-4)


@pytest.mark.parametrize(
    'position', [[0.28, 0.0], [0.0, -0.28], [np.nan, 0.0], [0.0], [0.0, 0.0, 0.0]]
)
def test_refuses_reset_outside_the_limits(build, position):
    robot = build(EMPTY)
    with pytest.raises(BadInput, match='reset'):
        robot.reset(np.array(position))
    assert robot.joints().position.tolist() == [0, 0]


def test_clock_advances_by_control_steps_and_never_shows_zero():
    robot = MujocoRobot(EMPTY)
    begin = robot.now_ns
    assert begin > 0
    robot.step()
    assert robot.now_ns - begin == nanoseconds(CONTROL_STEP) and robot.joints().stamp_ns > 0


def test_image_has_x_up_and_y_left(build):
    robot = build(EMPTY)
    seen = {}
    for name, place in (('middle', (0, 0)), ('x', (0.1, 0)), ('y', (0, 0.1))):
        robot.reset(np.array(place))
        seen[name] = red_blob(robot.render())
    rows, columns = seen['x'] - seen['middle']
    assert rows < -5 and abs(columns) < 1
    rows, columns = seen['y'] - seen['middle']
    assert columns < -5 and abs(rows) < 1
    np.testing.assert_allclose(seen['middle'], [31.5, 31.5], atol=1.5)


def test_pusher_is_seen_in_every_corner(build):
    robot = build(EMPTY)
    for x in (-0.27, 0.27):
        for y in (-0.27, 0.27):
            robot.reset(np.array([x, y]))
            row, column = red_blob(robot.render())
            assert (row < 32) == (x > 0) and (column < 32) == (y > 0)


def test_images_are_deterministic():
    images = []
    for _ in range(2):
        robot = MujocoRobot(MAZE)
        robot.reset(np.array([0.2, -0.1]))
        images.append(robot.render())
        robot.close()
    assert images[0].shape == (64, 64, 3) and np.array_equal(*images)


def test_several_cameras_see_the_robot_where_their_projection_says():
    (above,) = EMPTY.description.cameras
    side = replace(
        above,
        name='side',
        position=(-0.5, 0.6, 0.4),
        target=(0.1, 0.0, 0.0),
        up=(0.0, 0.0, 1.0),
        width=200,
        height=120,
    )
    description = replace(EMPTY.description, cameras=(above, side))
    robot = MujocoRobot(replace(EMPTY, description=description))
    for place in ((0.0, 0.0), (0.2, -0.1), (-0.2, 0.15)):
        robot.reset(np.array(place))
        tool = EMPTY.task.tool_position(np.array(place))
        for camera in (above, side):
            image = robot.render(camera.name)
            assert image.shape == (camera.height, camera.width, 3)
            column, row = camera.pixels(tool)
            pixel = 0.02 * camera.height / 2  # of the image, for the tool is no point
            np.testing.assert_allclose(red_blob(image), [row, column], atol=max(2.0, pixel))
    robot.close()


def test_tool_of_the_task_is_the_models(build):
    robot = build(EMPTY)
    moving = (robot.model.geom_bodyid > 0) & (robot.model.geom_contype > 0)
    assert robot.model.geom_size[moving][:, 0].tolist() == [robot.world.task.radius]
