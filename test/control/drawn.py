# SPDX-License-Identifier: Apache-2.0
"""A world model that is drawn, not trained: it knows a gantry's world exactly, as it was.

Its latent is the pusher's place in model steps, so that nothing is left of chance but the map.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import torch
from torch import Tensor

from grasp_ros.planning.greedy import travel_steps
from grasp_ros.robot.command import make_command
from grasp_ros.sim.worlds import World
from grasp_ros.types import Observation
from grasp_ros.world_model.joint_head import JointHead
from grasp_ros.world_model.manifest import RoadmapSettings
from grasp_ros.world_model.memory import Memory

DT, SPEED = 0.1, 0.15
STEP = DT * SPEED  # m
CONNECT_STEPS, NEIGHBOURS = 15, 12


def dynamics_of(world: World):
    """One model step (N, 2), (N, 2) -> (N, 2); each joint that would hit something stays."""
    # A pusher that touches a wall is a little inside it.
    task = replace(world.task, radius=world.task.radius - 0.002)
    low, high = (torch.tensor(one) / STEP for one in (task.low, task.high))

    def free(z: Tensor) -> Tensor:
        hit = task.blocked(z.double().numpy().reshape(-1, 2) * STEP)
        return torch.from_numpy(~hit).reshape(z.shape[:-1])

    def step(z: Tensor, a: Tensor) -> Tensor:
        for joint in range(2):
            moved = z.clone()
            moved[:, joint] = (z + a.clamp(-1, 1))[:, joint].clamp(low[joint], high[joint])
            # Thin walls are not jumped over.
            passable = free(moved) & free((z + moved) / 2) & free(z + 0.25 * (moved - z))
            passable = passable & free(z + 0.75 * (moved - z))
            z = torch.where(passable[:, None], moved, z)
        return z

    return step


def memory_of(world: World, step, count: int, seed: int = 0) -> Memory:
    """Landmarks all over the free space, neighbours joined where greedy control arrives."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(world.task.low, world.task.high, (4 * count, 2))
    places = places[~world.task.blocked(places, 0.004)][:count]
    latents = torch.from_numpy(places / STEP).float()
    near = torch.cdist(latents, latents).topk(NEIGHBOURS + 1, largest=False).indices[:, 1:]
    starts = torch.arange(count).repeat_interleave(NEIGHBOURS)
    edges = torch.stack([starts, near.flatten()], dim=1)
    steps = travel_steps(step, latents[edges[:, 0]], latents[edges[:, 1]], 2, CONNECT_STEPS)
    kept = steps.isfinite()
    positions = torch.from_numpy(places).float()
    return Memory(latents, positions, edges[kept], steps[kept], {})


@dataclass
class Drawn:
    """Stands for a Bundle."""

    world: World
    count: int = 400

    def __post_init__(self) -> None:
        bounds = (SPEED, SPEED)
        command = make_command('joint_velocity', tuple(-one for one in bounds), bounds, DT)
        self.manifest = SimpleNamespace(
            command=command,
            goal_tolerance=0.5,
            roadmap=RoadmapSettings(CONNECT_STEPS, 24),
        )
        self.device = torch.device('cpu')
        self.dynamics = dynamics_of(self.world)
        self.memory = memory_of(self.world, self.dynamics, self.count)
        self.obstacles = None
        self.joint_head = JointHead(STEP * torch.eye(2), torch.zeros(2))
        self.trust = SimpleNamespace(judge=lambda latent, observation: None)

    def joints_shown(self, latent: Tensor) -> np.ndarray:
        """The place (2,) that a latent (2,) shows, m."""
        return self.shown(latent).detach().double().numpy()

    def shown(self, latents: Tensor) -> Tensor:
        """The same of many."""
        return self.joint_head.positions(latents)

    def certainty(self, observation: Observation) -> None:
        """All that is seen is certain."""

    def encode(self, observation: Observation) -> Tensor:
        """What cameras would show: where the joints are."""
        return torch.from_numpy(observation.position / STEP).float()

    def remembered(self, landmark: int) -> Observation:
        """At a landmark, at rest."""
        position = self.memory.positions[landmark].double().numpy()
        return Observation(0, {}, position, np.zeros(2))
