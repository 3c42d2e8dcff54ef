# SPDX-License-Identifier: Apache-2.0
"""The joint head's file: what goes in comes out, and what does not fit is refused by name."""

import pytest
import torch

from grasp_ros.types import BadInput
from grasp_ros.world_model.joint_head import JointHead

HEAD = JointHead(torch.tensor([[1.0, 0.0, 0.5], [0.0, 2.0, 0.0]]), torch.tensor([0.1, -1.0]))


def test_what_is_written_is_read():
    again = JointHead.from_tensors(HEAD.tensors(), latent=3, joints=2)
    latent = torch.tensor([1.0, 2.0, 4.0])
    assert again.positions(latent).tolist() == pytest.approx([3.1, 3.0])


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'weight': torch.zeros(2, 4)}, r'weight is .*\(2, 4\), expected .*\(2, 3\)'),
        ({'bias': torch.zeros(3)}, r'bias is .*\(3,\), expected .*\(2,\)'),
        ({'bias': torch.zeros(2).double()}, 'bias is torch.float64'),
        ({'bias': torch.tensor([0.0, torch.nan])}, 'bias .* all finite'),
        ({'scale': torch.zeros(2)}, "tensors .*'scale'"),
    ],
)
def test_what_does_not_fit_is_refused(change, reason):
    with pytest.raises(BadInput, match=reason):
        JointHead.from_tensors(HEAD.tensors() | change, latent=3, joints=2)


DEEP = JointHead(
    HEAD.weight,
    HEAD.bias,
    ((torch.ones(5, 3), torch.zeros(5)), (torch.full((2, 5), 0.1), torch.ones(2))),
)


def test_layers_add_to_the_linear_map():
    latent = torch.tensor([1.0, 2.0, 4.0])
    more = 1 + 0.5 * torch.nn.functional.silu(torch.tensor(7.0))
    again = JointHead.from_tensors(DEEP.tensors(), latent=3, joints=2)
    torch.testing.assert_close(again.positions(latent), HEAD.positions(latent) + more)
    assert again.to(torch.device('cpu')).layers[1][1].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'0.weight': torch.zeros(5, 4)}, r'0\.weight is .*\(5, 4\), expected .*\(5, 3\)'),
        ({'1.weight': torch.zeros(2, 4)}, r'1\.weight is .*\(2, 4\), expected .*\(2, 5\)'),
        ({'1.bias': torch.zeros(3)}, r'1\.weight is .*expected|1\.bias is .*\(3,\)'),
        ({'0.bias': torch.tensor([0.0, torch.inf, 0, 0, 0])}, r'0\.bias .* all finite'),
        ({'3.weight': torch.zeros(2, 2), '3.bias': torch.zeros(2)}, "tensors .*'3.bias'"),
    ],
)
def test_layers_that_do_not_fit_are_refused(change, reason):
    with pytest.raises(BadInput, match=reason):
        JointHead.from_tensors(DEEP.tensors() | change, latent=3, joints=2)
