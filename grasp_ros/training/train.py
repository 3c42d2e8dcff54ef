# SPDX-License-Identifier: Apache-2.0
"""Bags to a model bundle: encoder, then dynamics on its frozen latents, then the roadmap."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from grasp_ros.training.calibration import calibrate
from grasp_ros.training.checkpoint import Checkpoint
from grasp_ros.training.contact import fit_obstacles
from grasp_ros.training.coverage import seldom
from grasp_ros.training.dataset import Dataset
from grasp_ros.training.encoding import encode
from grasp_ros.training.engine import fit
from grasp_ros.training.joint_fit import joint_spread
from grasp_ros.training.landmarks import build_memory
from grasp_ros.training.latent_steps import latent_distances
from grasp_ros.training.places import evenly
from grasp_ros.training.pretext import Foresight
from grasp_ros.training.train_config import Progress, TrainConfig
from grasp_ros.training.verdict import HORIZONS, expected_arrival
from grasp_ros.training.ways import map_report, ways
from grasp_ros.training.windows import batches, windows
from grasp_ros.types import BadInput
from grasp_ros.world_model.dynamics import ResidualMLP, rollout
from grasp_ros.world_model.inputs import JointsInput
from grasp_ros.world_model.joint_head import JointError, JointHead
from grasp_ros.world_model.manifest import RoadmapSettings
from grasp_ros.world_model.memory import Memory
from grasp_ros.world_model.obstacles import Obstacles
from grasp_ros.world_model.trust import Bounds

COMPARED = 100  # pictures by which a training that was stopped knows its data again
NARROWEST = 1e-3  # of a goal's latent tolerance
HELD_OUT = 0.1  # share of each recording, its end, that prediction errors are measured on


@dataclass(frozen=True)
class Trained:
    """The trained parts, and what was measured on held-out data.

    joints: what the encoder takes beside the picture, if anything.
    """

    encoder: nn.Module
    joints: JointsInput | None
    joint_head: JointHead
    joint_error: JointError
    dynamics: ResidualMLP
    memory: Memory
    obstacles: Obstacles | None
    goal_tolerance: float
    trust: Bounds
    report: dict[str, Any]


def train(
    data: Dataset,
    config: TrainConfig,
    fabric: Fabric,
    progress: Progress,
    folder: Path | None = None,
) -> Trained | None:
    """Train a world model; the same seed, data and machine give the same model.

    fabric: see make_engine; of several processes the first returns the model, the others None.
    folder: where it keeps what it goes on from should it be stopped; None: nothing is kept.
    """
    checkpoint = Checkpoint(
        folder, _key(data, config, fabric.world_size), writes=fabric.is_global_zero
    )
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    learnt, held_out = data.split(HELD_OUT)
    seen = encode(learnt, held_out, config, rng, fabric, progress, checkpoint)
    actions = torch.from_numpy(learnt.actions).to(torch.float32).to(fabric.device)
    dynamics = _train_dynamics(
        seen.learnt, actions, learnt.follows, config, rng, fabric, progress, checkpoint
    )
    if not fabric.is_global_zero:
        return None
    dynamics.requires_grad_(False).cpu()
    latents, unseen = seen.learnt.cpu(), seen.held_out.cpu()
    settings = RoadmapSettings(config.connect_steps, config.neighbours)
    obstacles = fit_obstacles(learnt, config.seed)
    memory = build_memory(
        learnt, latents, unseen, dynamics, settings, obstacles, rng, config.landmarks
    )
    pairs, costs = ways(memory, dynamics, actions.shape[1], settings, unseen, obstacles, rng)
    full_step = learnt.full_step()
    bounds = calibrate(memory, seen.head, unseen, held_out.images, held_out.positions, full_step)
    same, steps = latent_distances(learnt, latents)
    shown = steps[steps > 0]  # no tolerance makes the others exact
    tolerance = max(NARROWEST, same, float(shown.min()) / 2 if len(shown) else 0.0)
    spread = joint_spread(data.positions)
    told = np.zeros(len(spread)) if seen.joints else np.array(seen.errors.p95)
    miss = expected_arrival(told, tolerance, steps, full_step, np.array(spread))
    report = {
        'config': asdict(config),
        'frames': len(data),
        'processes': fabric.world_size,
        'joints_input': seen.joints is not None,
        **map_report(memory, learnt, held_out, pairs, costs),
        'seldom': [one.plain() for one in seldom(learnt.positions)],
        'joint_error': seen.errors.plain(),
        'joint_spread': list(spread),
        'full_step': [float(f'{one:.4g}') for one in full_step],
        'expected_arrival': [float(f'{one:.4g}') for one in miss],
        'latent_distance_same_place_p95': round(same, 4),
        'latent_distance_one_step': np.round(steps, 4).tolist(),
        'prediction_error_over_do_nothing': _prediction_error(held_out, unseen, dynamics),
    }
    return Trained(
        seen.encoder.eval(),
        seen.joints,
        seen.head,
        seen.errors,
        dynamics.eval(),
        memory,
        obstacles,
        tolerance,
        bounds,
        report,
    )


def _key(data: Dataset, config: TrainConfig, processes: int) -> str:
    """What tells trainings apart whose steps differ."""
    shapes = {name: one.shape for name, one in data.images.items()}
    of = (config, shapes, torch.__version__, processes)
    # Of the pictures some: the same bag's other camera shows in each, and all take long to read.
    chosen = evenly(np.arange(len(data)), COMPARED)
    some = [one[chosen] for one in data.images.values()]
    arrays = (data.positions, data.actions, data.follows, *some)
    parts = [repr(of).encode(), *(one.tobytes() for one in arrays)]
    return hashlib.sha256(b''.join(parts)).hexdigest()


def _train_dynamics(
    latents: Tensor,
    actions: Tensor,
    follows: NDArray[np.bool_],
    config: TrainConfig,
    rng: np.random.Generator,
    fabric: Fabric,
    progress: Progress,
    checkpoint: Checkpoint,
) -> ResidualMLP:
    """Rollouts of growing length on frozen latents."""
    size = (latents.shape[1], actions.shape[1], config.width, config.depth)
    dynamics = ResidualMLP(*size).to(latents.device)
    each = config.dynamics_steps // len(config.dynamics_rollouts)
    total = each * len(config.dynamics_rollouts)

    def inputs(window: Tensor) -> tuple[Tensor, Tensor]:
        return latents[window], actions[window[:, :-1]]

    for before, length in enumerate(config.dynamics_rollouts):

        def told(stage: str, done: int, _: int, before: int = before * each) -> None:
            progress('dynamics', before + done, total)

        optimiser = torch.optim.AdamW(dynamics.parameters(), lr=2e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=each)
        starts = windows(follows, length)
        sampled = batches(starts, length, config.dynamics_batch, each, rng)
        steps = (Foresight(dynamics), optimiser, schedule, sampled, each, inputs)
        fit(fabric, f'dynamics_{length}', *steps, checkpoint, told)
    return dynamics


def _prediction_error(data: Dataset, latents: Tensor, dynamics: ResidualMLP) -> dict[int, float]:
    """Rollout error over the error of predicting no motion, by horizon; none where unknown."""
    actions = torch.from_numpy(data.actions).to(torch.float32)
    ratios = {}
    for length in HORIZONS:
        try:
            starts = windows(data.follows, length)[::5]
        except BadInput:
            continue
        window = torch.from_numpy(starts)[:, None] + torch.arange(length + 1)
        true = latents[window[:, -1]]
        still = float((true - latents[starts]).norm(dim=1).mean())
        if still == 0:  # nothing moves there that could be foreseen
            continue
        with torch.no_grad():
            predicted = rollout(dynamics, latents[starts], actions[window[:, :-1]])[:, -1]
        ratios[length] = round(float((true - predicted).norm(dim=1).mean()) / still, 4)
    return ratios
