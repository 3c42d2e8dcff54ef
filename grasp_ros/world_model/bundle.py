# SPDX-License-Identifier: Apache-2.0
"""A world-model bundle: what training writes and the planner loads. Nothing is unpickled."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from grasp_ros.config import ModelConfig, RobotConfig
from grasp_ros.observation.image import resize
from grasp_ros.share import find
from grasp_ros.types import BadInput, Observation
from grasp_ros.world_model.dynamics import ResidualMLP
from grasp_ros.world_model.encoder import Encoder
from grasp_ros.world_model.manifest import MANIFEST, Manifest
from grasp_ros.world_model.memory import Memory

FILES = ('encoder.onnx', 'dynamics.safetensors', 'memory.safetensors')


@dataclass(frozen=True)
class Bundle:
    """A loaded, checked world model; tensors lie on `device`."""

    path: Path
    manifest: Manifest
    encoder: Encoder
    dynamics: ResidualMLP
    memory: Memory
    device: torch.device

    def check(self, observation: Observation) -> None:
        """Raises BadInput for another size than the camera had in training: none is stretched."""
        size, rgb = self.manifest.image, observation.images['image']
        if rgb.shape != (size.source_height, size.source_width, 3):
            raise BadInput(
                f'image is {rgb.shape[1]}x{rgb.shape[0]}, the bundle {self.path.name} '
                f'was trained on {size.source_width}x{size.source_height}'
            )

    def encode(self, observation: Observation) -> Tensor:
        """The latent (D,) of an observation. Raises BadInput as check does."""
        self.check(observation)
        size = self.manifest.image
        latent = self.encoder(resize(observation.images['image'], size.height, size.width))
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
    _check_hashes(path, manifest)
    _check_robot(path, manifest, robot)
    encoder = Encoder(
        path / 'encoder.onnx', config.providers, config.require_provider, config.threads
    )
    actions, latent = manifest.action.size, manifest.latent
    dynamics = ResidualMLP(latent, actions, manifest.dynamics_width, manifest.dynamics_depth)
    try:
        dynamics.load_state_dict(load_file(path / 'dynamics.safetensors'))
        memory_tensors = load_file(path / 'memory.safetensors')
    except (SafetensorError, RuntimeError, OSError) as error:
        raise BadInput(f'{path}: {error}') from error
    memory = Memory.from_tensors(memory_tensors, latent, len(manifest.joints))
    device = pick_device(config.device)
    dynamics.requires_grad_(False).eval().to(device)
    bundle = Bundle(path, manifest, encoder, dynamics, memory.to(device), device)
    _check_output(bundle)
    return bundle


def _check_hashes(path: Path, manifest: Manifest) -> None:
    for name in FILES:
        file, expected = path / name, manifest.files.get(name)
        if not file.is_file():
            raise BadInput(f'{file} is missing')
        seen = sha256(file)
        if seen != expected:
            size = file.stat().st_size
            raise BadInput(f'{file} ({size} bytes) has sha256 {seen}, model.yaml says {expected}')


def _check_robot(path: Path, manifest: Manifest, robot: RobotConfig) -> None:
    if manifest.robot != robot.name or manifest.joints != robot.joints:
        raise BadInput(
            f'{path} is for robot {manifest.robot!r} with joints {list(manifest.joints)}; '
            f'this robot is {robot.name!r} with joints {list(robot.joints)}'
        )


def _check_output(bundle: Bundle) -> None:
    """Run the whole model once on images that it knows: finite, of the right size, no constant."""
    size, latent = bundle.manifest.image, bundle.manifest.latent
    if bundle.encoder.input_shape[1:] != (size.height, size.width, 3):
        raise BadInput(
            f'encoder.onnx takes images of {bundle.encoder.input_shape[1:]}, '
            f'model.yaml says {(size.height, size.width, 3)}'
        )
    memory = bundle.memory
    far = int((memory.latents - memory.latents[0]).norm(dim=1).argmax())
    seen = [bundle.encoder(memory.thumbnail(index)) for index in (0, far)]
    for one in seen:
        if one.shape != (latent,) or not np.isfinite(one).all():
            raise BadInput(
                f'encoder returns {one.shape} {one[:4]}, expected ({latent},), all finite'
            )
    if np.allclose(seen[0], seen[1], atol=1e-3):
        raise BadInput('encoder returns the same latent for different images')
    action = torch.zeros(1, bundle.manifest.action.size, device=bundle.device)
    if not torch.isfinite(bundle.dynamics(memory.latents[:1], action)).all():
        raise BadInput('dynamics returns values that are not finite')
