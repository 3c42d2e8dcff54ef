# SPDX-License-Identifier: Apache-2.0
"""The memory's file: what goes in comes out, and whatever contradicts itself is refused."""

import numpy as np
import pytest
import torch

from grasp_ros.types import BadInput
from grasp_ros.world_model.inputs import ImageInput
from grasp_ros.world_model.memory import Memory, encode_thumbnail

CAMERAS = {'front': ImageInput(8, 8, 8, 8), 'wrist': ImageInput(99, 99, 4, 6)}


def tensors(**changes):
    """Three landmarks in a row."""
    rng = np.random.default_rng(0)
    thumbnails = {
        name: tuple(
            encode_thumbnail(rng.integers(0, 256, (one.height, one.width, 3), dtype=np.uint8))
            for _ in range(3)
        )
        for name, one in CAMERAS.items()
    }
    edges = torch.tensor([[0, 1], [1, 2]])
    memory = Memory(torch.randn(3, 5), torch.randn(3, 2), edges, torch.ones(2), thumbnails)
    return memory.tensors() | changes


def read(one):
    return Memory.from_tensors(one, latent=5, joints=2, cameras=CAMERAS)


def test_what_is_written_is_read():
    written = tensors()
    memory = read(written)
    assert memory.thumbnail('wrist', 2).shape == (4, 6, 3)
    again = memory.tensors()
    assert again.keys() == written.keys()
    assert all(torch.equal(again[name], one) for name, one in written.items())


@pytest.mark.parametrize('name', sorted(tensors()))
def test_missing_tensors_are_named(name):
    one = tensors()
    del one[name]
    with pytest.raises(BadInput, match=f"no tensors .'{name}'"):
        read(one)


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'latents': torch.randn(3, 4)}, r'latents is .*\(3, 4\), expected .*\(3, 5\)'),
        ({'latents': torch.randn(3, 5).double()}, 'latents is torch.float64'),
        ({'positions': torch.full((3, 2), torch.nan)}, 'positions .* all finite'),
        ({'positions': torch.randn(2, 2)}, 'positions is'),
        ({'edges': torch.tensor([[0, 1], [1, 3]])}, r'outside 0\.\.2'),
        ({'edges': torch.tensor([[0, 1], [-1, 2]])}, r'outside 0\.\.2'),
        ({'edges': torch.tensor([[0, 1]])}, 'edge_steps is'),
        ({'edge_steps': torch.tensor([1.0, -1.0])}, 'takes -1.0 steps'),
        ({'edge_steps': torch.tensor([1.0, 0.0])}, 'takes 0.0 steps'),
        ({'edge_steps': torch.tensor([1.0, torch.inf])}, 'edge_steps .* all finite'),
        ({'thumbnails/front': torch.zeros(9, dtype=torch.uint8)}, 'front have 9 bytes'),
        ({'thumbnail_sizes/front': torch.tensor([1, 2])}, 'front are not 3 pieces'),
        ({'thumbnail_sizes/front': torch.tensor([-1, 2, 9])}, 'front are not 3 pieces'),
        ({'thumbnail_sizes/front': torch.full((3,), 2**62)}, 'front have'),
    ],
)
def test_contradictions_are_refused(change, reason):
    with pytest.raises(BadInput, match=reason):
        read(tensors(**change))


def test_a_memory_without_landmarks_is_refused():
    empty = {'latents': torch.zeros(0, 5), 'positions': torch.zeros(0, 2)}
    empty |= {'edges': torch.zeros(0, 2, dtype=torch.int64)}
    empty |= {'edge_steps': torch.zeros(0)}
    with pytest.raises(BadInput, match='0 landmarks, at least 2'):
        read(tensors(**empty))


def test_thumbnails_of_another_size_are_refused_before_they_are_decoded():
    huge = encode_thumbnail(np.zeros((8, 9, 3), np.uint8))
    jpegs = {
        'thumbnails/front': torch.frombuffer(bytearray(3 * huge), dtype=torch.uint8),
        'thumbnail_sizes/front': torch.tensor([len(huge)] * 3),
    }
    with pytest.raises(BadInput, match='thumbnail 0 of front is 9x8, 8x8 expected'):
        read(tensors(**jpegs))
