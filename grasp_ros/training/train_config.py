# SPDX-License-Identifier: Apache-2.0
"""What a training is told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from grasp_ros.types import BadInput

Precision = Literal['32-true', 'bf16-mixed', '16-mixed']
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
Progress = Callable[[str, int, int], None]
"""progress(stage, done, total)"""
WEIGHTS = '.safetensors'  # other files may run code when they are loaded


@dataclass(frozen=True)
class BackboneConfig:
    """A network by its name in timm. weights: its file, '' for random ones. frozen: not trained.

    Raises BadInput where the file is none, or weights that are frozen are random.
    """

    name: str
    weights: str = ''
    frozen: bool = False

    def __post_init__(self) -> None:
        if self.frozen and not self.weights:
            raise BadInput(
                f'--freeze-backbone: {self.name} would keep its random weights; give '
                '--backbone-weights, too'
            )
        if self.weights and not self.weights.endswith(WEIGHTS):
            raise BadInput(f'--backbone-weights {self.weights}: a {WEIGHTS} file is expected')
        if self.weights and not Path(self.weights).is_file():
            raise BadInput(f'--backbone-weights {self.weights}: there is no such file')


@dataclass(frozen=True)
class TrainConfig:
    """How long and how large, and what is asked of the latent.

    latent to dynamics_steps: see capacity. landmarks: of the map; None: as the data say.
    connect_steps, neighbours: see manifest.RoadmapSettings. augment: vary light and colours.
    align: the same latent for the same place in another recording. reconstruct: a small picture
    must be drawn from the latent: it keeps what moves beside the robot. joints_input: whether the
    encoder sees joint positions beside the picture; None: where the picture does not tell them.
    backbone: a network of timm that sees the pictures; None: the small one.
    precision: as Lightning Fabric names it.
    """

    latent: int
    width: int
    depth: int
    encoder_steps: int
    dynamics_steps: int
    landmarks: int | None = None
    connect_steps: int = 15
    neighbours: int = 24
    encoder_batch: int = 64
    encoder_rollout: int = 4
    dynamics_batch: int = 256
    dynamics_rollouts: tuple[int, ...] = (4, 16)
    augment: bool = False
    align: bool = False
    reconstruct: bool = False
    joints_input: bool | None = None
    backbone: BackboneConfig | None = None
    precision: Precision = '32-true'
    seed: int = 0
