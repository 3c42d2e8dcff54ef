# SPDX-License-Identifier: Apache-2.0
"""A world-model bundle: what training writes and the planner loads. Nothing is unpickled."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import safetensors.torch
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from torch import Tensor

from grasp_ros.config import ModelConfig, RobotConfig
from grasp_ros.share import find
from grasp_ros.types import BadInput, FloatArray, Observation
from grasp_ros.world_model.dynamics import Dynamics, load_dynamics
from grasp_ros.world_model.encoder import Encoder
from grasp_ros.world_model.inputs import JointsInput, cameras, joints_among
from grasp_ros.world_model.joint_head import JointHead
from grasp_ros.world_model.manifest import (
    DYNAMICS,
    ENCODER,
    JOINT_HEAD,
    MANIFEST,
    MEMORY,
    OBSTACLES,
    Manifest,
)
from grasp_ros.world_model.memory import Memory
from grasp_ros.world_model.obstacles import Obstacles
from grasp_ros.world_model.trust import Trust


@dataclass(frozen=True)
class Bundle:
    """A loaded, checked world model; tensors lie on `device`."""

    path: Path
    manifest: Manifest
    encoder: Encoder
    joint_head: JointHead
    dynamics: Dynamics
    memory: Memory
    obstacles: Obstacles | None
    trust: Trust
    device: torch.device

    def encode(self, observation: Observation) -> Tensor:
        """The latent (D,) of an observation or a goal.

        Where the encoder sees joints that nobody measured, as in a goal that is a picture alone,
        those count that the pictures show. Raises BadInput where an input is missing, or of
        another size than in training.
        """
        joints = self._joints
        if joints is not None and not np.isfinite(observation.position).all():
            unknown = replace(observation, position=np.array(joints.mean))
            shown = self.joint_head.positions(self._encoded(unknown))
            observation = replace(observation, position=_array(shown))
        return self._encoded(observation)

    def certainty(self, observation: Observation) -> Tensor | None:
        """What each value of the latent (D,) of a goal tells, at most 1; None: all of them all.

        Of joints that were not measured: the less, the further the head that reads them from the
        picture is off, against what counts as reached. In the median: of a joint that it now and
        then misreads grossly, most pictures still tell enough to find the way.
        """
        joints = self._joints
        if joints is None or np.isfinite(observation.position).all():
            return None
        manifest = self.manifest
        off = np.array(joints.scale) * manifest.joint_error.median / manifest.goal_tolerance
        weight = torch.ones(manifest.latent)
        weight[-len(off) :] = torch.from_numpy(1 / (1 + off**2))
        return weight.to(self.device)

    def joints_shown(self, latent: Tensor) -> FloatArray:
        """The joint positions (J,) of a latent (D,), a goal's say, m or rad.

        Exactly where the encoder sees joints, and else as manifest.joint_error says.
        """
        return _array(self.shown(latent))

    def shown(self, latents: Tensor) -> Tensor:
        """The same of many: latents (..., D) to positions (..., J); differentiable."""
        joints = self._joints
        return self.joint_head.positions(latents) if joints is None else joints.held(latents)

    def remembered(self, landmark: int) -> Observation:
        """What was seen at a landmark, at the cameras' own sizes, of a robot at rest."""
        images = {}
        for name, one in cameras(self.manifest.inputs).items():
            size, small = (
                (one.source_width, one.source_height),
                self.memory.thumbnail(name, landmark),
            )
            larger = cv2.resize(small, size, interpolation=cv2.INTER_NEAREST)
            images[name] = np.asarray(larger, dtype=np.uint8)
        position = self.memory.positions[landmark].cpu().numpy().astype(np.float64)
        return Observation(0, images, position, np.zeros_like(position))

    @property
    def _joints(self) -> JointsInput | None:
        return joints_among(self.manifest.inputs)

    def _encoded(self, observation: Observation) -> Tensor:
        inputs = self.manifest.inputs
        latent = self.encoder({name: one.of(name, observation) for name, one in inputs.items()})
        if not np.isfinite(latent).all():
            raise BadInput('the encoder returned values that are not finite')
        return torch.from_numpy(latent).to(self.device)


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def pick_device(name: str) -> torch.device:
    """The torch device of `auto`, `cpu` or `cuda`; raises BadInput for a GPU that is not there."""
    if name == 'cuda' and not torch.cuda.is_available():
        raise BadInput('model.device is cuda, and torch finds no CUDA device')
    return torch.device('cuda' if name != 'cpu' and torch.cuda.is_available() else 'cpu')


