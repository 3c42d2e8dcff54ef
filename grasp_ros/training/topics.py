# SPDX-License-Identifier: Apache-2.0
"""The topics of a bag that training reads, found by the names that a user gives."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grasp_ros.training.bags import IMAGE, JOINTS, TRAJECTORY
from grasp_ros.types import BadInput

CAMERA = 'image'  # what the first camera's topic is read as, and how the only one is called
IMAGE_TYPES = ('sensor_msgs/msg/CompressedImage', 'sensor_msgs/msg/Image')


@dataclass(frozen=True)
class Role:
    """What a topic is read for: its name, the types it may have, and the option that names it."""

    topic: str
    types: tuple[str, ...]
    option: str


@dataclass(frozen=True)
class Topics:
    """The topics to read. A name with a leading slash is exact, others may have a namespace.

    images: one a camera.
    """

    images: tuple[str, ...] = (IMAGE,)
    joints: str = JOINTS
    command: str = TRAJECTORY

    def roles(self) -> dict[str, Role]:
        """By name: image, joints and command; image_2 and so on for further cameras."""
        names = [CAMERA, *(f'{CAMERA}_{number + 2}' for number in range(len(self.images) - 1))]
        images = {
            name: Role(topic, IMAGE_TYPES, '--image-topic')
            for name, topic in zip(names, self.images, strict=True)
        }
        joints = Role(self.joints, ('sensor_msgs/msg/JointState',), '--joints-topic')
        kinds = ('trajectory_msgs/msg/JointTrajectory',)
        return images | {
            'joints': joints,
            'command': Role(self.command, kinds, '--command-topic'),
        }


USUAL = Topics()


def choose(path: Path, kinds: Mapping[str, str], topics: Topics) -> dict[str, tuple[str, str]]:
    """Role -> (topic, type) of the bag at `path`, whose topics have the types `kinds`.

    Raises BadInput for all that are missing or not clear, at once.
    """
    chosen: dict[str, tuple[str, str]] = {}
    wrong = []
    for role, one in topics.roles().items():
        name, types, option = one.topic, one.types, one.option
        found = _found(name, kinds)
        if not found:
            wrong.append(f'no topic {name} ({_or(types)}): name yours with {option}')
        elif len(found) > 1:
            wrong.append(f'{name} may be each of {sorted(found)}: choose with {option} {found[0]}')
        elif kinds[found[0]] not in types:
            wrong.append(f'{found[0]} is {kinds[found[0]]}, {_or(types)} expected: see {option}')
        elif found[0] in [name for name, _ in chosen.values()]:
            wrong.append(f'{found[0]} is named twice: see {option}')
        else:
            chosen[role] = (found[0], kinds[found[0]])
    if wrong:
        there = [f'{topic} ({kind})' for topic, kind in sorted(kinds.items())]
        raise BadInput('\n  '.join([f'{path}:', *wrong, f'the bag has {", ".join(there)}']))
    return chosen


def _found(name: str, kinds: Collection[str]) -> list[str]:
    """The topics that are meant: the one of just this name, or those of it in a namespace."""
    exact = [topic for topic in kinds if topic.removeprefix('/') == name.removeprefix('/')]
    if exact or name.startswith('/'):
        return exact
    return [topic for topic in kinds if topic.endswith(f'/{name}')]


def _or(types: Sequence[str]) -> str:
    return ' or '.join(types)
