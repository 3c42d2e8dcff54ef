# SPDX-License-Identifier: Apache-2.0
"""Weights are loaded into the architecture that the manifest names, or refused."""

import pytest
import torch

from grasp_ros.types import BadInput
from grasp_ros.world_model.dynamics import ARCHITECTURES, ResidualMLP, load_dynamics

CONFIG = {'width': 7, 'depth': 3}


def test_weights_survive_and_gradients_are_off():
    torch.manual_seed(0)
    made = ResidualMLP(5, 2, **CONFIG)
    torch.nn.init.normal_(made.last.weight)
    loaded = load_dynamics(made.architecture, made.config, 5, 2, made.state_dict())
    z, a = torch.randn(4, 5), torch.randn(4, 2)
    assert torch.equal(loaded(z, a), made(z, a))
    assert not any(one.requires_grad for one in loaded.parameters())
    assert ARCHITECTURES[made.architecture] is ResidualMLP and made.config == CONFIG


@pytest.mark.parametrize(
    ('config', 'sizes'),
    [
        ({'width': 8, 'depth': 3}, (5, 2)),
        ({'width': 7, 'depth': 2}, (5, 2)),
        ({'width': 7, 'depth': 4}, (5, 2)),
        (CONFIG, (6, 2)),
        (CONFIG, (5, 3)),
        ({'width': 8192, 'depth': 64}, (65536, 7)),  # 17 GB if it were allocated
    ],
)
def test_weights_of_another_shape_are_refused(config, sizes):
    state = ResidualMLP(5, 2, **CONFIG).state_dict()
    with pytest.raises(BadInput, match='weights do not fit residual_mlp'):
        load_dynamics('residual_mlp', config, *sizes, state)


def test_weights_of_another_type_are_refused():
    state = ResidualMLP(5, 2, **CONFIG).double().state_dict()
    with pytest.raises(BadInput, match='float64.*float32 expected'):
        load_dynamics('residual_mlp', CONFIG, 5, 2, state)
