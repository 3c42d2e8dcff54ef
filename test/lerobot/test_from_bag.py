# SPDX-License-Identifier: Apache-2.0
"""A bag becomes a dataset with its measured motion, where its commands lead, and its pictures."""

import json
import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import teleoperated
from arm import COMMAND, IMAGE, JOINT_STATES, JOINTS, ArmBag, draw, moving, record, robot

from grasp_ros.cli.main import main
from grasp_ros.config import load_robot
from grasp_ros.lerobot.frames import read_rows
from grasp_ros.lerobot.from_bag import from_bag
from grasp_ros.lerobot.info import read_info
from grasp_ros.lerobot.units import make_unit
from grasp_ros.training.bags import BagWriter
from grasp_ros.training.recording import read_recording
from grasp_ros.training.topics import Topics
from grasp_ros.types import BadInput, Frame, JointSample, JointTrajectory

PAGE = Path(__file__).resolve().parents[2] / 'docs/your_robot.md'
DT, COUNT, NS = 0.1, 8, 10**9
TOPICS = Topics((IMAGE,), JOINT_STATES, COMMAND)
UNIT = make_unit('degrees', JOINTS, None)


def position(i):
    """Of the short motion's frame i (2,), rad."""
    return np.array([0.02, -0.01]) * i


def target(i):
    """Where it is sent in frame i: it never gets there, as something blocks it."""
    return position(i + 1) + [0.3, 0.0]


@pytest.fixture
def short(tmp_path):
    """A bag of two stretches of COUNT frames, with a command to each frame."""
    path = tmp_path / 'bag'
    with BagWriter(path, JOINTS) as bag:
        for start in (NS, 20 * NS):
            for i in range(COUNT):
                now = start + round(i * DT * NS)
                bag.frame(Frame(now, draw(position(i))))
                bag.joints(JointSample(now, position(i), np.zeros(2)))
                when = np.array([round(DT * NS)])
                bag.trajectory(JointTrajectory(JOINTS, 0, when, target(i)[None]), now)
    return path


def convert(bag, folder, dt=DT, topics=None, progress=lambda *_: None):
    recording = read_recording(bag, JOINTS, topics or Topics())
    return from_bag(recording, folder, robot(), UNIT, dt, progress)


def test_state_is_measured_and_action_where_the_command_leads(short, tmp_path):
    seen = []
    written = convert(short, tmp_path / 'data', progress=lambda *of: seen.append(of))
    kept = COUNT - 1  # of the last frame nobody knows what came of it
    assert (written.episodes, written.frames, written.fps, written.lost) == (2, 2 * kept, 10, 2)
    assert seen[-1] == (2 * kept, 2 * kept)
    info = read_info(tmp_path / 'data')
    assert (info.fps, info.state, info.action) == (10, JOINTS, JOINTS)
    rows = list(read_rows(info, info.cameras))
    assert [(row.episode, row.frame) for row in rows] == [
        (e, i) for e in (0, 1) for i in range(kept)
    ]
    for row in rows:
        assert row.time == pytest.approx(DT * row.frame)
        assert np.radians(row.state) == pytest.approx(position(row.frame), abs=1e-6)
        assert np.radians(row.action) == pytest.approx(target(row.frame), abs=1e-6)
        assert np.abs(row.images['image'] - draw(position(row.frame)).astype(int)).mean() < 4


def test_files_say_what_lerobot_looks_for(short, tmp_path):
    root = tmp_path / 'data'
    convert(short, root)
    info = json.loads((root / 'meta/info.json').read_text())
    assert (info['codebase_version'], info['robot_type'], info['fps']) == ('v3.0', 'my_arm', 10)
    assert (info['total_episodes'], info['total_frames'], info['splits']) == (
        2,
        14,
        {'train': '0:2'},
    )
    features = info['features']
    assert features['action']['names'] == ['shoulder.pos', 'elbow.pos']
    assert features['observation.images.image']['shape'] == [80, 120, 3]
    data = pq.read_table(root / 'data/chunk-000/file-000.parquet').to_pydict()
    assert data['index'] == list(range(14)) and data['episode_index'] == [0] * 7 + [1] * 7
    assert set(data) == set(features) - {'observation.images.image'}
    key = 'videos/observation.images.image'
    episodes = pq.read_table(root / 'meta/episodes/chunk-000/file-000.parquet').to_pydict()
    assert episodes[f'{key}/from_timestamp'] == pytest.approx([0, 0.7])
    assert episodes[f'{key}/to_timestamp'] == pytest.approx([0.7, 1.4])
    assert episodes['dataset_from_index'] == [0, 7] and episodes['dataset_to_index'] == [7, 14]
    assert episodes['tasks'] == [['reach']] * 2
    tasks = pq.read_table(root / 'meta/tasks.parquet')
    pandas = json.loads(tasks.schema.metadata[b'pandas'])
    assert tasks[pandas['index_columns'][0]].to_pylist() == ['reach']


def test_stats_are_those_of_all_frames(short, tmp_path):
    convert(short, tmp_path / 'data')
    stats = json.loads((tmp_path / 'data/meta/stats.json').read_text())
    states = np.degrees([position(i) for i in range(COUNT - 1)] * 2)
    for name in ('min', 'max', 'mean', 'std'):
        expected = getattr(np, name)(states, axis=0)
        assert stats['observation.state'][name] == pytest.approx(expected, abs=1e-5)
    pictures = np.array([draw(position(i)) for i in range(COUNT - 1)]) / 255
    image = stats['observation.images.image']
    assert image['count'] == [14] and stats['index']['mean'] == [6.5]
    assert np.shape(image['mean']) == (3, 1, 1)
    for name in ('min', 'max', 'mean', 'std'):
        expected = getattr(np, name)(pictures, axis=(0, 1, 2))
        assert np.ravel(image[name]) == pytest.approx(expected, abs=1e-9)


