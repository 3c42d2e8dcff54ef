# SPDX-License-Identifier: Apache-2.0
"""A world model that is made, not trained: two cameras and the joints of an arm with three."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from grasp_ros.config import RobotConfig
from grasp_ros.robot.command import make_command
from grasp_ros.training.calibration import calibrate
from grasp_ros.training.export import write_bundle
from grasp_ros.training.joint_fit import fit_joint_head, joint_error
from grasp_ros.training.joints_part import beside
from grasp_ros.types import Observation
from grasp_ros.world_model.dynamics import ResidualMLP
from grasp_ros.world_model.inputs import ImageInput, JointsInput
from grasp_ros.world_model.manifest import Architecture, Manifest, RoadmapSettings
from grasp_ros.world_model.memory import Memory, encode_thumbnail

JOINTS = ('shoulder', 'elbow', 'wrist')
INPUTS = {
    'front': ImageInput(24, 32, 12, 16),
    'wrist/image': ImageInput(16, 16, 16, 16),
    'joints': JointsInput((0.1, 0.0, -0.1), (1.0, 2.0, 4.0)),
}
SHOWN = 24  # values of the latent that come from the pictures
LATENT = SHOWN + 3


class Encoder(nn.Module):
    """Pixels and joints, all of them linearly, each in a part of the latent of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Linear(12 * 16 * 3, SHOWN)
        self.wrist = nn.Linear(16 * 16 * 3, SHOWN)
        for name in ('mean', 'scale'):
            self.register_buffer(name, torch.tensor(getattr(INPUTS['joints'], name)))

    def forward(self, front: Tensor, wrist: Tensor, joints: Tensor) -> Tensor:
        """Named as INPUTS -> (N, D)."""
        a, b = (one.flatten(1).to(torch.float32) / 255 for one in (front, wrist))
        return torch.cat([self.front(a) + self.wrist(b), (joints - self.mean) * self.scale], dim=1)


def robot() -> RobotConfig:
    """The arm: +-1 rad, 1 rad/s."""
    ones = (1.0,) * 3
    return RobotConfig('arm3', JOINTS, (-1.0,) * 3, ones, ones, ones, (0.05,) * 3)


def pose(position: np.ndarray) -> Observation:
    """What both cameras see of the arm: a dark patch each, moved by the joints (-1 to 1)."""
    images = {}
    for name, (i, j) in {'front': (0, 1), 'wrist/image': (1, 2)}.items():
        size = INPUTS[name]
        rgb = np.full((size.source_height, size.source_width, 3), 180, np.uint8)
        row = round((position[i] + 1) / 2 * (size.source_height - 8))
        column = round((position[j] + 1) / 2 * (size.source_width - 8))
        rgb[row : row + 8, column : column + 8] = (40, 60, 90)
        images[name] = rgb
    return Observation(1, images, np.asarray(position, dtype=float), np.zeros(3))


def inputs(observation: Observation) -> list[Tensor]:
    """The encoder's inputs, in their order, each a batch of one."""
    return [torch.from_numpy(one.of(name, observation))[None] for name, one in INPUTS.items()]


def make(path: Path, count: int = 40) -> Encoder:
    """Write the bundle to `path`; its encoder."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    encoder = Encoder().eval().requires_grad_(False)

    def seen(positions: np.ndarray) -> tuple[Tensor, dict[str, np.ndarray]]:
        poses = [pose(one) for one in positions]
        latents = torch.cat([encoder(*inputs(one)) for one in poses])
        images = {
            name: np.stack([one.of(name, each) for each in poses])
            for name, one in INPUTS.items()
            if isinstance(one, ImageInput)
        }
        return latents, images

    known = rng.uniform(-1, 1, (count, 3))
    latents, images = seen(known)
    ring = torch.stack([torch.arange(count), torch.arange(count).roll(-1)], dim=1)
    memory = Memory(
        latents,
        torch.from_numpy(known).to(torch.float32),
        ring,
        torch.ones(count),
        {name: tuple(encode_thumbnail(one) for one in of) for name, of in images.items()},
    )
    held_out = rng.uniform(-1, 1, (count, 3))
    head, unseen = beside(fit_joint_head(latents[:, :SHOWN], known), 1.0), seen(held_out)
    bounds = calibrate(memory, head, *unseen, held_out, np.full(3, 0.1))
    dynamics = ResidualMLP(LATENT, 3, 16, 2)
    manifest = Manifest(
        'arm3',
        JOINTS,
        make_command('joint_velocity', (-1.0,) * 3, (1.0,) * 3, 0.1),
        dict(INPUTS),
        LATENT,
        Architecture(dynamics.architecture, dynamics.config),
        0.05,
        RoadmapSettings(12, 6),
        bounds,
        joint_error(head, unseen[0], held_out),
        'good',
        (),
        {},
        {'commands': ['made by a test']},
    )
    write_bundle(path, manifest, encoder, head, dynamics, memory)
    return encoder
