# SPDX-License-Identifier: Apache-2.0
"""The robot in the real Gazebo 11: exactness, repeatability, and likeness to MuJoCo."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from grasp_ros.control.trajectory import from_actions
from grasp_ros.robot.limits import Limits
from grasp_ros.sim.explore import explore, velocity_command
from grasp_ros.sim.interface import SimulatorFailed, make_robot
from grasp_ros.sim.robot import MujocoRobot
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import BadInput, Motion

DT = 0.1  # s, model step
PLACES = ([0.2, -0.2], [-0.2, 0.2], [0.0, 0.1], [0.25, 0.25])


@pytest.fixture(scope='module')
def robot(make):
    return make('maze')


@pytest.fixture(scope='module')
def twin():
    """The same in MuJoCo."""
    robot = MujocoRobot(load_world('maze'))
    yield robot
    robot.close()


class Record:
    """Exploration's recorder."""

    def __init__(self):
        self.images, self.positions, self.stamps = [], [], []

    def frame(self, frame):
        self.images.append(frame.rgb)
        self.stamps.append(frame.stamp_ns)

    def joints(self, sample):
        if sample.stamp_ns == self.stamps[-1]:
            self.positions.append(sample.position)

    def trajectory(self, trajectory, received_ns):
        pass


def explored(robot, start, steps, seed):
    robot.reset(np.array(start))
    record = Record()
    for _ in explore(robot, velocity_command(robot, DT), record, steps, seed):
        pass
    return record


def send(robot, actions):
    """Give the controller a trajectory of actions (H, A); returns it."""
    start = Motion(robot.joints().position, np.zeros(2))
    config, space = robot.world.robot, velocity_command(robot, DT)
    trajectory = from_actions(
        np.array(actions), start, robot.now_ns, space, Limits.of(config), config.joints
    )
    assert robot.controller.accept(trajectory, robot.now_ns) is None
    return trajectory


def redness(rgb):
    """(H, W) weights of the pusher's pixels."""
    r, g, b = rgb.astype(float).transpose(2, 0, 1)
    return np.clip(r - np.maximum(g, b) - 30, 0, None)


def centre(weights):
    """(row, column) of the weights' centre."""
    return np.array([(weights * axis).sum() for axis in np.indices(weights.shape)]) / weights.sum()


@pytest.mark.parametrize('place', PLACES)
def test_reset_is_exact_and_hides_its_time(robot, place):
    before_ns = robot.now_ns
    robot.reset(np.array(place))
    sample = robot.joints()
    assert sample.position == pytest.approx(place, abs=2e-4)
    assert sample.velocity == pytest.approx([0, 0])
    assert before_ns <= sample.stamp_ns == robot.now_ns < before_ns + 1e9 / 20
    assert (
        robot.now_ns > 0
        and robot.now_ns % round(1e9 / robot.world.description.cameras[0].rate) == 0
    )
    for _ in range(20):
        robot.step()
    assert robot.joints().position == pytest.approx(place, abs=1e-4), 'the controller holds'


@pytest.mark.parametrize('place', PLACES)
def test_the_image_is_mujocos(robot, twin, place):
    for one in (robot, twin):
        one.reset(np.array(place))
    ours, theirs = robot.render(), twin.render()
    assert ours.shape == theirs.shape and ours.dtype == np.uint8
    assert np.abs(centre(redness(ours)) - centre(redness(theirs))).max() < 1.0
    # Lights differ: MuJoCo's lamp is a spot in the middle. The parts' places do not.
    assert np.abs(ours.astype(int) - theirs).mean() < 25
    row, column = centre(redness(ours))
    middle = (ours.shape[0] - 1) / 2
    assert np.sign(middle - row) == np.sign(round(place[0], 2)) or place[0] == 0, 'up is +x'
    assert np.sign(middle - column) == np.sign(place[1]), 'left is +y'
    walls = [rgb[..., 2].astype(int) - rgb[..., 0] > 40 for rgb in (ours, theirs)]
    assert np.logical_and(*walls).sum() / np.logical_or(*walls).sum() > 0.8


