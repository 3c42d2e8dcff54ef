# SPDX-License-Identifier: Apache-2.0
"""model.yaml: what a bundle is for, what it takes, and how it was made."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from grasp_ros.robot.command import Command, make_command
from grasp_ros.types import BadInput

FORMAT = 1
MANIFEST = 'model.yaml'


@dataclass(frozen=True)
class ImageSize:
    """The camera's image, and the size that it is resized to for the encoder, px."""

    source_height: int
    source_width: int
    height: int
    width: int


@dataclass(frozen=True)
class Manifest:
    """model.yaml. reached_distance: a goal's latent this near counts as reached."""

    robot: str
    joints: tuple[str, ...]
    action: Command
    image: ImageSize
    latent: int
    dynamics_width: int
    dynamics_depth: int
    reached_distance: float
    files: dict[str, str]
    training: dict[str, Any] = field(default_factory=dict)

    def to_yaml(self) -> str:
        """The text of model.yaml."""
        plain = asdict(self)
        plain['joints'] = list(self.joints)
        plain['action'] = {
            'meaning': self.action.meaning,
            'low': list(self.action.low),
            'high': list(self.action.high),
            'dt': self.action.dt,
        }
        return yaml.safe_dump({'format': FORMAT, **plain}, sort_keys=False, width=100)

    @classmethod
    def from_yaml(cls, path: Path) -> Manifest:
        """Read and check model.yaml; raises BadInput naming the file and what is wrong."""
        try:
            plain = yaml.safe_load(path.read_text())
            if plain.pop('format') != FORMAT:
                raise BadInput(f'{path}: not of bundle format {FORMAT}')
            action = plain['action']
            plain['joints'] = tuple(plain['joints'])
            plain['action'] = make_command(
                action['meaning'], tuple(action['low']), tuple(action['high']), float(action['dt'])
            )
            plain['image'] = ImageSize(**plain['image'])
            return cls(**plain)
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise BadInput(f'{path}: cannot be read: {error}') from error
        except (AttributeError, KeyError, TypeError) as error:
            raise BadInput(f'{path}: not a bundle manifest: {error!r}') from error
