# SPDX-License-Identifier: Apache-2.0
"""Whether an observation or a goal is like anything in the memory.

An encoder gives every picture a latent, a black one too. So pictures are compared with the
landmarks' own, roughly, where light, camera or scene tell; latents with the landmarks' latents;
and the joints that the latent shows with those that were measured, where a picture is a good one
but of another moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from grasp_ros.observation.image import resize
from grasp_ros.types import ImageArray, Observation, Refused
from grasp_ros.world_model.fields import Fields
from grasp_ros.world_model.joint_head import JointHead
from grasp_ros.world_model.memory import Memory

GRID = 8  # cells a side of a rough picture: noise averages out, covered and moved parts do not


@dataclass(frozen=True)
class Bounds:
    """The largest distances from the memory of what is trusted, from frames held out in training.

    latent: to the nearest landmark. pictures: by camera, to the landmark's rough picture that is
    most like it, root mean square of grey levels (0 to 255). joints (J,): between the positions
    that the joint head reads from the latent and the measured ones, m or rad.
    """

    latent: float
    pictures: Mapping[str, float]
    joints: tuple[float, ...]

    def plain(self) -> dict[str, Any]:
        """As in model.yaml."""
        return {
            'latent': self.latent,
            'pictures': dict(self.pictures),
            'joints': list(self.joints),
        }


def read_bounds(fields: Fields, cameras: list[str], joints: int) -> Bounds:
    """The bounds of a manifest; raises BadInput unless there is one for each camera and joint."""
    latent = fields.number('latent', 1e-9, 1e6)
    pictures = fields.inner('pictures')
    by_camera = {name: pictures.number(name, 1e-9, 255.0) for name in cameras}
    pictures.end()
    by_joint = fields.numbers('joints', 1e-9, 1e6)
    if len(by_joint) != joints:
        raise fields.refused(f'{len(by_joint)} values for {joints} joints')
    fields.end()
    return Bounds(latent, by_camera, by_joint)


class Nearest:
    """Squared distances to many known points (M, K), by one product of matrix and vector."""

    def __init__(self, points: NDArray[np.float32]):
        # Around their mean, where products lose the least.
        self._mean = points.mean(axis=0)
        self._points = points - self._mean
        self._lengths = np.square(self._points).sum(axis=1)

    def squares(self, point: NDArray[np.float32]) -> NDArray[np.float32]:
        """To a point (K,) -> (M,)."""
        here = point - self._mean
        squares = self._lengths - 2 * (self._points @ here) + here @ here
        return np.maximum(squares, 0, out=squares)


class Likeness:
    """How far observations are from a memory; the landmarks' rough pictures are made once.

    Raises BadInput for a thumbnail that cannot be decoded.
    """

    def __init__(self, memory: Memory):
        self._latents = Nearest(memory.latents.cpu().numpy())
        count = range(len(memory.latents))
        self._pictures = {
            camera: Nearest(np.stack([_rough(memory.thumbnail(camera, one)) for one in count]))
            for camera in memory.thumbnails
        }

    def picture(self, camera: str, rgb: ImageArray) -> float:
        """Of a picture (H, W, 3), of any size, from the landmark's that is most like it."""
        rough = _rough(rgb)
        return float(np.sqrt(self._pictures[camera].squares(rough).min() / len(rough)))

    def latent(self, latent: NDArray[np.float32]) -> float:
        """Of a latent (D,) from the nearest landmark's."""
        return float(np.sqrt(self._latents.squares(latent).min()))


class Trust:
    """Judges observations and goals by the bounds of a bundle of that name."""

    def __init__(
        self,
        memory: Memory,
        head: JointHead,
        bounds: Bounds,
        joints: tuple[str, ...],
        name: str,
    ):
        self._likeness, self._head, self._bounds = Likeness(memory), head, bounds
        self._joints, self._name = joints, name

    def judge(self, latent: Tensor, observation: Observation) -> Refused | None:
        """Why this observation or goal, encoded as `latent` (D,), cannot be planned with, or None.

        The joints are judged where they were measured: not those of a goal picture.
        """
        for camera, bound in self._bounds.pictures.items():
            distance = self._likeness.picture(camera, observation.images[camera])
            if distance > bound:
                return Refused(
                    f'the picture ({camera}) is unlike anything in the memory of {self._name}: '
                    f"{distance:.1f} grey levels from the nearest landmark's, at most {bound:.1f} "
                    '(light, camera moved, or another scene?)'
                )
        latent = latent.cpu()
        distance = self._likeness.latent(latent.numpy())
        if distance > self._bounds.latent:
            return Refused(
                f'what is seen is unlike anything in the memory of {self._name}: latent distance '
                f'{distance:.2f} to the nearest landmark, at most {self._bounds.latent:.2f} '
                '(noise, light, or a place where no bag went?)'
            )
        position = observation.position
        if not np.isfinite(position).all():
            return None
        shown = self._head.positions(latent).numpy()
        apart = np.abs(shown - position)
        worst = int(np.argmax(apart / np.array(self._bounds.joints)))
        if apart[worst] > self._bounds.joints[worst]:
            return Refused(
                f'the picture shows {self._joints[worst]} at {shown[worst]:.3f}, '
                f'joint_states says {position[worst]:.3f}: {apart[worst]:.3f} apart, at most '
                f'{self._bounds.joints[worst]:.3f} (an old or turned picture, or joints swapped '
                'or of another zero?)'
            )
        return None


def _rough(rgb: ImageArray) -> NDArray[np.float32]:
    return resize(rgb, GRID, GRID).astype(np.float32).ravel()
