# SPDX-License-Identifier: Apache-2.0
"""model.yaml: what a bundle is for, what it takes, and how it was made."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, cast, get_args

import yaml

from grasp_ros.robot.command import COMMANDS, Command, make_command
from grasp_ros.types import BadInput
from grasp_ros.world_model.dynamics import ARCHITECTURES
from grasp_ros.world_model.fields import Fields
from grasp_ros.world_model.inputs import Input, cameras, read_inputs
from grasp_ros.world_model.joint_head import JointError, read_joint_error
from grasp_ros.world_model.trust import Bounds, read_bounds

FORMAT = 3
Grade = Literal['good', 'fair', 'bad']
MANIFEST = 'model.yaml'
LARGEST = 64 * 1024  # bytes of model.yaml: a few kB are usual, and YAML is read slowly
MOST_BRACKETS = 500  # written manifests have hardly any; thousands of nested ones take seconds
ENCODER, JOINT_HEAD = 'encoder.onnx', 'joint_head.safetensors'
DYNAMICS, MEMORY = 'dynamics.safetensors', 'memory.safetensors'
OBSTACLES = 'obstacles.safetensors'  # of robots that touched something in training
FILES = (ENCODER, JOINT_HEAD, DYNAMICS, MEMORY)


@dataclass(frozen=True)
class Architecture:
    """The dynamics' class by its name in dynamics.ARCHITECTURES, and what it is built with."""

    architecture: str
    config: dict[str, int]


@dataclass(frozen=True)
class RoadmapSettings:
    """How the roadmap joins places.

    connect_steps: latent distance says nothing of travel beyond about this many model steps.
    neighbours: landmarks that are tried as the way onto the roadmap.
    """

    connect_steps: int
    neighbours: int


@dataclass(frozen=True)
class Manifest:
    """model.yaml.

    latent: D. goal_tolerance: a latent this near to the goal's counts as reached. joint_error: of
    the joint head. verdict: what planning with it is worth, and the reasons where it is not good.
    files: sha256 by name. training: how it was made, for people.
    """

    robot: str
    joints: tuple[str, ...]
    command: Command
    inputs: dict[str, Input]
    latent: int
    dynamics: Architecture
    goal_tolerance: float
    roadmap: RoadmapSettings
    trust: Bounds
    joint_error: JointError
    verdict: Grade
    reasons: tuple[str, ...]
    files: dict[str, str]
    training: dict[str, Any] = field(default_factory=dict)

    def to_yaml(self) -> str:
        """The text of model.yaml."""
        plain = {
            'format': FORMAT,
            'robot': self.robot,
            'joints': list(self.joints),
            'command': {
                'meaning': self.command.meaning,
                'low': list(self.command.low),
                'high': list(self.command.high),
                'dt': self.command.dt,
            },
            'inputs': {name: one.plain() for name, one in self.inputs.items()},
            'latent': self.latent,
            'dynamics': vars(self.dynamics),
            'goal_tolerance': self.goal_tolerance,
            'roadmap': vars(self.roadmap),
            'trust': self.trust.plain(),
            'joint_error': self.joint_error.plain(),
            'verdict': self.verdict,
            'reasons': list(self.reasons),
            'files': self.files,
            'training': self.training,
        }
        return yaml.safe_dump(plain, sort_keys=False, width=100)

    @classmethod
    def from_yaml(cls, path: Path) -> Manifest:
        """Read and check model.yaml; raises BadInput naming the file and what is wrong."""
        fields = Fields(_parsed(path), str(path))
        seen = fields.whole('format', 0, 1_000_000)
        if seen != FORMAT:
            raise fields.refused(
                f'bundle of format {seen}, this version reads format {FORMAT}; '
                f'train it anew{_commands(fields)}'
            )
        joints = fields.texts('joints')
        inputs = read_inputs(fields.inner('inputs'), len(joints))
        manifest = cls(
            fields.text('robot'),
            joints,
            _command(fields.inner('command')),
            inputs,
            fields.whole('latent', 1, 65536),
            _architecture(fields.inner('dynamics')),
            fields.number('goal_tolerance', 1e-6, 1e6),
            _roadmap(fields.inner('roadmap')),
            read_bounds(fields.inner('trust'), list(cameras(inputs)), len(joints)),
            read_joint_error(fields.inner('joint_error'), len(joints)),
            cast(Grade, fields.choice('verdict', get_args(Grade))),
            fields.texts('reasons', least=0),
            _files(fields.inner('files')),
            fields.free('training'),
        )
        fields.end()
        return manifest


def _parsed(path: Path) -> object:
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise BadInput(f'{path}: {size} bytes, at most {LARGEST} expected')
        text = path.read_text(encoding='utf-8')
        if (count := text.count('[') + text.count('{')) > MOST_BRACKETS:
            raise BadInput(f'{path}: {count} lists in brackets, at most {MOST_BRACKETS} expected')
        return yaml.safe_load(text)
    except (OSError, yaml.YAMLError, RecursionError, ValueError) as error:
        # RecursionError: lists in lists; ValueError: no UTF-8, no number, or no date.
        if isinstance(error, BadInput):
            raise
        raise BadInput(f'{path}: cannot be read: {type(error).__name__}: {error}') from error


def _commands(fields: Fields) -> str:
    """How the bundle was made, as far as it says so."""
    try:
        lines = fields.inner('training').texts('commands')
    except BadInput:
        return ''
    return ''.join([':', *(f'\n  {line}' for line in lines[:20])])


def _command(fields: Fields) -> Command:
    meaning = fields.choice('meaning', COMMANDS)
    low, high = fields.numbers('low', -1e6, 1e6), fields.numbers('high', -1e6, 1e6)
    dt = fields.number('dt', 1e-3, 60.0)
    fields.end()
    try:
        return make_command(meaning, low, high, dt)
    except BadInput as error:
        raise fields.refused(str(error)) from error


def _architecture(fields: Fields) -> Architecture:
    name = fields.choice('architecture', ARCHITECTURES)
    given = fields.inner('config')
    fields.end()
    settings = ARCHITECTURES[name].settings
    config = {key: given.whole(key, low, high) for key, (low, high) in settings.items()}
    given.end()
    return Architecture(name, config)


def _roadmap(fields: Fields) -> RoadmapSettings:
    settings = RoadmapSettings(
        fields.whole('connect_steps', 1, 10_000), fields.whole('neighbours', 1, 10_000)
    )
    fields.end()
    return settings


def _files(fields: Fields) -> dict[str, str]:
    files = {name: fields.text(name) for name in FILES}
    if fields.has(OBSTACLES):
        files[OBSTACLES] = fields.text(OBSTACLES)
    fields.end()
    return files