def test_a_trajectory_is_followed(robot):
    robot.reset(np.array([0.2, -0.2]))
    trajectory = send(robot, [[0.0, 1.0]] * 6 + [[0.3, 0.5]] * 6 + [[-0.3, -1.0]] * 6)
    worst = 0.0
    while robot.now_ns < trajectory.start_ns + trajectory.times_ns[-1]:
        robot.step()
        wanted = robot.controller.reference(robot.now_ns)
        worst = max(worst, np.abs(robot.joints().position - wanted.position).max())
    assert worst < 2e-3
    assert robot.joints().position == pytest.approx(trajectory.positions[-1], abs=5e-4)


def test_velocity_is_measured(robot):
    robot.reset(np.array([0.2, -0.2]))
    send(robot, [[-0.4, 0.8]] * 5)
    for _ in range(12):
        robot.step()
    assert robot.joints().velocity == pytest.approx([-0.06, 0.12], abs=3e-3)


def test_runs_repeat_and_look_like_mujocos(robot, twin):
    first, second = (explored(robot, [0.22, -0.2], 60, seed=5) for _ in range(2))
    assert set(np.diff(first.stamps)) == {round(DT * 1e9)}
    positions = np.array(first.positions)
    assert np.abs(positions - second.positions).max() < 1e-3
    assert np.ptp(positions, axis=0).max() > 0.05, 'it moved'
    same = [np.array_equal(a, b) for a, b in zip(first.images, second.images, strict=True)]
    assert np.mean(same) > 0.8
    # Until the first contact, both simulators move alike.
    theirs = explored(twin, [0.22, -0.2], 60, seed=5)
    assert np.abs(positions[:20] - theirs.positions[:20]).max() < 2e-3


def test_a_wall_stops_the_pusher_and_lets_it_slide(robot):
    robot.reset(np.array([0.17, 0.0]))
    send(robot, [[-1.0, 0.0]] * 8)
    for _ in range(round(0.8 / robot.control_step)):
        robot.step()
    wall = max(w.center[0] + w.size[0] / 2 for w in robot.world.task.walls)
    x, y = robot.joints().position
    assert x == pytest.approx(wall + robot.world.task.radius, abs=1e-3)
    assert y == pytest.approx(0.0, abs=1e-3)
    send(robot, [[-0.5, 1.0]] * 8)
    for _ in range(round(0.8 / robot.control_step)):
        robot.step()
    x, y = robot.joints().position
    assert x == pytest.approx(wall + robot.world.task.radius, abs=1e-3)
    assert y > 0.1, 'it slides along the wall'


def test_a_reset_passes_through_walls(make):
    robot = make('wall')  # its model starts inside the wall
    for place in ([-0.2, -0.2], [0.2, -0.2]):
        robot.reset(np.array(place))
        assert robot.joints().position == pytest.approx(place, abs=2e-4)
    robot.close()


@pytest.mark.parametrize('place', [[0.5, 0.0], [0.0], [np.nan, 0.0]])
def test_a_reset_outside_the_limits_is_refused(robot, place):
    with pytest.raises(BadInput, match='reset to .*(not within|expected 2 values)'):
        robot.reset(np.array(place))


def test_no_old_image_passes_for_a_new_one(robot):
    robot.reset(np.array([0.2, -0.2]))
    robot.step()
    with pytest.raises(BadInput, match='no image at .* each 0.05 s'):
        robot.render()
    robot.step()
    assert robot.render().shape == (64, 64, 3)


def test_a_camera_rate_between_physics_steps_is_refused():
    from grasp_ros_gazebo.classic.robot import step_ns

    assert [step_ns(rate) / 1e6 for rate in (20.0, 25.0, 10.0, 50.0)] == [25, 20, 20, 20]
    with pytest.raises(BadInput, match='camera rate: 30.0 Hz .* 33.333 physics steps'):
        step_ns(30.0)


