# SPDX-License-Identifier: Apache-2.0
"""What a bundle's map remembers on the way of an episode, as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from grasp_ros.bench.episodes import Episode
from grasp_ros.config import ModelConfig
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.roadmap import Roadmap
from grasp_ros.sim.worlds import World
from grasp_ros.types import FloatArray, ImageArray, Observation
from grasp_ros.world_model.bundle import Bundle, load_bundle
from grasp_ros.world_model.inputs import cameras

SHOWN = 8  # pictures on a way at most


@dataclass(frozen=True)
class Way:
    """Places on the way from start to goal: joints (N, J), and what was seen there, N pictures."""

    positions: FloatArray
    pictures: list[ImageArray]

    def nearest(self, joints: FloatArray, scale: FloatArray) -> int:
        """The place nearest to joints (J,), measured in the unit `scale` (J,) of each."""
        return int(np.abs((self.positions - joints) / scale).max(axis=1).argmin())


def ways(name: str, world: World, episodes: Sequence[Episode]) -> list[Way | None]:
    """Each episode's way over the map of the bundle `name`; None where the map knows none.

    It is searched from the remembered place nearest to the start, so it is what the planner was
    shown at first, but for what it learned to be blocked.
    """
    # Whether it may be planned with was for the planner to say.
    bundle = load_bundle(ModelConfig(bundle=name, accept_bad_bundle=True), world.robot)
    settings, command = bundle.manifest.roadmap, bundle.manifest.command
    roadmap = Roadmap(
        bundle.memory,
        bundle.dynamics,
        command.size,
        settings.connect_steps,
        settings.neighbours,
        bundle.obstacles,
    )
    return [_way(bundle, roadmap, world, episode) for episode in episodes]


def _way(bundle: Bundle, roadmap: Roadmap, world: World, episode: Episode) -> Way | None:
    camera, joints = next(iter(cameras(bundle.manifest.inputs))), len(world.robot.joints)
    goal = episode.goal[:joints]
    latent = bundle.encode(Observation(0, episode.goal_images, goal, np.zeros(joints)))
    positions = bundle.memory.positions.cpu().numpy().astype(np.float64)
    speed = np.array(world.robot.max_velocity)
    start = int(np.abs((positions - episode.start[:joints]) / speed).max(axis=1).argmin())
    roadmap.set_goal(Goal.of(latent, bundle.manifest.goal_tolerance), goal)
    path = roadmap.path(bundle.memory.latents[start], positions[start])
    if path is None or not path.landmarks:
        return None
    count = min(SHOWN, len(path.landmarks))
    wanted = np.linspace(0, len(path.landmarks) - 1, count).round().astype(int)
    shown = [path.landmarks[index] for index in wanted]
    seen = [bundle.remembered(landmark).images[camera] for landmark in shown]
    return Way(positions[shown], seen)
