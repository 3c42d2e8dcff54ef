# SPDX-License-Identifier: Apache-2.0
"""Options that cannot be meant are refused at once; check shows what each topic has."""

import numpy as np
import pytest

from grasp_ros.cli.check import _topics
from grasp_ros.cli.main import main
from grasp_ros.training.bags import BagWriter
from grasp_ros.training.recording import read_recording
from grasp_ros.training.topics import Topics
from grasp_ros.types import NS, Frame, JointSample, JointTrajectory

T0 = 1_700_000_000 * NS


@pytest.mark.parametrize(
    'option, value, least',
    [
        ('--encoder-steps', 0, 1),
        ('--dynamics-steps', 1, 2),
        ('--landmarks', 0, 2),
        ('--landmarks', 1, 2),
    ],
)
def test_training_for_no_steps_is_refused(tmp_path, capsys, option, value, least):
    assert main(['train', 'bag', '--out', str(tmp_path / 'new'), option, str(value)]) == 2
    assert f'{option} {value} is below {least}' in capsys.readouterr().err


def test_collecting_no_steps_is_refused_and_leaves_nothing(tmp_path, capsys):
    assert main(['collect', str(tmp_path / 'bag'), '--steps', '0']) == 2
    assert '--steps 0 is below 1' in capsys.readouterr().err and not list(tmp_path.iterdir())


@pytest.mark.parametrize('verb', [['check'], ['train', '--out', 'new']])
def test_report_in_a_folder_that_is_not_there_is_refused_before_anything(
    tmp_path, capsys, monkeypatch, verb
):
    monkeypatch.chdir(tmp_path)
    assert main([*verb, 'bag', '--json', 'nowhere/report.json']) == 2
    assert 'nowhere/report.json: there is no folder nowhere' in capsys.readouterr().err


def test_each_camera_has_its_own_row(tmp_path):
    joints, cameras = ('a', 'b'), ('front', 'top')
    with BagWriter(tmp_path / 'bag', joints, cameras=cameras) as bag:
        rest = JointTrajectory(joints, 0, np.array([NS]), np.zeros((1, 2)))
        bag.trajectory(rest, T0)
        bag.joints(JointSample(T0, np.zeros(2), np.zeros(2)))
        for count in range(12):
            bag.frame(Frame(T0 + count * NS // 20, np.zeros((4, 4, 3), np.uint8), 'front'))
            if count % 4 == 0:
                bag.frame(Frame(T0 + count * NS // 20, np.zeros((4, 4, 3), np.uint8), 'top'))
    topics = Topics(('front/compressed', 'top/compressed'))
    table = _topics(read_recording(tmp_path / 'bag', joints, topics))
    names, counts, rates = (list(table.columns[column].cells) for column in (0, 2, 3))
    assert names[:2] == ['/front/compressed', '/top/compressed']
    assert counts[:2] == ['12', '3'] and rates[:2] == ['20 Hz', '5 Hz']
