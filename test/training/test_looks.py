# SPDX-License-Identifier: Apache-2.0
"""Pictures that nothing can be learnt from are found before any training."""

import numpy as np
import pytest
from arm import COMMAND, IMAGE, JOINT_STATES, NS, T0, ArmBag, draw, moving, robot

from grasp_ros.robot.command import make_command
from grasp_ros.training import looks
from grasp_ros.training.recording import read_recording
from grasp_ros.training.timeline import timelines
from grasp_ros.training.topics import Topics

TOPICS = Topics((IMAGE,), JOINT_STATES, COMMAND)
RATE, TIMES = 10, 300  # Hz, pictures


def seen(path, picture):
    """The findings of a bag whose n-th picture, with the arm at q, is picture(n, q)."""
    shown = 0
    with ArmBag(path) as bag:
        for index, tick in enumerate(moving(TIMES / RATE)):
            if tick.command is not None:
                bag.command(tick.now, *tick.command)
            if index % 5 == 0:
                bag.joints(tick.now, tick.q)
            if index % (100 // RATE) == 0:
                bag.image(T0 + shown * NS // RATE, picture(shown, tick.q))
                shown += 1
    arm = robot()
    recording = read_recording(path, arm.joints, TOPICS)
    command = make_command('joint_velocity', (-0.9, -0.9), (0.9, 0.9), 1 / RATE)
    (line,), _ = timelines([recording], arm, command)
    return [(one.severity, one.text) for one in looks.look(line, np.array(arm.tracking_tolerance))]


def test_pictures_of_a_moving_arm_are_fine(tmp_path):
    assert seen(tmp_path / 'bag', lambda n, q: draw(q)) == []


@pytest.mark.parametrize(
    'picture, severity, text',
    [
        (lambda n, q: 0 * draw(q) + n % 3, 'error', 'all pictures are of one colour'),
        (lambda n, q: draw((0.2, 0.1)), 'error', 'the robot moves, and the picture never changes'),
        (lambda n, q: draw(q if n < 100 else (0.2, 0.1)), 'warning', 'does the camera hang'),
        (lambda n, q: draw(q)[: 80 if n < 200 else 40], 'error', 'image size changes from (80, 1'),
    ],
)
def test_pictures_that_tell_nothing_are_told(tmp_path, picture, severity, text):
    ((grave, said),) = seen(tmp_path / 'bag', picture)
    assert grave == severity and text in said and str(tmp_path / 'bag') in said and IMAGE in said


def test_a_camera_that_hangs_now_and_then_is_fine(tmp_path):
    assert seen(tmp_path / 'bag', lambda n, q: draw(q if n > 100 else (0.2, 0.1))) == []


def test_encoding_that_cannot_be_read_is_told_with_its_message(tmp_path, monkeypatch):
    monkeypatch.setattr('grasp_ros.observation.image.ENCODINGS', {'rgb8': (3, None)})
    ((severity, text),) = seen(tmp_path / 'bag', lambda n, q: draw(q))
    assert severity == 'error' and "encoding 'bgr8'" in text
    assert f'message 0 of {IMAGE}, stamped 1700000000.000 s' in text


def test_a_look_is_short(tmp_path, monkeypatch):
    decoded, read = [], looks.read_images

    def counted(*arguments):
        for rgb in read(*arguments):
            decoded.append(rgb)
            yield rgb

    monkeypatch.setattr(looks, 'read_images', counted)
    seen(tmp_path / 'bag', lambda n, q: draw(q))
    assert len(decoded) == looks.LOOKS
