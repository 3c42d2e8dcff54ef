# SPDX-License-Identifier: Apache-2.0
"""A bundle that cannot be trusted is refused before anything runs."""

import shlex
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from grasp_ros.config import ModelConfig, RobotConfig
from grasp_ros.types import BadInput, Observation
from grasp_ros.world_model.bundle import load_bundle, sha256
from grasp_ros.world_model.manifest import FILES, Manifest

SHIPPED = ('gantry_wall', 'gantry_maze')
IMAGE = {'kind': 'image', 'source': [64, 64], 'encoder': [64, 64]}


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    """A bundle that a test may damage."""
    return Path(shutil.copytree(bundle, tmp_path / 'bundle'))


def config(path: Path, **changes: object) -> ModelConfig:
    return replace(ModelConfig(bundle=str(path), device='cpu'), **changes)


def rewrite(path: Path, **changes: object) -> None:
    """Change fields of model.yaml, with hashes that fit the files."""
    manifest = yaml.safe_load((path / 'model.yaml').read_text())
    manifest |= changes
    manifest['files'] = {name: sha256(path / name) for name in FILES}
    manifest |= {name: one for name, one in changes.items() if name == 'files'}
    (path / 'model.yaml').write_text(yaml.safe_dump(manifest))


@pytest.mark.parametrize('name', SHIPPED)
def test_shipped_bundle_loads_by_name_and_says_how_it_was_made(name: str, robot: RobotConfig):
    loaded = load_bundle(ModelConfig(bundle=name, device='cpu'), robot)
    made = [shlex.split(command) for command in loaded.manifest.training['commands']]
    assert [' '.join(command[:2]) for command in made[:3]] == [
        'grasp-ros collect',  # in MuJoCo
        'grasp-ros collect',  # in Gazebo
        'grasp-ros train',
    ]
    assert {command[0] for command in made[3:]} <= {'scripts/make_map', 'scripts/add_obstacles'}
    bags = {word for command in made[:2] for word in command if word.startswith('bags/')}
    for command in made[2:]:  # all from the same data
        assert bags == {word for word in command if word.startswith('bags/')}
    assert loaded.encoder.provider == 'CPUExecutionProvider'


def test_manifest_survives_a_round_trip(bundle: Path, tmp_path: Path):
    manifest = Manifest.from_yaml(bundle / 'model.yaml')
    (tmp_path / 'model.yaml').write_text(manifest.to_yaml())
    assert Manifest.from_yaml(tmp_path / 'model.yaml') == manifest


@pytest.mark.parametrize('name', FILES)
def test_refuses_a_tampered_file_with_both_hashes(copy: Path, robot: RobotConfig, name: str):
    data = bytearray((copy / name).read_bytes())
    data[len(data) // 2] ^= 1
    (copy / name).write_bytes(data)
    with pytest.raises(BadInput, match=f'{name}.*sha256.*model.yaml says'):
        load_bundle(config(copy), robot)


@pytest.mark.parametrize('name', FILES)
def test_refuses_a_missing_file(copy: Path, robot: RobotConfig, name: str):
    (copy / name).unlink()
    with pytest.raises(BadInput, match=f'{name} is missing'):
        load_bundle(config(copy), robot)


def test_refuses_a_large_file_pointer_in_place_of_the_model(copy: Path, robot: RobotConfig):
    (copy / 'encoder.onnx').write_text('version https://git-lfs.github.com/spec/v1\nsize 12\n')
    with pytest.raises(BadInput, match=r'encoder.onnx \(51 bytes\)'):
        load_bundle(config(copy), robot)


def test_refuses_a_file_that_is_no_model_even_with_its_hash(copy: Path, robot: RobotConfig):
    (copy / 'encoder.onnx').write_bytes(b'not a model')
    rewrite(copy)
    with pytest.raises(BadInput, match='not a usable model'):
        load_bundle(config(copy), robot)


def test_weights_beside_the_encoder_are_refused(copy: Path, robot: RobotConfig, monkeypatch):
    # Nothing hashes them. onnxruntime looks for them beside a model's file, or in the working
    # directory for a model from bytes.
    onnx = pytest.importorskip('onnx')
    onnx.save_model(
        onnx.load(copy / 'encoder.onnx'),
        copy / 'encoder.onnx',
        save_as_external_data=True,
        location='weights.bin',
        size_threshold=0,
    )
    assert (copy / 'weights.bin').stat().st_size > 100_000
    rewrite(copy)
    monkeypatch.chdir(copy)
    with pytest.raises(BadInput, match='weights must lie in the file itself'):
        load_bundle(config(copy), robot)


def test_refuses_truncated_weights_even_with_their_hash(copy: Path, robot: RobotConfig):
    data = (copy / 'dynamics.safetensors').read_bytes()
    (copy / 'dynamics.safetensors').write_bytes(data[: len(data) // 2])
    rewrite(copy)
    with pytest.raises(BadInput, match=str(copy)):
        load_bundle(config(copy), robot)


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'name': 'ur5e'}, "for robot 'gantry'.*this robot is 'ur5e'"),
        ({'joints': ('y_joint', 'x_joint')}, 'this robot is .*y_joint.*x_joint'),
        ({'joints': ('a', 'b')}, r"this robot is 'gantry' with joints \['a', 'b'\]"),
    ],
)
def test_refuses_a_bundle_of_another_robot(bundle, robot, change, reason):
    with pytest.raises(BadInput, match=reason):
        load_bundle(config(bundle), replace(robot, **change))


