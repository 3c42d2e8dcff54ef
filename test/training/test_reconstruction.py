# SPDX-License-Identifier: Apache-2.0
"""What changes beside the robot stays in the latent when the picture must be drawn from it."""

import numpy as np
import torch

from grasp_ros.training.dataset import Dataset
from grasp_ros.training.engine import make_engine
from grasp_ros.training.joint_fit import fit_joint_head, joint_error
from grasp_ros.training.losses import Decoder
from grasp_ros.training.train import train
from grasp_ros.training.train_config import TrainConfig

FRAMES, LEARNT = 1500, 1200


def scene(rng):
    """A dark pusher that the actions move, and beside it a patch whose shade (-1 to 1) jumps."""
    actions = rng.uniform(-1, 1, (FRAMES, 2))
    pusher = np.empty((FRAMES, 2))
    place = np.zeros(2)
    for index, action in enumerate(actions):
        pusher[index] = place
        place = np.clip(place + 0.1 * action, -1, 1)
    shade = rng.uniform(-1, 1, (FRAMES, 1))
    images = np.full((FRAMES, 16, 16, 3), 100, np.uint8)
    for image, one, other in zip(images, pusher, shade, strict=True):
        image[4:12, 10:] = round(100 + 80 * other[0])
        row, column = np.round(6 * (0.8 + 0.8 * one)).astype(int)
        image[row : row + 4, column : column + 4] = 10
    follows = np.append(np.ones(FRAMES - 1, dtype=bool), False)
    recordings = np.zeros(FRAMES, dtype=np.int64)
    sizes, travel = {'image': (16, 16)}, np.full(2, 0.1)
    data = Dataset({'image': images}, pusher, actions, follows, recordings, sizes, travel)
    return data, shade


def test_reconstruction_keeps_what_the_robot_does_not_move():
    data, shade = scene(np.random.default_rng(0))
    error, seen = {}, {}
    for reconstruct in (False, True):
        config = TrainConfig(
            latent=16,
            width=32,
            depth=1,
            encoder_steps=400,
            dynamics_steps=4,
            landmarks=20,
            encoder_batch=16,
            reconstruct=reconstruct,
            joints_input=False,  # this is about what the picture tells
        )
        encoder = train(data, config, make_engine('cpu'), lambda *_: None).encoder
        latents = encoder(torch.from_numpy(data.images['image']))
        for found, true in ((error, shade), (seen, data.positions)):
            head = fit_joint_head(latents[:LEARNT], true[:LEARNT])
            (found[reconstruct], *_) = joint_error(head, latents[LEARNT:], true[LEARNT:]).median
    assert error[True] < 0.3 * error[False]
    assert max(seen.values()) < 0.15  # of -1 to 1: the joints are seen with it and without


def test_error_of_who_draws_the_mean_is_one():
    images = np.random.default_rng(0).integers(0, 256, (1000, 40, 64, 3), dtype=np.uint8)
    decoder = Decoder(4, [images])
    torch.nn.init.zeros_(decoder.layers[-1].weight)
    torch.nn.init.zeros_(decoder.layers[-1].bias)
    assert abs(decoder.error(torch.zeros(1000, 4), [torch.from_numpy(images)]).item() - 1) < 0.01
