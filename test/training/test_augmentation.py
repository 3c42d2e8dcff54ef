# SPDX-License-Identifier: Apache-2.0
"""Augmentation changes light and colours, each image by itself, and moves nothing."""

import pytest
import torch

from grasp_ros.training.augmentation import photometric


@pytest.fixture(scope='module')
def augmented():
    """The same picture many times, a dark square on a grey ground: augmented (N, H, W, 3)."""
    picture = torch.full((64, 64, 3), 140, dtype=torch.uint8)
    picture[20:30, 40:50] = torch.tensor([20, 30, 90], dtype=torch.uint8)
    torch.manual_seed(0)
    return photometric()(picture.expand(64, 64, 64, 3))


def test_values_stay_those_of_images(augmented):
    assert augmented.dtype == torch.float32 and augmented.shape == (64, 64, 64, 3)
    assert augmented.min() >= 0 and augmented.max() <= 255
    assert augmented.max() > 150, 'values up to 255, not up to 1'


def test_each_image_gets_its_own(augmented):
    means = augmented.mean(dim=(1, 2, 3))
    assert len(means.round(decimals=2).unique()) > 60
    assert means.std() > 10


def test_nothing_moves(augmented):
    grey = augmented.mean(dim=3)
    inside, border = grey[:, 20:30, 40:50].mean(dim=(1, 2)), grey[:, 17:33, 37:53].clone()
    border[:, 3:13, 3:13] = torch.nan
    assert (border.nanmean(dim=(1, 2)) - inside > 20).all()


def test_same_seed_gives_the_same_images(augmented):
    images = (augmented[:4]).to(torch.uint8)
    apply = photometric()
    runs = []
    for _ in range(2):
        torch.manual_seed(7)
        runs.append(apply(images))
    assert torch.equal(*runs)
