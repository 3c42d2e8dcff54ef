# SPDX-License-Identifier: Apache-2.0
"""Bounds of trust let frames like the held-out ones pass, and little more."""

import re

import numpy as np
import pytest
import torch

from grasp_ros.training.calibration import DARKEST, calibrate
from grasp_ros.types import Observation
from grasp_ros.world_model.joint_head import JointHead
from grasp_ros.world_model.memory import Memory, encode_thumbnail
from grasp_ros.world_model.trust import Trust


def pictures(positions):
    """A dark square on a grey ground, moved by two joints from 0 to 1."""
    images = np.full((len(positions), 32, 32, 3), 150, np.uint8)
    for image, place in zip(images, positions, strict=True):
        row, column = np.round(24 * place).astype(int)
        image[row : row + 8, column : column + 8] = 30
    return images


def world(count: int, seed: int):
    """Latents, pictures and positions (count, 2); the latent is ten times the position."""
    positions = np.random.default_rng(seed).uniform(0, 1, (count, 2))
    return torch.from_numpy(10 * positions).to(torch.float32), pictures(positions), positions


def remember(latents, images, positions):
    none = torch.zeros(0, 2, dtype=torch.int64)
    thumbnails = {'image': tuple(encode_thumbnail(one) for one in images)}
    places = torch.from_numpy(positions).to(torch.float32)
    return Memory(latents, places, none, torch.zeros(0), thumbnails)


STEP = np.full(2, 0.05)
# As world() makes the latents.
HEAD = JointHead(0.1 * torch.eye(2), torch.zeros(2))


@pytest.fixture(scope='module')
def trust() -> Trust:
    """From 200 landmarks, calibrated on 400 frames."""
    memory = remember(*world(200, seed=0))
    latents, images, positions = world(400, seed=1)
    noise = np.random.default_rng(3).normal(0, 0.03, positions.shape)
    bounds = calibrate(memory, HEAD, latents, {'image': images}, positions + noise, STEP)
    # A landmark is about 0.07 away in a square of 200; some frames are further off.
    assert 0.5 < bounds.latent < 4
    assert DARKEST < bounds.pictures['image'] < 40
    # Twice the 99.9th percentile of the noise, and a step.
    assert all(0.22 < one < 0.28 for one in bounds.joints)
    return Trust(memory, HEAD, bounds, ('a', 'b'), 'test')


def test_frames_of_another_day_pass(trust):
    for latent, image, position in zip(*world(1000, seed=2), strict=True):
        seen = Observation(0, {'image': image}, position, np.zeros(2))
        assert trust.judge(latent, seen) is None


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'image': np.full((32, 32, 3), 100, np.uint8)}, r'the picture \(image\) is unlike'),
        ({'latent': torch.tensor([25.0, 25.0])}, 'latent distance .* to the nearest landmark'),
        (
            {'position': np.array([0.5, 0.1])},
            'the picture shows b at 0.[45].*joint_states says 0.100',
        ),
    ],
)
def test_one_reason_is_enough(trust, change, reason):
    position = np.array([0.5, 0.5])
    right = {
        'image': pictures(position[None])[0],
        'latent': torch.tensor([5.0, 5.0]),
        'position': position,
    }
    one = right | change
    seen = Observation(0, {'image': one['image']}, one['position'], np.zeros(2))
    refused = trust.judge(one['latent'], seen)
    assert refused is not None
    assert re.search(reason, refused.reason)


def test_a_fault_in_the_recording_does_not_widen_the_bounds():
    memory = remember(*world(200, seed=0))
    latents, images, positions = world(3000, seed=1)
    clean = calibrate(memory, HEAD, latents, {'image': images}, positions, STEP)
    images[100:102] = 255  # a flash
    flashed = calibrate(memory, HEAD, latents, {'image': images}, positions, STEP)
    assert flashed.pictures['image'] < 1.2 * clean.pictures['image']


def test_a_memory_of_everything_has_bounds_all_the_same():
    latents, images, positions = world(20, seed=0)
    memory = remember(latents, images, positions)
    bounds = calibrate(memory, HEAD, latents, {'image': images}, positions, STEP)
    assert bounds.pictures['image'] >= DARKEST
    assert bounds.latent > 0 and min(bounds.joints) > 0