def test_gazebos_own_conversion_of_the_urdf_agrees(gazebo_root):
    """`gz sdf -p` loses colours; all else is as ours."""
    from grasp_ros.sim.urdf import read_urdf
    from grasp_ros_gazebo import urdf
    from grasp_ros_gazebo.classic.root import inside

    world = load_world('maze')
    path = world.description.urdf
    script = 'cat > /tmp/r.urdf; HOME=/tmp gz sdf -p /tmp/r.urdf'
    done = subprocess.run(
        inside(gazebo_root, ['sh', '-c', script]),
        input=Path(path).read_text(),
        capture_output=True,
        text=True,
        check=True,
    )
    theirs = ElementTree.fromstring(done.stdout[done.stdout.index('<sdf') :]).find('model')
    ours = urdf.model(read_urdf(path), 0.0)
    for name in world.robot.joints:
        a, b = (model.find(f"joint[@name='{name}']") for model in (ours, theirs))
        assert a.findtext('child') == b.findtext('child')
        for field in ('limit/lower', 'limit/upper', 'limit/velocity', 'limit/effort'):
            assert float(a.findtext(f'axis/{field}')) == float(b.findtext(f'axis/{field}'))
        assert float(a.findtext('axis/dynamics/damping')) == float(
            b.findtext('axis/dynamics/damping')
        )
    for link in ('bridge', 'pusher'):
        a, b = (model.find(f"link[@name='{link}']") for model in (ours, theirs))
        for field in ('mass', 'inertia/ixx', 'inertia/izz'):
            assert float(a.findtext(f'inertial/{field}')) == float(b.findtext(f'inertial/{field}'))


def gzserver_of(robot):
    """The process id of a robot's gzserver: the only child of its process space."""
    space = robot._simulation._server.process.pid
    children = Path(f'/proc/{space}/task/{space}/children').read_text().split()
    return int(children[0])


def test_a_killed_gzserver_is_reported(make):
    robot = make('maze')
    robot.reset(np.array([0.2, -0.2]))
    os.kill(gzserver_of(robot), signal.SIGKILL)
    begin = time.monotonic()
    with pytest.raises(SimulatorFailed, match='gzserver has ended'):
        for _ in range(1000):
            robot.step()
    assert time.monotonic() - begin < 5
    robot.close()


def test_a_stopped_gzserver_is_waited_for(robot):
    robot.reset(np.array([0.2, -0.2]))
    pid = gzserver_of(robot)
    os.kill(pid, signal.SIGSTOP)
    waker = threading.Timer(1.5, os.kill, (pid, signal.SIGCONT))
    waker.start()
    begin, before_ns = time.monotonic(), robot.now_ns
    for _ in range(8):
        robot.step()
    assert time.monotonic() - begin > 1.0, 'nothing moved while Gazebo stood still'
    assert robot.now_ns - before_ns == round(8 * robot.control_step * 1e9)
    assert robot.joints().position == pytest.approx([0.2, -0.2], abs=2e-4)


def test_no_process_outlives_its_robot(make):
    robot = make('maze')
    space = robot._simulation._server.process.pid
    gzserver = gzserver_of(robot)
    robot.close()
    until = time.monotonic() + 5
    while any(_runs(pid) for pid in (space, gzserver)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(_runs(pid) for pid in (space, gzserver))


def _runs(pid):
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


def test_the_factory_names_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'grasp_ros_gazebo.classic.robot', None)
    with pytest.raises(BadInput, match='gazebo is not installed .*scripts/gazebo'):
        make_robot('gazebo', load_world('maze'), 1.0)


def test_a_missing_root_is_named(monkeypatch, tmp_path):
    pytest.importorskip('zmq', reason='grasp_ros_gazebo[classic] is not installed')
    monkeypatch.setenv('GRASP_ROS_GAZEBO_ROOT', str(tmp_path / 'none'))
    with pytest.raises(BadInput, match='none: no Gazebo there; make it with'):
        make_robot('gazebo', load_world('maze'), 1.0)
