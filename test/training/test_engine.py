# SPDX-License-Identifier: Apache-2.0
"""Training on several processes is the training of one; curves, log and precision are options."""

import os
import subprocess
import sys

import numpy as np
import pytest
import safetensors.torch
import torch

from grasp_ros.cli.main import main
from grasp_ros.config import ModelConfig
from grasp_ros.training.checkpoint import Checkpoint
from grasp_ros.training.engine import fit, make_engine
from grasp_ros.training.pretext import Foresight
from grasp_ros.types import BadInput
from grasp_ros.world_model.bundle import load_bundle
from grasp_ros.world_model.dynamics import ResidualMLP
from grasp_ros.world_model.manifest import Manifest

STEPS = 30
TORCHRUN = [sys.executable, '-m', 'torch.distributed.run', '--master_port', '29731']
LITTLE = [
    '--encoder-steps', '40', '--dynamics-steps', '40', '--landmarks', '40', '--image-size', '16',
    '--threads', '1', '--no-joints-input',
]  # fmt: skip


def weights(folder):
    """Of a dynamics after STEPS steps, as several processes make them, or this one alone."""
    torch.manual_seed(0)
    module = ResidualMLP(4, 2, 16, 1)
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=STEPS)
    latents, actions = torch.randn(200, 4), torch.randn(200, 2)
    rng = np.random.default_rng(0)
    starts = torch.from_numpy(rng.integers(0, 190, (STEPS, 32)))
    batches = (one[:, None] + torch.arange(4) for one in starts)

    def inputs(window):
        return latents[window], actions[window[:, :-1]]

    fabric = make_engine('cpu')
    checkpoint = Checkpoint(folder, 'these', 0.0, writes=fabric.is_global_zero)
    steps = (Foresight(module), optimiser, schedule, batches, STEPS, inputs)
    fit(fabric, 'dynamics', *steps, checkpoint, lambda *_: None)
    return module.state_dict(), fabric


@pytest.fixture(scope='module')
def bag(tmp_path_factory):
    """Some seconds of exploration."""
    pytest.importorskip('mujoco', reason='grasp_ros[sim] is not installed')
    path = tmp_path_factory.mktemp('bags') / 'wall'
    assert main(['collect', str(path), '--steps', '400', '--seed', '3']) == 0
    return path


def torchrun(*command):
    """Two processes of a module or a file, on this machine."""
    return subprocess.run(
        [*TORCHRUN, '--nproc_per_node', '2', *command],
        env={**os.environ, 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def test_two_processes_make_the_steps_of_one(tmp_path):
    """Each has half of every batch, and what is averaged over both is averaged over all."""
    alone, _ = weights(None)
    done = torchrun(__file__, str(tmp_path))
    assert done.returncode == 0, done.stderr
    both = [safetensors.torch.load_file(tmp_path / f'{rank}.safetensors') for rank in (0, 1)]
    for name, value in alone.items():
        assert torch.equal(both[0][name], both[1][name])
        torch.testing.assert_close(both[0][name], value, atol=1e-5, rtol=1e-4)
    assert [one.name for one in (tmp_path / 'kept').iterdir()] == ['dynamics.safetensors']


def test_a_bundle_by_torchrun_with_curves_and_a_log(bag, tmp_path, robot):
    out, log, curves = tmp_path / 'model', tmp_path / 'train.log', tmp_path / 'curves'
    options = ['--progress-file', str(log), '--tensorboard', str(curves)]
    command = ['train', str(bag), '--out', str(out), *LITTLE, *options]
    done = torchrun('--module', 'grasp_ros.cli.main', *command)
    # A model of so little is worth little, and says so; 1: nothing can be planned with it.
    assert (out / 'model.yaml').is_file(), done.stdout + done.stderr
    assert done.stdout.count('written') == 1, 'one of the processes speaks'
    assert Manifest.from_yaml(out / 'model.yaml').training['processes'] == 2
    load_bundle(ModelConfig(bundle=str(out), device='cpu', accept_bad_bundle=True), robot)
    assert 'encoder: 40 of 40 (100 %)' in log.read_text()
    written = b''.join(one.read_bytes() for one in curves.iterdir())
    for name in (b'encoder/joints', b'encoder/loss', b'dynamics_16/prediction'):
        assert name in written
    assert not list(tmp_path.glob('.model*')), 'nothing is left beside it'


def test_mixed_precision_is_recorded(bag, tmp_path):
    out = tmp_path / 'model'
    assert main(['train', str(bag), '--out', str(out), *LITTLE, '--precision', 'bf16-mixed']) < 2
    assert Manifest.from_yaml(out / 'model.yaml').training['config']['precision'] == 'bf16-mixed'


def test_a_device_that_is_not_there_is_named(monkeypatch):
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 0)
    with pytest.raises(BadInput, match='--device is cuda'):
        make_engine('cuda')
    monkeypatch.setattr(torch.cuda, 'device_count', lambda: 1)
    monkeypatch.setenv('LOCAL_WORLD_SIZE', '2')
    with pytest.raises(BadInput, match='2 processes here, and there are 1 GPUs'):
        make_engine()


if __name__ == '__main__':
    from pathlib import Path

    folder = Path(sys.argv[1])
    found, engine = weights(folder / 'kept')
    safetensors.torch.save_file(found, folder / f'{engine.global_rank}.safetensors')
