# SPDX-License-Identifier: Apache-2.0
"""A dataset that LeRobot could have written becomes a bag with the same motion and pictures."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import teleoperated
from teleoperated import FPS, JOINTS, LENGTHS, SIDE, TOP, action, picture, state

from grasp_ros.config import load_robot
from grasp_ros.lerobot.info import read_info
from grasp_ros.lerobot.to_bag import choose, to_bag
from grasp_ros.lerobot.units import make_unit
from grasp_ros.robot.command import make_command
from grasp_ros.training.bags import recorded_command
from grasp_ros.training.recording import read_images, read_recording
from grasp_ros.training.timeline import timelines
from grasp_ros.training.topics import Topics
from grasp_ros.types import BadInput

ROOT = Path(__file__).resolve().parents[2]
LOSS = 6  # of 255: what video makes of a colour
PLACES = [(number, i) for number, length in enumerate(LENGTHS) for i in range(length)]


def convert(root, bag, key=None, unit='degrees', calibration=None, progress=lambda *_: None):
    """As the verb does it, of an SO-101."""
    info = read_info(root)
    made = make_unit(unit, JOINTS, calibration)
    return to_bag(info, choose(info, key), bag, made, 'grasp-ros convert', progress)


def read(bag, camera='top'):
    return read_recording(bag, JOINTS, Topics((f'{camera}/compressed',)))


@pytest.mark.parametrize('files', [False, True])
@pytest.mark.parametrize('video', [True, False])
def test_motion_actions_times_and_pictures_are_those_of_the_dataset(tmp_path, video, files):
    seen = []
    root = teleoperated.write(tmp_path / 'data', video=video, files=files)
    written = convert(root, tmp_path / 'bag', progress=lambda *of: seen.append(of))
    assert (written.episodes, written.frames) == (2, sum(LENGTHS))
    assert written.left_out == ('gripper',) and written.behind == pytest.approx(0, abs=1e-6)
    assert seen[-1] == (sum(LENGTHS), sum(LENGTHS))
    bag = read(tmp_path / 'bag')
    states = np.radians([state(*place)[:5] for place in PLACES])
    actions = np.radians([action(*place)[:5] for place in PLACES])
    assert bag.positions == pytest.approx(states, abs=1e-6)
    assert bag.image_stamps.tolist() == bag.joint_stamps.tolist()
    apart = np.diff(bag.image_stamps) / 1e9
    assert apart[LENGTHS[0] - 1] == pytest.approx(10)
    assert np.delete(apart, LENGTHS[0] - 1) == pytest.approx(1 / FPS, abs=1e-6)
    assert [when for when, _ in bag.commands] == bag.image_stamps.tolist()
    for (_, command), wanted in zip(bag.commands, actions, strict=True):
        assert command.joints == JOINTS and command.times_ns.tolist() == [10**9 // FPS]
        assert command.positions[0] == pytest.approx(wanted, abs=1e-6)
    pictures = list(read_images(bag, range(len(PLACES))))
    for rgb, place in zip(pictures, PLACES, strict=True):
        expected = picture(TOP, *place).astype(int)
        assert np.abs(rgb - expected).max() <= (LOSS if video else 0), place
    assert recorded_command(tmp_path / 'bag') == 'grasp-ros convert'


def test_training_reads_each_episode_as_a_stretch_with_the_actions_of_the_dataset(tmp_path):
    convert(teleoperated.write(tmp_path / 'data'), tmp_path / 'bag')
    robot = load_robot(ROOT / 'config/robots/so101.yaml')
    command = make_command('joint_delta', (-0.5,) * 5, (0.5,) * 5, 1 / FPS)
    (line,), _ = timelines([read(tmp_path / 'bag')], robot, command)
    ends = np.cumsum(LENGTHS) - 1
    assert np.flatnonzero(~line.follows).tolist() == ends.tolist()
    places = [place for place in PLACES if place[1] < LENGTHS[place[0]] - 1]
    deltas = [np.radians(action(*place) - state(*place))[:5] for place in places]
    assert line.actions[line.follows] == pytest.approx(2 * np.array(deltas), abs=1e-5)
    assert not line.refused and not line.blocked.any()


def test_all_cameras_are_written_or_the_one_chosen(tmp_path):
    root = teleoperated.write(tmp_path / 'data', cameras=(TOP, SIDE))
    convert(root, tmp_path / 'both')
    convert(root, tmp_path / 'one', key=SIDE)
    for bag, camera, key in (('both', 'top', TOP), ('both', 'side', SIDE), ('one', 'side', SIDE)):
        (rgb,) = read_images(read(tmp_path / bag, camera), [20])
        assert np.abs(rgb - picture(key, *PLACES[20]).astype(int)).max() <= LOSS
    with pytest.raises(BadInput, match='no topic top/compressed'):
        read(tmp_path / 'one', 'top')
    with pytest.raises(BadInput, match=r"no camera 'top'; choose by --camera one of .*side"):
        choose(read_info(root), 'top')


def test_cameras_that_end_alike_must_be_chosen_from(tmp_path):
    keys = ('observation.images.left.rgb', 'observation.images.right.rgb')
    info = read_info(teleoperated.write(tmp_path / 'data', cameras=keys, video=False))
    with pytest.raises(BadInput, match='end alike; choose one by --camera'):
        choose(info, None)
    assert [one.name for one in choose(info, keys[1])] == ['rgb']


def test_an_arm_behind_its_actions_is_measured(tmp_path):
    root = teleoperated.write(tmp_path / 'data')
    change(root, 'action', lambda row: row['action'] + np.r_[5.0, np.zeros(5)])
    behind = convert(root, tmp_path / 'bag').behind
    assert behind == pytest.approx(np.radians([5, 0, 0, 0, 0]), abs=1e-5)


def change(root, key, value, rows=slice(None)):
    """Other values in a column of the data."""
    path = root / 'data/chunk-000/file-000.parquet'
    table = pq.read_table(path).to_pylist()
    for row in table[rows]:
        row['action'] = np.array(row['action'])
        row[key] = value(row)
    vectors = ('action', 'observation.state')
    teleoperated.save(path, [row | {one: np.array(row[one]) for one in vectors} for row in table])


def cut_video(root):
    """As a recording that broke off."""
    path = root / f'videos/{TOP}/chunk-000/file-000.mp4'
    teleoperated.film(path, [picture(TOP, *place) for place in PLACES[:-3]])


def spoil(root, name, content=b'PAR1 nonsense'):
    (root / name).write_bytes(content)


def forget(root, key):
    path = root / 'meta/info.json'
    info = json.loads(path.read_text())
    del info['features'][key]
    path.write_text(json.dumps(info))


def vector(row, key, value):
    return np.r_[row[key][:2], value, row[key][3:]]


DATA, TABLE = 'data/chunk-000/file-000.parquet', 'meta/episodes/chunk-000/file-000.parquet'
FAULTS = {
    'nan': (
        lambda root: change(
            root, 'observation.state', lambda row: vector(row, 'observation.state', np.nan),
            slice(16, 17),
        ),
        r'episode 1 frame 2: observation.state of elbow_flex is nan',
    ),
    'ticks': (
        lambda root: change(root, 'action', lambda row: vector(row, 'action', 2048.0)),
        r'episode 0 frame 0: action of elbow_flex is 2048, within \+-720 .* degrees; .*--unit',
    ),
    'time that stands': (
        lambda root: change(root, 'timestamp', lambda row: 0.1, slice(3, 4)),
        r'episode 0 frame 3: timestamp 0.1.*, a number above 0.2',
    ),
    'short video': (cut_video, r'file-000.mp4: ends before 2'),
    'no video': (
        lambda root: (root / f'videos/{TOP}/chunk-000/file-000.mp4').unlink(),
        r'1 files are not there, .*file-000.mp4',
    ),
    'broken video': (
        lambda root: spoil(root, f'videos/{TOP}/chunk-000/file-000.mp4'), r'file-000.mp4: not read'
    ),
    'broken data': (lambda root: spoil(root, DATA), r'file-000.parquet: not readable'),
    'broken episodes': (lambda root: spoil(root, TABLE), r'file-000.parquet: not readable'),
    'no episodes': (lambda root: (root / TABLE).unlink(), r'no episodes in meta/episodes'),
    'lost frames': (
        lambda root: teleoperated.save(
            root / DATA, teleoperated.frames(0, (TOP,), True, 1.0)[:-1]
        ),
        r'13 frames of episode 0, 14 expected',
    ),
    'lost episode': (
        lambda root: teleoperated.save(root / DATA, teleoperated.frames(0, (TOP,), True, 1.0)),
        r'no frames of the episodes \[1\]',
    ),
    'no JSON': (lambda root: spoil(root, 'meta/info.json', b'{'), r'info.json: not readable'),
    'no state': (lambda root: forget(root, 'observation.state'), r'no observation.state; it has'),
    'no camera': (lambda root: forget(root, TOP), r'no camera'),
}  # fmt: skip


@pytest.mark.parametrize('fault', FAULTS)
def test_unusable_dataset_is_refused_and_leaves_nothing(tmp_path, fault):
    root = teleoperated.write(tmp_path / 'data')
    spoiled, reason = FAULTS[fault]
    spoiled(root)
    with pytest.raises(BadInput, match=reason):
        convert(root, tmp_path / 'bag')
    assert [path.name for path in tmp_path.iterdir()] == ['data']


@pytest.mark.parametrize(
    ('info', 'reason'),
    [
        ({'codebase_version': 'v2.1'}, r'version v2.1, v3.0 expected.*convert_dataset_v21_to_v30'),
        ({'fps': 0}, r'0.0 frames per second'),
        ({'data_path': '../../{chunk_index}{file_index}.parquet'}, r'outside of the dataset'),
        ({'features': {}}, r'no observation.state and no action'),
    ],
)
def test_unusable_description_is_refused(tmp_path, info, reason):
    root = teleoperated.write(tmp_path / 'data', **info)
    with pytest.raises(BadInput, match=reason):
        convert(root, tmp_path / 'bag')


def test_files_may_be_links_as_in_the_cache_of_a_download(tmp_path):
    root = teleoperated.write(tmp_path / 'data')
    (root / DATA).rename(tmp_path / 'blob')
    (root / DATA).symlink_to(tmp_path / 'blob')
    assert convert(root, tmp_path / 'bag').frames == sum(LENGTHS)


def test_radians_taken_for_degrees_are_refused_and_read_when_said(tmp_path):
    root = teleoperated.write(tmp_path / 'data', scale=np.pi / 180)
    with pytest.raises(BadInput, match=r'hardly degrees.*--unit radians'):
        convert(root, tmp_path / 'bag')
    convert(root, tmp_path / 'bag', unit='radians')
    first = np.radians(state(0, 0)[:5])
    assert read(tmp_path / 'bag').positions[0] == pytest.approx(first, abs=1e-6)


def test_degrees_taken_for_radians_are_refused(tmp_path):
    root = teleoperated.write(tmp_path / 'data')
    with pytest.raises(BadInput, match=r'within \+-6.28319 expected of radians; .*--unit'):
        convert(root, tmp_path / 'bag', unit='radians')


def test_dataset_of_other_joints_is_refused(tmp_path):
    info = read_info(teleoperated.write(tmp_path / 'data'))
    unit = make_unit('degrees', ('x_joint', 'elbow_flex'), None)
    with pytest.raises(BadInput, match=r"has .*'gripper'.*, not \['x_joint'\].*--robot"):
        to_bag(info, info.cameras, tmp_path / 'bag', unit, '')


def test_interrupted_conversion_leaves_nothing(tmp_path):
    root = teleoperated.write(tmp_path / 'data')

    def stop(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        convert(root, tmp_path / 'bag', progress=stop)
    assert [path.name for path in tmp_path.iterdir()] == ['data']


def test_nothing_is_overwritten(tmp_path):
    root = teleoperated.write(tmp_path / 'data')
    (tmp_path / 'bag').write_text('mine')
    with pytest.raises(BadInput, match='exists already'):
        convert(root, tmp_path / 'bag')
    assert (tmp_path / 'bag').read_text() == 'mine'
