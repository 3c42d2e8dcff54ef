# SPDX-License-Identifier: Apache-2.0
"""A training that was stopped anywhere goes on as if it had not been."""

import numpy as np
import pytest
import torch
from torch import nn

from grasp_ros.training.checkpoint import Checkpoint
from grasp_ros.types import BadInput

TOTAL = 20


class Stop(Exception):
    pass


def run(folder, stop=None, key='these', every=0.0):
    """Weights after TOTAL steps, and the steps that were made; stop: after so many."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    optimiser = torch.optim.AdamW(module.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 1e-2, total_steps=TOTAL)
    batches = (torch.from_numpy(rng.normal(size=(16, 3))).float() for _ in range(TOTAL))
    made = []

    def progress(stage, done, total):
        made.append(done)
        assert stage == 'part' and total == TOTAL

    steps = Checkpoint(folder, key, every).steps
    for x in steps('part', module, optimiser, schedule, batches, TOTAL, progress):
        if stop is not None and len(made) == stop:
            raise Stop
        loss = (module(x) - x.sum(dim=1, keepdim=True)).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return torch.cat([one.detach().flatten() for one in module.parameters()]), made


@pytest.fixture(scope='module')
def whole():
    return run(None)[0]


@pytest.mark.parametrize('stop', [1, 7, TOTAL - 1])
def test_goes_on_to_the_same_weights(tmp_path, whole, stop):
    with pytest.raises(Stop):
        run(tmp_path / 'kept', stop)
    weights, made = run(tmp_path / 'kept')
    assert torch.equal(weights, whole)
    assert made == list(range(stop + 1, TOTAL + 1))


def test_a_stage_that_is_over_is_not_made_again(tmp_path, whole):
    assert torch.equal(run(tmp_path)[0], whole)
    weights, made = run(tmp_path)
    assert torch.equal(weights, whole) and not made


def test_another_training_begins_anew(tmp_path, whole):
    run(tmp_path, key='others')
    weights, made = run(tmp_path)
    assert torch.equal(weights, whole) and len(made) == TOTAL


def test_it_is_written_now_and_then(tmp_path):
    with pytest.raises(Stop):
        run(tmp_path / 'kept', TOTAL - 1, every=1000.0)
    assert not (tmp_path / 'kept').exists()


def test_a_damaged_file_is_named(tmp_path):
    run(tmp_path)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(BadInput, match=rf'part.safetensors: .*remove {tmp_path} to begin anew'):
        run(tmp_path)
