# SPDX-License-Identifier: Apache-2.0
"""Landmarks of the exploration data and the travel times between them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor

from grasp_ros.observation.image import decode_compressed
from grasp_ros.types import BadInput, ImageArray


@dataclass(frozen=True)
class Memory:
    """What exploration saw, in a few hundred landmarks.

    latents (M, D), joint positions (M, J); edges (E, 2) from landmark to landmark as they were
    travelled, with edge_steps (E,), the model steps that they take; JPEG thumbnails.
    """

    latents: Tensor
    positions: Tensor
    edges: Tensor
    edge_steps: Tensor
    thumbnails: tuple[bytes, ...]

    def tensors(self) -> dict[str, Tensor]:
        """As flat tensors for a safetensors file."""
        sizes = torch.tensor([len(jpeg) for jpeg in self.thumbnails], dtype=torch.int64)
        pixels = torch.from_numpy(np.frombuffer(b''.join(self.thumbnails), dtype=np.uint8).copy())
        return {
            'latents': self.latents,
            'positions': self.positions,
            'edges': self.edges,
            'edge_steps': self.edge_steps,
            'thumbnails': pixels,
            'thumbnail_sizes': sizes,
        }

    @classmethod
    def from_tensors(cls, tensors: dict[str, Tensor], latent: int, joints: int) -> Memory:
        """Checked against the model's sizes; raises BadInput naming the tensor."""
        try:
            sizes = tensors['thumbnail_sizes'].tolist()
            data = tensors['thumbnails'].numpy().tobytes()
            ends = np.cumsum(sizes).tolist()
            thumbnails = tuple(
                data[end - size : end] for size, end in zip(sizes, ends, strict=True)
            )
            latents, positions = tensors['latents'], tensors['positions']
            edges, edge_steps = tensors['edges'], tensors['edge_steps']
        except KeyError as error:
            raise BadInput(f'memory has no tensor {error}; it has {sorted(tensors)}') from error
        fields, count = (latents, positions, edges, edge_steps), len(latents)
        expected = [(count, latent), (count, joints), (len(edges), 2), (len(edges),), count]
        seen = [*(tuple(one.shape) for one in fields), len(thumbnails)]
        if seen != expected or not all(torch.isfinite(one).all() for one in fields):
            raise BadInput(f'memory tensors are {seen} (finite?), expected {expected}, all finite')
        if len(edges) and not (0 <= int(edges.min()) and int(edges.max()) < count):
            raise BadInput(f'memory edges name landmarks outside 0..{count - 1}')
        return cls(latents, positions, edges, edge_steps, thumbnails)

    def to(self, device: torch.device) -> Memory:
        """The same memory with its tensors on `device`."""
        return Memory(
            self.latents.to(device),
            self.positions.to(device),
            self.edges.to(device),
            self.edge_steps.to(device),
            self.thumbnails,
        )

    def thumbnail(self, landmark: int) -> ImageArray:
        """What the camera saw at a landmark, rgb (h, w, 3)."""
        return decode_compressed('jpeg', self.thumbnails[landmark])


def encode_thumbnail(rgb: ImageArray) -> bytes:
    """JPEG bytes of an rgb image."""
    _, data = cv2.imencode('.jpg', cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR))
    return data.tobytes()
