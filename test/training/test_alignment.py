# SPDX-License-Identifier: Apache-2.0
"""Twins show the same place in other recordings; aligned latents do not tell them apart."""

import numpy as np
import pytest
import torch

from grasp_ros.training.alignment import twins
from grasp_ros.training.dataset import Dataset
from grasp_ros.training.engine import make_engine
from grasp_ros.training.train import train
from grasp_ros.training.train_config import TrainConfig
from grasp_ros.types import BadInput


def recorded(positions, recordings, images=None, travel=1.0):
    """Frames at positions (N, J), one model step apart within each recording."""
    count = len(positions)
    images = np.zeros((count, 8, 8, 3), np.uint8) if images is None else images
    follows = np.append(np.diff(recordings) == 0, False)
    positions = np.asarray(positions, dtype=float)
    actions = np.append(np.diff(positions, axis=0) / 0.02, np.zeros((1, 2)), axis=0)
    return Dataset(
        {'image': images},
        positions,
        actions,
        follows,
        np.array(recordings),
        {'image': (8, 8)},
        np.full(2, travel),
    )


def test_twins_are_the_nearest_of_other_recordings():
    places = [[0, 0], [1, 0], [2, 0], [1, 0.1], [0, 0.3], [9, 9]]
    assert twins(recorded(places, [0, 0, 0, 1, 1, 1]), within=0.2).tolist() == [0, 3, 2, 1, 4, 5]
    assert twins(recorded(places, [0, 0, 0, 1, 1, 1]), within=0.5).tolist() == [4, 3, 2, 1, 0, 5]


@pytest.mark.parametrize('recordings', [[0, 0, 0], [0, 1, 1]])
def test_refuses_bags_without_a_place_in_common(recordings):
    places = [[0, 0], [1, 0], [1, 0]]
    with pytest.raises(BadInput, match=r'within 0.1 .* alignment needs two bags'):
        twins(recorded(places, recordings), within=0.1)


def test_aligned_latents_do_not_tell_two_lights_apart():
    rng = np.random.default_rng(0)
    steps = rng.uniform(-0.06, 0.06, (600, 2))
    places = np.clip(np.cumsum(steps, axis=0), -0.15, 0.15)
    places = np.concatenate([places, places])  # the same motion twice: by day and by night
    images = np.full((1200, 16, 16, 3), 200, np.uint8)
    for image, place in zip(images, places, strict=True):
        row, column = np.round(6 + 40 * place).astype(int)
        image[row : row + 4, column : column + 4] = 20
    images[600:] //= 2
    data = recorded(places, [0] * 600 + [1] * 600, images, travel=0.06)
    apart = {}  # latent distance of day and night, in model steps
    for align in (False, True):
        config = TrainConfig(
            latent=32,
            width=128,
            depth=2,
            encoder_steps=150,
            dynamics_steps=20,
            landmarks=20,
            align=align,
            joints_input=False,  # this is about what the pictures tell
        )
        encoder = train(data, config, make_engine('cpu'), lambda *_: None).encoder
        day, night = encoder(torch.from_numpy(images)).split(600)
        apart[align] = (
            (day - night).norm(dim=1).mean() / day.diff(dim=0).norm(dim=1).mean()
        ).item()
    assert apart[True] < 1 < 5 < apart[False]
