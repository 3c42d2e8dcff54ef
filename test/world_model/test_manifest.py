# SPDX-License-Identifier: Apache-2.0
"""A manifest made by a slip or to harm is refused at once, in words, whatever it asks for."""

import itertools
import time
from pathlib import Path

import pytest
import yaml

from grasp_ros.types import BadInput
from grasp_ros.world_model.manifest import Manifest

NAN, INF = float('nan'), float('inf')
IMAGE = {'kind': 'image', 'source': [64, 64], 'encoder': [64, 64]}
DEEP = 20_000

WRONG = {
    'format': [None, '3', 4, True],
    'robot': [None, 5, '', 'x' * 2000, ['gantry']],
    'joints': [None, [], 'x_joint', ['a', 'a'], [1, 2], ['a'] * 5000],
    'command.meaning': ['torque', None, ['joint_velocity'], {}],
    'command.dt': [1e-9, 0, -0.1, 1e9, NAN, INF, '0.1', None, True, [0.1], 10**400],
    'command.low': [[], [-1], [NAN, -1], [0.15, -0.15], ['a', 'b'], -0.15, [0.1, 0.1], [-INF, -1]],
    'command.high': [[0.15, INF], [-0.1, -0.1], None],
    'inputs': [{}, None, [], {'image': None}, {'../image': IMAGE}, {7: IMAGE}],
    'inputs.image.kind': ['depth', None, ['image']],
    'inputs.image.source': [[64], [64, 10**9], [0, 64], [64.0, 64], 64, ['64', 64], [64] * 3],
    'inputs.image.encoder': [[64, 100_000], [-64, 64], None],
    'inputs.joints': [{'kind': 'joints', 'size': 3}, {'kind': 'joints', 'size': '2'}],
    'latent': [10**9, '32', 0, -1, 32.0, NAN, None, True],
    'dynamics.architecture': ['transformer', None, 3, ['residual_mlp']],
    'dynamics.config': [None, {}, {'width': 128}, {'width': 128, 'depth': 2, 'heads': 4}],
    'dynamics.config.width': [60_000, 0, '128', 128.0],
    'dynamics.config.depth': [10**7, -1, NAN, 10**400],
    'goal_tolerance': [NAN, -1, 0, INF, '0.3', 1e9, None],
    'roadmap.connect_steps': [0, 10**9, 1.5, None],
    'roadmap.neighbours': [0, '8', INF],
    'trust': [None, {}, 3],
    'trust.latent': [NAN, 0, -1, INF, '3'],
    'trust.pictures': [{}, {'image': NAN}, {'image': 256}, {'image': 5, 'wrist': 5}, [5]],
    'trust.joints': [[0.1], [0.1, NAN], [0.1, -1], 0.1, [0.1] * 3],
    'joint_error': [None, {}, {'median': [0.1, 0.1]}],
    'joint_error.median': [[0.1], [0.1, NAN], [0.1, -1], 0.1, [0.1] * 3],
    'joint_error.p95': [[0.1, 0.1, 0.1], [0.1, INF], None],
    'verdict': ['excellent', None, 3],
    'reasons': [None, 'few frames', [''], ['x'] * 2, ['x' * 1001]],
    'files': [None, {}, 'encoder.onnx', {'encoder.onnx': 'ab'}],
    'files.encoder.onnx': [None, 5, ''],
    'training': [None, 'by hand', []],
    'reached_distance': [0.3],  # nobody asked for it
}


def changed(plain: dict, name: str, value: object) -> dict:
    """With another value at a dotted name; the names of files have dots of their own."""
    inner, *path = plain, *name.replace('.onnx', '#onnx').split('.')
    for one in path[:-1]:
        inner = inner[one]
    inner[path[-1].replace('#', '.')] = value
    return plain


def refusal(path: Path, text: str) -> str:
    """Why Manifest.from_yaml refuses a text, and that it is quick."""
    file = path / 'model.yaml'
    file.write_text(text)
    begin = time.process_time()
    with pytest.raises(BadInput) as refused:
        Manifest.from_yaml(file)
    assert time.process_time() - begin < 0.5
    assert str(file) in str(refused.value) and len(str(refused.value)) < 2000
    return str(refused.value)


@pytest.mark.parametrize(
    ('name', 'value'), [(name, value) for name, values in WRONG.items() for value in values]
)
def test_value_is_refused_by_its_name(bundle: Path, tmp_path: Path, name: str, value: object):
    plain = yaml.safe_load((bundle / 'model.yaml').read_text())
    reason = refusal(tmp_path, yaml.safe_dump(changed(plain, name, value)))
    assert name.split('.')[0] in reason


@pytest.mark.parametrize(
    'name', ['format', 'latent', 'goal_tolerance', 'trust', 'joint_error', 'verdict', 'files']
)
def test_what_is_missing_is_named(bundle: Path, tmp_path: Path, name: str):
    plain = yaml.safe_load((bundle / 'model.yaml').read_text())
    del plain[name]
    assert f'{name} is missing' in refusal(tmp_path, yaml.safe_dump(plain))


@pytest.mark.parametrize(
    'text',
    [
        '',
        'a: b',
        '[1, 2',
        '\x00',
        '- 1',
        '[' * DEEP,
        'format: ' + '[' * DEEP + ']' * DEEP,
        'format: 3\ntraining: ' + '{a: ' * 5000 + '}' * 5000,
        '- ' * DEEP + '1',
        'format: ' + '9' * 10_000,
        'format: 2020-99-99',
        '!!python/object/apply:os.system ["true"]',
        'format: 3\nrobot: ' + 'x' * 100_000,
        # Nine times nine times nine: 10^9 values if someone walks through them.
        'a: &a [0]\n'
        + ''.join(
            f'{b}: &{b} [{", ".join(9 * [f"*{a}"])}]\n'
            for a, b in itertools.pairwise('abcdefghij')
        )
        + 'format: *j',
    ],
    ids=range(14),
)
def test_text_that_is_no_manifest(tmp_path: Path, text: str):
    refusal(tmp_path, text)


def test_a_file_that_is_no_text(tmp_path: Path):
    (tmp_path / 'model.yaml').write_bytes(b'\xff\xfe\x00')
    with pytest.raises(BadInput, match='cannot be read'):
        Manifest.from_yaml(tmp_path / 'model.yaml')


def test_older_formats_are_refused_with_the_commands_that_remake_them(tmp_path: Path):
    commands = ['grasp-ros collect bags/a --seed 0', 'grasp-ros train bags/a --out models/a']
    old = {'format': 2, 'robot': 'gantry', 'training': {'commands': commands}}
    reason = refusal(tmp_path, yaml.safe_dump(old))
    assert 'format 2, this version reads format 3; train it anew' in reason
    assert all(f'\n  {command}' in reason for command in commands)
    assert 'train it anew' in refusal(tmp_path, 'format: 1\ntraining: {commands: [[], 3]}')


def test_a_round_trip_changes_nothing(bundle: Path, tmp_path: Path):
    manifest = Manifest.from_yaml(bundle / 'model.yaml')
    (tmp_path / 'model.yaml').write_text(manifest.to_yaml())
    assert Manifest.from_yaml(tmp_path / 'model.yaml') == manifest
