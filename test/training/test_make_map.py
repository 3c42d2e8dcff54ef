# SPDX-License-Identifier: Apache-2.0
"""A bundle's map made anew, or given obstacles, by command, from a bag of the same robot."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from grasp_ros.cli.main import main
from grasp_ros.config import ModelConfig
from grasp_ros.world_model.bundle import load_bundle

ROOT = Path(__file__).resolve().parents[2]
STEPS, LANDMARKS = 1200, 60


@pytest.fixture(scope='module')
def bag(tmp_path_factory) -> Path:
    """Two minutes of the gantry in the maze."""
    path = tmp_path_factory.mktemp('bags') / 'maze'
    assert main(['collect', str(path), '--world', 'maze', '--steps', str(STEPS)]) == 0
    return path


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / 'scripts' / script, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)


def test_only_the_map_and_what_follows_from_it_are_new(bundle, bag, robot, tmp_path):
    out = tmp_path / 'made'
    asked = ('--landmarks', LANDMARKS, '--robot', 'gantry', '--out', out)
    done = run('make_map', bundle, bag, *asked)
    assert done.returncode == 0 and f'{out}: written' in done.stdout, done.stderr
    before, after = (
        load_bundle(ModelConfig(bundle=str(path), accept_bad_bundle=True), robot)
        for path in (bundle, out)
    )
    assert len(after.memory.latents) == after.manifest.training['landmarks'] == LANDMARKS
    assert after.manifest.verdict in done.stdout
    assert after.manifest.trust != before.manifest.trust
    *commands, last = after.manifest.training['commands']
    assert commands == before.manifest.training['commands'] and last.startswith('scripts/make_map')
    for name in ('encoder.onnx', 'dynamics.safetensors', 'joint_head.safetensors'):
        assert after.manifest.files[name] == before.manifest.files[name]
    # What it remembers is of the bag, seen through the same encoder.
    seen = after.remembered(3)
    assert float((after.encode(seen) - after.memory.latents[3]).norm()) < 0.5
    few = run('make_map', bundle, bag, '--landmarks', 1, '--out', tmp_path / 'few')
    assert few.returncode == 2 and '--landmarks 1 is below 2' in few.stderr
    again = run('make_map', bundle, bag, *asked)
    assert again.returncode == 2 and 'never overwritten' in again.stderr


def test_obstacles_are_all_that_is_new(bundle, bag, robot, tmp_path):
    out, asked = tmp_path / 'made', ('--robot', 'gantry', '--out', tmp_path / 'made')
    done = run('add_obstacles', bundle, bag, *asked)
    assert done.returncode == 0, done.stderr
    before, after = (
        load_bundle(ModelConfig(bundle=str(path), accept_bad_bundle=True), robot)
        for path in (bundle, out)
    )
    new = {
        name
        for name, digest in after.manifest.files.items()
        if digest != before.manifest.files.get(name)
    }
    assert new == {'obstacles.safetensors'}
    assert after.manifest.trust == before.manifest.trust
    *commands, last = after.manifest.training['commands']
    assert commands == before.manifest.training['commands']
    assert last.startswith('scripts/add_obstacles')
    assert torch.equal(after.memory.edges, before.memory.edges)
    ends = after.memory.positions[after.memory.edges].numpy().astype(np.float64)
    assert after.obstacles.tolls(ends[:, 0], ends[:, 1]).max() > 1
    again = run('add_obstacles', bundle, bag, *asked)
    assert again.returncode == 2 and 'never overwritten' in again.stderr
