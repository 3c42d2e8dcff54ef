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