def load_bundle(config: ModelConfig, robot: RobotConfig) -> Bundle:
    """Load config.bundle and check it against the robot; raises BadInput before anything runs."""
    path = find('models', config.bundle)
    manifest = Manifest.from_yaml(path / MANIFEST)
    files = _read(path, manifest)
    _check_robot(path, manifest, robot)
    if manifest.verdict == 'bad' and not config.accept_bad_bundle:
        reasons = '\n  '.join(manifest.reasons)
        raise BadInput(
            f'{path}: its own verdict is bad, so nothing is planned with it unless '
            f'model.accept_bad_bundle is true:\n  {reasons}'
        )
    try:
        encoder = Encoder(
            files[ENCODER],
            manifest.inputs,
            config.providers,
            config.require_provider,
            config.threads,
        )
        head = JointHead.from_tensors(
            _tensors(files, JOINT_HEAD), manifest.latent, len(manifest.joints)
        )
        dynamics = load_dynamics(
            manifest.dynamics.architecture,
            manifest.dynamics.config,
            manifest.latent,
            manifest.command.size,
            _tensors(files, DYNAMICS),
        )
        memory = Memory.from_tensors(
            _tensors(files, MEMORY),
            manifest.latent,
            len(manifest.joints),
            cameras(manifest.inputs),
        )
        obstacles = None
        if OBSTACLES in files:
            tensors = _tensors(files, OBSTACLES)
            obstacles = Obstacles.from_tensors(tensors, len(manifest.joints))
        trust = Trust(memory, head, manifest.trust, manifest.joints, path.name)
        device = pick_device(config.device)
        dynamics.to(device)
        bundle = Bundle(
            path,
            manifest,
            encoder,
            head.to(device),
            dynamics,
            memory.to(device),
            None if obstacles is None else obstacles.to(device),
            trust,
            device,
        )
        _check_output(bundle)
    except BadInput as error:
        raise BadInput(f'{path}: {error}') from error
    return bundle


def _read(path: Path, manifest: Manifest) -> dict[str, bytes]:
    """The bytes of all files: what is hashed here is what is loaded."""
    files = {}
    for name, expected in manifest.files.items():
        file = path / name
        if not file.is_file():
            raise BadInput(f'{file} is missing')
        files[name] = data = file.read_bytes()
        if (seen := hashlib.sha256(data).hexdigest()) != expected:
            raise BadInput(
                f'{file} ({len(data)} bytes) has sha256 {seen}, model.yaml says {expected}'
            )
    return files


def _tensors(files: Mapping[str, bytes], name: str) -> dict[str, Tensor]:
    try:
        return safetensors.torch.load(files[name])
    except (SafetensorError, KeyError, ValueError) as error:  # KeyError: a type that torch lacks
        raise BadInput(f'{name}: {error}') from error


def _check_robot(path: Path, manifest: Manifest, robot: RobotConfig) -> None:
    if manifest.robot != robot.name or manifest.joints != robot.joints:
        raise BadInput(
            f'{path} is for robot {manifest.robot!r} with joints {list(manifest.joints)}; '
            f'this robot is {robot.name!r} with joints {list(robot.joints)}'
        )


def _check_output(bundle: Bundle) -> None:
    """Run the whole model once on what it knows: finite, of the right size, no constant."""
    manifest, memory = bundle.manifest, bundle.memory
    distances = (memory.latents - memory.latents[0]).norm(dim=1)
    far = int(distances.argmax())
    if manifest.goal_tolerance >= distances[far]:
        raise BadInput(
            f'model.yaml: goal_tolerance is {manifest.goal_tolerance}, the landmarks themselves '
            f'are {float(distances[far]):.3g} apart: everything would be the goal'
        )
    seen = [bundle.encoder(_known(bundle, index)) for index in (0, far)]
    for one in seen:
        if one.shape != (manifest.latent,) or not np.isfinite(one).all():
            raise BadInput(
                f'encoder returns {one.shape} {one.ravel()[:4]}, '
                f'expected ({manifest.latent},), all finite'
            )
    joints = joints_among(manifest.inputs)
    if joints is not None:
        held = joints.held(torch.from_numpy(np.stack(seen)))
        known = memory.positions[[0, far]].cpu()
        if not torch.allclose(held, known, atol=1e-3, rtol=1e-3):
            raise BadInput(
                f'encoder makes joints {held[0].tolist()} of {known[0].tolist()}: the last values '
                'of its latent are not those of the joints that model.yaml names'
            )
    if np.allclose(seen[0], seen[1], atol=1e-3):
        raise BadInput('encoder returns the same latent for different observations')
    action = torch.zeros(1, manifest.command.size, device=bundle.device)
    if not torch.isfinite(bundle.dynamics(memory.latents[:1], action)).all():
        raise BadInput('dynamics returns values that are not finite')


def _known(bundle: Bundle, landmark: int) -> dict[str, NDArray[Any]]:
    """The encoder's inputs at a landmark."""
    memory = bundle.memory
    position = memory.positions[landmark].cpu().numpy()
    return {
        name: position if isinstance(one, JointsInput) else memory.thumbnail(name, landmark)
        for name, one in bundle.manifest.inputs.items()
    }


def _array(values: Tensor) -> FloatArray:
    return np.asarray(values.detach().cpu(), dtype=np.float64)
