# SPDX-License-Identifier: Apache-2.0
"""What an encoder takes, by name: cameras' pictures, and joint positions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from grasp_ros.observation.image import resize
from grasp_ros.types import BadInput, Observation
from grasp_ros.world_model.fields import Fields

LARGEST_SOURCE, LARGEST_ENCODER = 8192, 1024  # px, a side: more is a slip or an attack
NAME = re.compile(r'[A-Za-z][A-Za-z0-9_/]*')


@dataclass(frozen=True)
class ImageInput:
    """A camera's picture as it comes (source), and as it is resized for the encoder, px."""

    source_height: int
    source_width: int
    height: int
    width: int
    element = 'tensor(uint8)'

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input, without the batch."""
        return (self.height, self.width, 3)

    def plain(self) -> dict[str, Any]:
        """As in model.yaml."""
        source, encoder = (self.source_height, self.source_width), (self.height, self.width)
        return {'kind': 'image', 'source': list(source), 'encoder': list(encoder)}

    def of(self, name: str, observation: Observation) -> NDArray[np.uint8]:
        """The picture (height, width, 3) of camera `name`, resized.

        Raises BadInput where there is none, or one of another size than the camera had in
        training: none is stretched.
        """
        if name not in observation.images:
            raise BadInput(f'no picture of camera {name!r} among {sorted(observation.images)}')
        rgb = observation.images[name]
        if rgb.shape != (self.source_height, self.source_width, 3):
            raise BadInput(
                f'image is {rgb.shape[1]}x{rgb.shape[0]} ({name}), '
                f'the bundle was trained on {self.source_width}x{self.source_height}'
            )
        return resize(rgb, self.height, self.width)


@dataclass(frozen=True)
class JointsInput:
    """Measured joint positions (J,), m or rad.

    They are a part of the latent (D,) of their own, its last J values: (position - mean) * scale.
    A picture that is mixed with them would blur what is known exactly.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    element = 'tensor(float)'

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one input, without the batch."""
        return (len(self.mean),)

    def plain(self) -> dict[str, Any]:
        """As in model.yaml."""
        return {'kind': 'joints', 'mean': list(self.mean), 'scale': list(self.scale)}

    def of(self, name: str, observation: Observation) -> NDArray[np.float32]:
        """The positions; raises BadInput where nobody measured them."""
        position = observation.position
        if position.shape != self.shape or not np.isfinite(position).all():
            raise BadInput(
                f'joint positions are {position}; {len(self.mean)} measured ones expected: '
                'this bundle sees joints too'
            )
        return position.astype(np.float32)

    def held(self, latent: Tensor) -> Tensor:
        """The positions (..., J) that latents (..., D) hold, m or rad."""
        part = latent[..., -len(self.mean) :]
        return part / part.new_tensor(self.scale) + part.new_tensor(self.mean)


Input = ImageInput | JointsInput


def read_inputs(fields: Fields, joints: int) -> dict[str, Input]:
    """The inputs of a manifest, in their order; raises BadInput for none, or one too many."""
    inputs: dict[str, Input] = {}
    for name, one in fields.each():
        if not NAME.fullmatch(name):
            raise fields.refused(f'{name!r} is no name of the form {NAME.pattern}')
        if one.choice('kind', ('image', 'joints')) == 'image':
            source = one.wholes('source', 2, 1, LARGEST_SOURCE)
            encoder = one.wholes('encoder', 2, 1, LARGEST_ENCODER)
            inputs[name] = ImageInput(source[0], source[1], encoder[0], encoder[1])
        else:
            mean, scale = one.numbers('mean', -1e6, 1e6), one.numbers('scale', 1e-6, 1e6)
            if not len(mean) == len(scale) == joints:
                raise one.refused(f'{len(mean)} means, {len(scale)} scales; {joints} joints')
            inputs[name] = JointsInput(mean, scale)
        one.end()
    kinds = [type(one) for one in inputs.values()]
    if not kinds or kinds.count(JointsInput) > 1:
        raise fields.refused(f'{list(inputs)}; one input at least and joints at most once')
    return inputs


def joints_among(inputs: Mapping[str, Input]) -> JointsInput | None:
    """The joints among the inputs, if they are one."""
    return next((one for one in inputs.values() if isinstance(one, JointsInput)), None)


def cameras(inputs: Mapping[str, Input]) -> dict[str, ImageInput]:
    """The pictures among the inputs."""
    return {name: one for name, one in inputs.items() if isinstance(one, ImageInput)}
