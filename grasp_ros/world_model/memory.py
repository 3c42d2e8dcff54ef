# SPDX-License-Identifier: Apache-2.0
"""Landmarks of the exploration data and the travel times between them, and their file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from torch import Tensor

from grasp_ros.observation.header import compressed_size
from grasp_ros.observation.image import decode_compressed
from grasp_ros.types import BadInput, ImageArray
from grasp_ros.world_model.inputs import ImageInput
from grasp_ros.world_model.tensors import check_tensor

TYPES = {
    'latents': torch.float32,
    'positions': torch.float32,
    'edges': torch.int64,
    'edge_steps': torch.float32,
}


@dataclass(frozen=True)
class Memory:
    """What exploration saw, in a few hundred landmarks.

    latents (M, D), joint positions (M, J); edges (E, 2) from landmark to landmark as they were
    travelled, with edge_steps (E,), the model steps that they take; JPEG thumbnails (M of them) by
    camera, of the size that the encoder takes.
    """

    latents: Tensor
    positions: Tensor
    edges: Tensor
    edge_steps: Tensor
    thumbnails: Mapping[str, tuple[bytes, ...]]

    def tensors(self) -> dict[str, Tensor]:
        """As flat tensors for a safetensors file."""
        flat = {name: getattr(self, name) for name in TYPES}
        for camera, jpegs in self.thumbnails.items():
            sizes = [len(jpeg) for jpeg in jpegs]
            pixels = np.frombuffer(b''.join(jpegs), dtype=np.uint8).copy()
            flat[f'thumbnails/{camera}'] = torch.from_numpy(pixels)
            flat[f'thumbnail_sizes/{camera}'] = torch.tensor(sizes, dtype=torch.int64)
        return flat

    @classmethod
    def from_tensors(
        cls,
        tensors: Mapping[str, Tensor],
        latent: int,
        joints: int,
        cameras: Mapping[str, ImageInput],
    ) -> Memory:
        """Checked against the model's sizes; raises BadInput naming the tensor."""
        thumbnails = [
            f'{kind}/{name}' for name in cameras for kind in ('thumbnails', 'thumbnail_sizes')
        ]
        if missing := [name for name in (*TYPES, *thumbnails) if name not in tensors]:
            raise BadInput(f'memory has no tensors {missing}; it has {sorted(tensors)}')
        latents, edges = tensors['latents'], tensors['edges']
        count, links = len(latents), len(edges)
        shapes = ((count, latent), (count, joints), (links, 2), (links,))
        for (name, kind), shape in zip(TYPES.items(), shapes, strict=True):
            check_tensor(f'memory: {name}', tensors[name], shape, kind)
        if count < 2:
            raise BadInput(f'memory has {count} landmarks, at least 2 expected')
        if links and not (0 <= int(edges.min()) and int(edges.max()) < count):
            raise BadInput(f'memory: edges name landmarks outside 0..{count - 1}')
        if links and not tensors['edge_steps'].min() > 0:
            worst = float(tensors['edge_steps'].min())
            raise BadInput(f'memory: an edge takes {worst} steps; more than 0 expected')
        pictures = {name: _thumbnails(tensors, name, one, count) for name, one in cameras.items()}
        return cls(**{name: tensors[name] for name in TYPES}, thumbnails=pictures)

    def to(self, device: torch.device) -> Memory:
        """The same memory with its tensors on `device`."""
        return replace(self, **{name: getattr(self, name).to(device) for name in TYPES})

    def thumbnail(self, camera: str, landmark: int) -> ImageArray:
        """What a camera saw at a landmark, rgb (h, w, 3)."""
        return decode_compressed('jpeg', self.thumbnails[camera][landmark])


def _thumbnails(
    tensors: Mapping[str, Tensor], camera: str, size: ImageInput, count: int
) -> tuple[bytes, ...]:
    pixels, sizes = tensors[f'thumbnails/{camera}'], tensors[f'thumbnail_sizes/{camera}']
    right = pixels.dtype == torch.uint8 and sizes.dtype == torch.int64
    if not right or pixels.ndim != 1 or sizes.shape != (count,) or not (sizes > 0).all():
        raise BadInput(f'memory: thumbnails of {camera} are not {count} pieces of bytes')
    # A sum of 64-bit sizes may wrap around: none of them is larger than the whole.
    if int(sizes.max()) > len(pixels) or int(sizes.sum()) != len(pixels):
        raise BadInput(
            f'memory: thumbnails of {camera} have {len(pixels)} bytes, not the {int(sizes.sum())} '
            'of their sizes'
        )
    data, ends = pixels.numpy().tobytes(), np.cumsum(sizes.numpy()).tolist()
    jpegs = tuple(data[end - one : end] for one, end in zip(sizes.tolist(), ends, strict=True))
    for index, jpeg in enumerate(jpegs):
        if (seen := compressed_size(jpeg)) != (size.height, size.width):
            raise BadInput(
                f'memory: thumbnail {index} of {camera} is {seen[1]}x{seen[0]}, '
                f'{size.width}x{size.height} expected'
            )
    return jpegs


def encode_thumbnail(rgb: ImageArray) -> bytes:
    """JPEG bytes of an rgb image."""
    _, data = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return data.tobytes()