@pytest.mark.parametrize(
    'change',
    [
        {'latent': 16},
        {'dynamics': {'architecture': 'residual_mlp', 'config': {'width': 64, 'depth': 2}}},
        {'dynamics': {'architecture': 'residual_mlp', 'config': {'width': 128, 'depth': 3}}},
        {'inputs': {'image': IMAGE | {'encoder': [32, 32]}}},
        {'inputs': {'picture': IMAGE}},
        {'inputs': {'image': IMAGE, 'joints': {'kind': 'joints', 'size': 2}}},
        {'joints': ['x_joint']},
        {'goal_tolerance': 1000.0},
    ],
)
def test_refuses_a_manifest_that_does_not_fit_its_files(copy, robot, change):
    rewrite(copy, **change)
    with pytest.raises(BadInput, match=str(copy)):
        load_bundle(config(copy), robot)


@pytest.mark.parametrize('text', ['', '[1, 2', 'a: b', '\x00'])
def test_refuses_a_manifest_that_is_none(copy: Path, robot: RobotConfig, text: str):
    (copy / 'model.yaml').write_text(text)
    with pytest.raises(BadInput, match='model.yaml'):
        load_bundle(config(copy), robot)


def test_refuses_weights_that_are_not_finite(copy: Path, robot: RobotConfig):
    weights = load_file(copy / 'dynamics.safetensors')
    weights['last.bias'][0] = float('nan')
    save_file(weights, copy / 'dynamics.safetensors')
    rewrite(copy)
    with pytest.raises(BadInput, match='dynamics returns values that are not finite'):
        load_bundle(config(copy), robot)


def test_refuses_a_joint_head_of_another_robot(copy: Path, robot: RobotConfig):
    weights = load_file(copy / 'joint_head.safetensors')
    save_file({name: one[:1] for name, one in weights.items()}, copy / 'joint_head.safetensors')
    rewrite(copy)
    with pytest.raises(BadInput, match=r'joint head: weight is .*\(1, 32\), expected .*\(2, 32\)'):
        load_bundle(config(copy), robot)


def test_refuses_a_roadmap_that_names_unknown_landmarks(copy: Path, robot: RobotConfig):
    tensors = load_file(copy / 'memory.safetensors')
    tensors['edges'][0, 0] = 10_000
    save_file(tensors, copy / 'memory.safetensors')
    rewrite(copy)
    with pytest.raises(BadInput, match='landmarks outside'):
        load_bundle(config(copy), robot)


def test_absent_provider_is_an_error_only_when_required(bundle: Path, robot: RobotConfig):
    providers = ('CUDAExecutionProvider', 'CPUExecutionProvider')
    loaded = load_bundle(config(bundle, providers=providers), robot)
    if loaded.encoder.provider == 'CUDAExecutionProvider':
        pytest.skip('this machine runs the CUDA provider')
    assert loaded.encoder.fell_back and loaded.encoder.provider == 'CPUExecutionProvider'
    with pytest.raises(BadInput, match='asks for CUDAExecutionProvider'):
        load_bundle(config(bundle, providers=providers, require_provider=True), robot)
    with pytest.raises(BadInput, match='Nonsense'):
        load_bundle(config(bundle, providers=('NonsenseProvider',)), robot)


def test_refuses_a_gpu_that_is_not_there(bundle: Path, robot: RobotConfig):
    if torch.cuda.is_available():
        pytest.skip('this machine has a CUDA device')
    with pytest.raises(BadInput, match='no CUDA device'):
        load_bundle(config(bundle, device='cuda'), robot)


@pytest.mark.parametrize('shape', [(32, 64, 3), (64, 32, 3), (128, 128, 3), (64, 64, 4)])
def test_never_stretches_an_image_of_another_size(bundle: Path, robot: RobotConfig, shape):
    loaded = load_bundle(config(bundle), robot)
    with pytest.raises(BadInput, match=f'image is {shape[1]}x{shape[0]}.*trained on 64x64'):
        loaded.encode(Observation.pictured({'image': np.zeros(shape, dtype=np.uint8)}, 2))
