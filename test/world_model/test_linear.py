# SPDX-License-Identifier: Apache-2.0
"""Linear layers are the same whichever library computes them."""

import pytest
import torch
import torch.nn.functional as F

from grasp_ros.world_model import linear as module
from grasp_ros.world_model.linear import FEWEST, linear

torch.manual_seed(0)
WEIGHT, BIAS = torch.randn(70, 33), torch.randn(70)


@pytest.mark.parametrize('onednn', [True, False])
@pytest.mark.parametrize('silu', [True, False])
@pytest.mark.parametrize('kind', [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize('rows', [1, FEWEST - 1, FEWEST, 640])
def test_layer_is_what_torch_says(onednn, silu, kind, rows, monkeypatch):
    monkeypatch.setattr(module, '_ONEDNN', onednn and module._ONEDNN)
    x, weight, bias = (one.to(kind) for one in (torch.randn(rows, 33), WEIGHT, BIAS))
    expected = F.linear(x, weight, bias)
    torch.testing.assert_close(
        linear(x, weight, bias, silu), F.silu(expected) if silu else expected
    )


@pytest.mark.parametrize('number', [0, 1])
def test_gradients_pass_where_they_are_asked_for(number):
    given, found = [torch.randn(2 * FEWEST, 33), WEIGHT, BIAS], []
    for layer in (linear, F.linear):
        given[number] = given[number].detach().requires_grad_()
        (gradient,) = torch.autograd.grad(layer(*given).square().sum(), given[number])
        found.append(gradient)
    torch.testing.assert_close(*found)
