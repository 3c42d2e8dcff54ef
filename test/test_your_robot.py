# SPDX-License-Identifier: Apache-2.0
"""docs/your_robot.md, followed to the letter by someone with a robot of their own."""

import contextlib
import json
import os
import re
import shlex
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import rclpy
import yaml
from arm import COMMAND, IMAGE, JOINT_STATES, ArmBag, draw, moving, record, robot
from diagnostic_msgs.msg import DiagnosticStatus
from loading import load_bags
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from grasp_ros.cli.main import main
from grasp_ros.config import ModelConfig, load_robot
from grasp_ros.robot.command import make_command
from grasp_ros.training.topics import Topics
from grasp_ros.world_model.bundle import load_bundle

PAGE = (Path(__file__).resolve().parent.parent / 'docs/your_robot.md').read_text()
# A model that saw little, in seconds; the page's commands are for hours of motion.
SHORT = [
    '--encoder-steps', '60', '--dynamics-steps', '300', '--landmarks', '12', '--image-size', '32',
    '--threads', '1',
]  # fmt: skip
DOMAIN, TIMEOUT = 65, 60.0  # s; long, because other work may keep the machine busy


def blocks(language: str) -> list[str]:
    """The page's code in a language."""
    return re.findall(rf'```{language}\n(.*?)```', PAGE, re.DOTALL)


def commands(start: str) -> list[list[str]]:
    """The page's commands that begin with these words, as arguments."""
    lines = '\n'.join(blocks('bash')).replace('\\\n', ' ').splitlines()
    return [shlex.split(line) for line in lines if line and line.startswith(start)]


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """A user's folder: the robot's file from the page, and two bags of raw images."""
    folder = tmp_path_factory.mktemp('user')
    (folder / 'my_arm.yaml').write_text(blocks('yaml')[0])
    (folder / 'bags').mkdir()
    for seed, day in enumerate(('monday', 'tuesday')):
        with ArmBag(folder / 'bags' / day) as bag:
            record(bag, moving(70.0, seed=seed, lag=0.04))
    return folder


@pytest.fixture(scope='module')
def bundle(folder):
    """The bundle of the page's commands."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (check,), (train,) = commands('grasp-ros check'), commands('grasp-ros train')
        assert main([*check[1:], '--json', 'check.json']) == 0
        assert main([*train[1:], *SHORT]) == 0
    return folder / 'models/my_arm'


def test_the_page_names_one_robot_and_its_topics():
    ((*_, image, joints, command),) = commands('ros2 bag record')
    assert (image, joints, command) == (IMAGE, JOINT_STATES, COMMAND)
    described = yaml.safe_load(blocks('yaml')[0])['/**']['ros__parameters']['robot']
    assert described == {
        name: value if isinstance(value, str) else list(value)
        for name, value in vars(robot()).items()
    }
    runnable = ('grasp-ros', 'ros2', 'torchrun')
    assert all(words[0] in runnable for words in commands(''))


def test_bags_are_checked_and_become_a_bundle(folder, bundle):
    checked = json.loads((folder / 'check.json').read_text())
    assert checked['dt'] == 0.1333 and checked['steps'] > 1000
    assert not [one for one in checked['findings'] if one['severity'] == 'error']
    for joint in checked['joints']:
        assert joint['correlation'] > 0.99 and joint['lag'] == pytest.approx(0.05, abs=0.01)
    arm = load_robot(folder / 'my_arm.yaml')
    loaded = load_bundle(
        ModelConfig(bundle=str(bundle), device='cpu', accept_bad_bundle=True), arm
    )
    assert loaded.manifest.joints == ('shoulder', 'elbow')
    assert loaded.manifest.training['map_connected_share'] > 0.1
    assert sorted(path.name for path in (folder / 'models').iterdir()) == ['my_arm']


@pytest.mark.parametrize('given', ['my_arm.yaml', 'my_arm', './my_arm.yaml'])
def test_robot_is_found_by_file_with_or_without_suffix(folder, monkeypatch, given, capsys):
    monkeypatch.chdir(folder)
    ((*words,),) = commands('grasp-ros check')
    words[words.index('my_arm.yaml')] = given
    assert main(words[1:]) == 0
    assert 'shoulder' in capsys.readouterr().out


def test_robot_that_does_not_exist_is_refused_with_the_places(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(['check', 'bags/monday', '--robot', 'your_arm']) == 2
    assert 'your_arm.yaml' in capsys.readouterr().err


def test_compressed_images_are_read_as_the_raw_ones(folder, tmp_path):
    arm, data = robot(), {}
    command = make_command('joint_velocity', (-0.9, -0.9), (0.9, 0.9), 0.1333)
    for raw in (True, False):
        with ArmBag(tmp_path / str(raw), raw=raw) as bag:
            record(bag, moving(12.0))
        topics = Topics((bag.image_topic,), JOINT_STATES, COMMAND)
        data[raw] = load_bags([tmp_path / str(raw)], arm, command, 80, 120, topics)
    assert np.array_equal(data[True].images['image'], data[False].images['image'])
    assert np.array_equal(data[True].images['image'][0], draw((0.2, -0.3)))
    assert np.array_equal(data[True].actions, data[False].actions)
    assert data[True].sources == {'image': (80, 120)}


def test_topics_that_are_not_named_are_listed_at_once(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(['train', 'bags/monday', '--robot', 'my_arm', '--out', 'models/none']) == 2
    told = capsys.readouterr().err
    for text in ('--image-topic', '--command-topic', f'{IMAGE} (sensor_msgs/msg/Image)', COMMAND):
        assert text in told
    assert not (folder / 'models/none').exists()


def test_data_that_contradict_the_robot_stop_check_and_train(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    fields = yaml.safe_load((folder / 'my_arm.yaml').read_text())
    fields['/**']['ros__parameters']['robot']['joints'] = ['elbow', 'shoulder']
    fields['/**']['ros__parameters']['robot']['position_max'] = [0.2, 0.2]
    (folder / 'wrong.yaml').write_text(yaml.safe_dump(fields))
    other = {'my_arm.yaml': 'wrong.yaml', 'models/my_arm': 'models/wrong'}
    for verb, code in (('check', 1), ('train', 2)):
        ((_, *words),) = commands(f'grasp-ros {verb}')
        assert main([other.get(word, word) for word in words]) == code
        told = capsys.readouterr()
        assert 'of the positions lie outside the limits' in ' '.join(told.out.split())
    assert 'contradict' in told.err and not (folder / 'models/wrong').exists()


def test_dt_that_does_not_fit_the_camera_is_refused_with_one_that_does(
    folder, monkeypatch, capsys
):
    monkeypatch.chdir(folder)
    ((*words,),) = commands('grasp-ros check')
    assert main([*words[1:], '--dt', '0.1']) == 2
    assert 'images come every 0.0667 s (15 Hz)' in (told := capsys.readouterr().err)
    assert told.rstrip().endswith('use --dt 0.1333')


def test_planner_starts_in_shadow_mode_and_says_what_it_waits_for(folder, bundle, tmp_path):
    words, execute = commands('grasp-ros plan')
    assert '--execute' in execute and '--execute' not in words
    words += ['-p', 'model.accept_bad_bundle:=true']  # it was trained for seconds
    with Robot() as arm, started(words, folder, tmp_path / 'log'):
        arm.wait(lambda text: text.startswith('WAITING') and IMAGE in text)
        arm.present = True
        arm.wait(lambda text: text == 'WAITING: no goal')
        arm.teach()
        arm.wait(lambda text: text.startswith(('PLANNING', 'REACHED')))
    assert not arm.commanded


@contextlib.contextmanager
def started(words: list[str], folder: Path, log: Path):
    """A command of the page as a process, in the user's folder."""
    with log.open('w') as output:
        process = subprocess.Popen(
            [sys.executable, '-m', 'grasp_ros.cli.main', *words[1:]],
            cwd=folder,
            env={**os.environ, 'ROS_DOMAIN_ID': str(DOMAIN)},
            stdout=output,
            stderr=output,
        )
        try:
            yield
        except AssertionError as error:
            raise AssertionError(f'{error}\n{log.read_text()}') from error
        finally:
            process.terminate()
            process.wait(TIMEOUT)