def test_commands_that_come_seldom_and_last_long_are_followed(tmp_path):
    ticks = list(moving(6.0))
    with ArmBag(tmp_path / 'bag') as bag:
        record(bag, iter(ticks), rate=10.0)
    convert(tmp_path / 'bag', tmp_path / 'data', topics=TOPICS)
    info = read_info(tmp_path / 'data')
    for row in read_rows(info, info.cameras):
        reference = ticks[10 * (row.frame + 1)].reference
        assert np.radians(row.action) == pytest.approx(reference, abs=0.01)


def test_rate_that_is_no_whole_number_is_refused_with_a_step_that_is(tmp_path):
    with ArmBag(tmp_path / 'bag') as bag:
        record(bag, moving(3.0), rate=15.0)
    with pytest.raises(BadInput, match=r'7.502 frames a second, .* whole numbers.*--dt 0.0667'):
        convert(tmp_path / 'bag', tmp_path / 'data', dt=0.1333, topics=TOPICS)
    assert not (tmp_path / 'data').exists()
    assert convert(tmp_path / 'bag', tmp_path / 'data', 0.0667, TOPICS).fps == 15


@pytest.mark.parametrize('size', [(33, 48), (32, 47)])
def test_pictures_of_odd_size_are_refused_and_leave_nothing(tmp_path, size):
    with BagWriter(tmp_path / 'bag', JOINTS) as bag:
        for i in range(4):
            now = NS + round(i * DT * NS)
            bag.frame(Frame(now, np.zeros((*size, 3), np.uint8)))
            bag.joints(JointSample(now, position(i), np.zeros(2)))
            bag.trajectory(JointTrajectory(JOINTS, 0, np.array([NS]), position(9)[None]), now)
    with pytest.raises(BadInput, match='even width and height'):
        convert(tmp_path / 'bag', tmp_path / 'data')
    assert [path.name for path in tmp_path.iterdir()] == ['bag']


def test_bag_too_short_for_an_episode_is_refused(tmp_path):
    with BagWriter(tmp_path / 'bag', JOINTS) as bag:
        for now in (NS, NS + NS // 10):
            bag.frame(Frame(now, draw(position(0))))
            bag.joints(JointSample(now, position(0), np.zeros(2)))
            bag.trajectory(JointTrajectory(JOINTS, 0, np.array([NS]), position(9)[None]), now)
    with pytest.raises(BadInput, match='no 2 steps of 0.1 s one after the other'):
        convert(tmp_path / 'bag', tmp_path / 'data')


def test_interrupted_conversion_leaves_nothing(short, tmp_path):
    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(short, tmp_path / 'data', progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ['bag']


def test_the_commands_of_the_page_go_both_ways_and_name_what_comes_next(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    there, back = re.findall(r'^grasp-ros (convert .*)$', PAGE.read_text(), re.MULTILINE)
    teleoperated.write(Path('datasets/so101'))
    assert main(there.split()) == 0
    said = capsys.readouterr().out
    assert '2 episodes, 23 frames' in said and 'gripper' in said
    check = 'check bags/so101 --robot so101 --image-topic top/compressed'
    assert f'next: grasp-ros {check}' in said
    assert main(check.split()) == 0
    capsys.readouterr()
    assert main(back.split()) == 0
    assert '2 episodes, 21 frames, 10 a second, in degrees' in capsys.readouterr().out
    for row in read_rows(read_info(Path('datasets/reach')), ()):
        assert row.state == pytest.approx(teleoperated.state(row.episode, row.frame)[:5], abs=1e-4)
        wanted = teleoperated.action(row.episode, row.frame)[:5]
        assert row.action == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (['nothing', 'target'], 'nothing is not there; a dataset or a bag expected'),
        (['.', 'target'], 'not a readable bag'),
        (['.', 'target', '--unit', 'normalised'], '--calibration FILE'),
    ],
)
def test_the_verb_refuses_what_it_cannot_convert(tmp_path, capsys, monkeypatch, arguments, reason):
    monkeypatch.chdir(tmp_path)
    assert main(['convert', *arguments]) == 2
    assert reason in capsys.readouterr().err


def test_the_verb_says_when_the_arm_is_further_behind_than_its_file_allows(
    tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(teleoperated, 'action', lambda *place: teleoperated.state(*place) + 9)
    teleoperated.write(tmp_path / 'data')
    assert main(['convert', 'data', 'bag', '--robot', 'so101']) == 0
    assert 'as tracking_tolerance: in a copy of its file set [0.3' in capsys.readouterr().out


def test_the_verb_narrows_no_tolerance(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exact, late = teleoperated.action, np.r_[9.0, np.zeros(5)]
    monkeypatch.setattr(teleoperated, 'action', lambda *place: exact(*place) + late)
    teleoperated.write(tmp_path / 'data')
    assert main(['convert', 'data', 'bag', '--robot', 'so101']) == 0
    (said,) = re.findall(r'set \[(.*?)\]', ' '.join(capsys.readouterr().out.split()))
    tolerances = [float(one) for one in said.split(',')]
    robot = load_robot(PAGE.parents[1] / 'config/robots/so101.yaml')
    assert tolerances[0] > 0.2 and np.greater_equal(tolerances, robot.tracking_tolerance).all()
