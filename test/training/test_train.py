# SPDX-License-Identifier: Apache-2.0
"""The road from exploration to a bundle, by the commands that users type."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from loading import load_bags

from grasp_ros.cli import train
from grasp_ros.cli.main import INTERRUPTED, main
from grasp_ros.config import ModelConfig
from grasp_ros.training.dataset import Dataset
from grasp_ros.training.latent_steps import latent_distances
from grasp_ros.training.train import _key, _prediction_error
from grasp_ros.training.train_config import TrainConfig
from grasp_ros.training.windows import windows
from grasp_ros.types import BadInput, Observation
from grasp_ros.world_model.bundle import load_bundle
from grasp_ros.world_model.dynamics import ResidualMLP
from grasp_ros.world_model.manifest import Manifest

LITTLE = [
    '--encoder-steps', '60', '--dynamics-steps', '300', '--landmarks', '60', '--image-size', '32',
    '--threads', '1',
]  # fmt: skip
SHORT = [*LITTLE, '--no-joints-input']  # so little training would ask for them


TINY = partial(ModelConfig, device='cpu', accept_bad_bundle=True)


@pytest.fixture(scope='module')
def bag(tmp_path_factory) -> Path:
    """Some seconds of exploration."""
    pytest.importorskip('mujoco', reason='grasp_ros[sim] is not installed')
    path = tmp_path_factory.mktemp('bags') / 'wall'
    assert main(['collect', str(path), '--steps', '800', '--seed', '3']) == 0
    return path


@pytest.fixture(scope='module')
def trained(bag: Path, tmp_path_factory) -> Path:
    """A bundle that saw next to nothing."""
    path = tmp_path_factory.mktemp('models') / 'tiny'
    report = path.parent / 'report.json'
    assert main(['train', str(bag), '--out', str(path), '--json', str(report), *SHORT]) == 0
    assert json.loads(report.read_text())['frames'] == 800
    return path


def test_trained_bundle_loads_and_records_both_commands(trained: Path, bag: Path, robot):
    loaded = load_bundle(TINY(bundle=str(trained)), robot)
    commands = loaded.manifest.training['commands']
    assert commands[0] == f'grasp-ros collect {bag} --steps 800 --seed 3'
    assert commands[1].startswith(f'grasp-ros train {bag} --out {trained}')
    assert 30 < len(loaded.memory.latents) <= 60  # as many as there are places, at most


def test_exported_encoder_equals_the_trained_one_on_normalised_latents(trained, bag, robot, space):
    loaded = load_bundle(TINY(bundle=str(trained)), robot)
    data = load_bags([bag], robot, space, 64, 64)
    latents = torch.stack(
        [
            loaded.encode(Observation.pictured({'image': one}, 2))
            for one in data.images['image'][:720]
        ]
    )
    # Unit variance over the frames that it was trained on: the graph holds the normalisation.
    torch.testing.assert_close(latents.std(dim=0), torch.ones(32), atol=0.01, rtol=0)
    torch.testing.assert_close(latents.mean(dim=0), torch.zeros(32), atol=0.01, rtol=0)


def test_same_seed_and_data_give_the_same_model(bag: Path, trained: Path, tmp_path: Path):
    again = tmp_path / 'again'
    assert main(['train', str(bag), '--out', str(again), *SHORT]) == 0
    first, second = (Manifest.from_yaml(path / 'model.yaml').files for path in (trained, again))
    assert first['dynamics.safetensors'] == second['dynamics.safetensors']
    assert first['memory.safetensors'] == second['memory.safetensors']


def test_augmentation_changes_the_encoder_and_is_recorded(bag, trained, tmp_path):
    out = tmp_path / 'augmented'
    longer = [*SHORT, '--encoder-steps', '150']
    assert main(['train', str(bag), '--out', str(out), '--augment', *longer]) == 0
    plain, other = (Manifest.from_yaml(path / 'model.yaml') for path in (trained, out))
    assert other.files['encoder.onnx'] != plain.files['encoder.onnx']
    assert other.training['config']['augment'] and not plain.training['config']['augment']


@pytest.fixture(scope='module')
def with_joints(bag: Path, tmp_path_factory, robot):
    """One whose encoder sees the joints beside a picture that tells next to nothing."""
    path = tmp_path_factory.mktemp('models') / 'joints'
    short = [*LITTLE, '--encoder-steps', '2']
    assert main(['train', str(bag), '--out', str(path), *short]) == 0
    return load_bundle(TINY(bundle=str(path)), robot)


def test_joints_that_no_picture_tells_become_an_input(with_joints, trained):
    manifest, plain = with_joints.manifest, Manifest.from_yaml(trained / 'model.yaml')
    assert list(manifest.inputs) == ['image', 'joints'] and list(plain.inputs) == ['image']
    assert manifest.latent == plain.latent + 2
    assert manifest.training['joints_input'] and not plain.training['joints_input']
    # The picture does not tell them, the joints are known, and so are the ways between them.
    spread = np.array(manifest.training['joint_spread'])
    assert (np.array(manifest.joint_error.p95) > 0.5 * spread).any()
    assert manifest.training['held_out_ways'] > 0.9
    assert (np.array(manifest.training['expected_arrival']) < 0.1 * spread).all()


def test_joints_as_input_are_exact_and_count_more_than_what_the_picture_tells(
    with_joints, bag, robot, space
):
    data = load_bags([bag], robot, space, 64, 64)
    seen = [
        Observation(1, {'image': image}, position, np.zeros(2))
        for image, position in zip(data.images['image'][:300], data.positions, strict=False)
    ]
    latents = torch.stack([with_joints.encode(one) for one in seen])
    shown = [with_joints.joints_shown(one) for one in latents]
    np.testing.assert_allclose(shown, data.positions[:300], atol=1e-5)
    picture, joints = latents.diff(dim=0).split([32, 2], dim=1)
    moved = (data.moves()[:299] > 0.5 * data.full_step()).any(axis=1)
    assert (joints.norm(dim=1) > picture.norm(dim=1)).numpy()[moved].mean() > 0.9


def test_bundle_is_never_overwritten(bag: Path, trained: Path, capsys):
    before = (trained / 'model.yaml').read_text()
    assert main(['train', str(bag), '--out', str(trained), *SHORT]) == 2
    assert 'bundles are never overwritten' in capsys.readouterr().err
    assert (trained / 'model.yaml').read_text() == before


def test_model_that_cannot_plan_is_written_with_its_verdict_and_refused(
    bag: Path, tmp_path: Path, capsys, robot
):
    out, report = tmp_path / 'useless', tmp_path / 'report.json'
    short = [*SHORT, '--encoder-steps', '2', '--dynamics-steps', '4', '--json', str(report)]
    assert main(['train', str(bag), '--out', str(out), *short]) == 1
    assert 'Nothing can be planned with it' in capsys.readouterr().out
    assert json.loads(report.read_text())['map_connected_share'] < 0.1
    manifest = Manifest.from_yaml(out / 'model.yaml')
    assert manifest.verdict == 'bad' and 'record more' in ''.join(manifest.reasons)
    with pytest.raises(BadInput, match='verdict is bad.*accept_bad_bundle.*\n  .*places of the'):
        load_bundle(ModelConfig(bundle=str(out), device='cpu'), robot)
    accepted = ModelConfig(bundle=str(out), device='cpu', accept_bad_bundle=True)
    assert load_bundle(accepted, robot).manifest.verdict == 'bad'


def test_interrupted_training_leaves_no_bundle_and_goes_on(bag, trained, tmp_path):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    out, left = tmp_path / 'model', tmp_path / '.model.training'
    command = ['train', str(bag), '--out', str(out), *SHORT]
    written = []
    for where in ('train.build_memory', 'export.save'):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(f'grasp_ros.training.{where}', interrupt)
            assert main(command) == INTERRUPTED
        assert list(tmp_path.iterdir()) == [left]
        written.append({one: one.stat().st_mtime_ns for one in left.iterdir()})
    assert written[0] and written[1] == written[0]  # nothing was trained again
    assert main(command) == 0 and list(tmp_path.iterdir()) == [out]
    for name in ('dynamics.safetensors', 'memory.safetensors'):
        assert (out / name).read_bytes() == (trained / name).read_bytes()


def test_bundle_that_no_planner_takes_is_not_written(bag, tmp_path, monkeypatch, capsys):
    made = train._manifest
    monkeypatch.setattr(train, '_manifest', lambda *of: replace(made(*of), goal_tolerance=0.0))
    out, report = tmp_path / 'model', tmp_path / 'report.json'
    assert main(['train', str(bag), '--out', str(out), '--json', str(report), *SHORT]) == 2
    assert 'goal_tolerance is 0.0' in capsys.readouterr().err
    # What it goes on from is all that is left: with the fault mended, nothing is trained again.
    assert [one.name for one in tmp_path.iterdir()] == ['.model.training']


def test_a_stopped_training_is_known_by_its_pictures_too():
    images, rows = np.zeros((500, 2, 2, 3), np.uint8), np.zeros((500, 2))
    follows, of = np.ones(500, bool), np.zeros(500, np.int64)
    data = Dataset({'image': images}, rows, rows, follows, of, {'image': (2, 2)}, np.ones(2))
    config = TrainConfig(8, 16, 1, 10, 10)
    others = [{'image': images + 1}, {'side': images}]
    keys = {_key(data, config, 1), *(_key(replace(data, images=one), config, 1) for one in others)}
    keys |= {_key(data, replace(config, seed=1), 1), _key(data, config, 2)}
    keys.add(_key(replace(data, follows=~follows), config, 1))
    same = replace(data, images={'image': images.copy()})
    assert len(keys) == 6 and _key(same, config, 1) in keys


def test_bag_is_never_overwritten(bag: Path, capsys):
    assert main(['collect', str(bag), '--steps', '5']) == 2
    assert 'exists already' in capsys.readouterr().err


def test_missing_bag_is_named(tmp_path: Path, capsys):
    assert main(['train', str(tmp_path / 'none'), '--out', str(tmp_path / 'out')]) == 2
    assert str(tmp_path / 'none') in capsys.readouterr().err


def test_windows_do_not_cross_gaps():
    follows = np.array([True, True, False, True, True, True, False])
    assert windows(follows, 2).tolist() == [0, 3, 4]
    with pytest.raises(BadInput, match='no run of 5 frames'):
        windows(follows, 4)


def test_latent_distances_tell_the_joints_apart():
    rng = np.random.default_rng(0)
    moves = rng.uniform(-0.01, 0.01, (500, 2))
    moves[::5] = 0
    positions = np.cumsum(moves, axis=0)
    follows = np.append(np.ones(499, dtype=bool), False)
    follows[100], positions[101:] = False, positions[101:] + 5.0  # a gap, and elsewhere after it
    images = np.zeros((500, 1, 1, 3), np.uint8)
    of, sizes = np.zeros(500, np.int64), {'image': (1, 1)}
    data = Dataset({'image': images}, positions, moves, follows, of, sizes, np.full(2, 0.01))
    latents = torch.from_numpy(positions * (300.0, 50.0))  # one step of 0.01: 3 and 0.5
    same, steps = latent_distances(data, latents)
    assert steps == pytest.approx([3.0, 0.5], rel=0.05)
    assert same == pytest.approx(0.0, abs=1e-6)


def test_a_joint_that_only_trembles_has_no_latent_distance():
    rng = np.random.default_rng(0)
    steps = np.c_[rng.uniform(-0.01, 0.01, 500), rng.normal(0, 1e-6, 500)]
    follows = np.append(np.ones(499, dtype=bool), False)
    positions, of = np.cumsum(steps, axis=0), np.zeros(500, np.int64)
    data = Dataset({}, positions, steps, follows, of, {}, np.full(2, 0.01))
    latents = torch.from_numpy(300.0 * positions[:, :1] + rng.normal(0, 0.1, (500, 1)))
    _, distances = latent_distances(data, latents)
    assert distances == pytest.approx([3.0, 0.0], rel=0.05)


def test_prediction_error_is_not_measured_where_nothing_moves():
    count = 60
    follows, rows = np.append(np.ones(count - 1, dtype=bool), False), np.zeros((count, 2))
    of = np.zeros(count, np.int64)
    data = Dataset({}, rows, rows, follows, of, {}, np.ones(2))
    dynamics = ResidualMLP(4, 2, 16, 1)
    assert _prediction_error(data, torch.zeros(count, 4), dynamics) == {}
    moved = _prediction_error(data, torch.arange(4.0 * count).reshape(count, 4), dynamics)
    assert list(moved) == [1, 10, 50]