class Robot:
    """The arm on its topics, standing still; its camera and driver run when `present`."""

    def __init__(self) -> None:
        self.present, self.commanded = False, []
        self.status: list[str] = []
        self._done = threading.Event()

    def __enter__(self) -> 'Robot':
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=DOMAIN)
        self._node = rclpy.create_node('arm', context=self._context)
        latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._images = self._node.create_publisher(Image, IMAGE, 5)
        self._joints = self._node.create_publisher(JointState, JOINT_STATES, 10)
        self._node.create_subscription(JointTrajectory, COMMAND, self.commanded.append, 10)
        self._node.create_subscription(
            DiagnosticStatus,
            '/planner/status',
            lambda message: self.status.append(message.message),
            latched,
        )
        self._node.create_timer(0.05, self._publish)
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self._node)
        self._thread = threading.Thread(target=self._spin)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join(TIMEOUT)
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.shutdown()

    def wait(self, condition) -> None:
        """Return when a status says so."""
        until = time.monotonic() + TIMEOUT
        while not any(condition(text) for text in list(self.status)):
            assert time.monotonic() < until, f'after {TIMEOUT} s: {self.status}'
            time.sleep(0.02)

    def teach(self) -> None:
        """Make what the camera sees the goal, and forget what was said before."""
        client = self._node.create_client(Trigger, '/planner/teach_goal')
        assert client.wait_for_service(TIMEOUT)
        self.status.clear()
        client.call_async(Trigger.Request())

    def _spin(self) -> None:
        while not self._done.is_set():
            self._executor.spin_once(0.1)

    def _publish(self) -> None:
        if not self.present:
            return
        now, q = self._node.get_clock().now().to_msg(), (0.2, -0.3)
        joints = JointState(name=['gripper', 'elbow', 'shoulder'])
        joints.header.stamp = now
        joints.position, joints.velocity = [0.02, q[1], q[0]], [0.0, 0.0, 0.0]
        self._joints.publish(joints)
        picture = draw(q)
        height, width, _ = picture.shape
        image = Image(height=height, width=width, encoding='bgr8', step=3 * width)
        image.header.stamp = now
        image.data = picture[..., ::-1].tobytes()
        self._images.publish(image)
