# SPDX-License-Identifier: Apache-2.0
"""The latent roadmap: shortest travel times over the landmarks of a memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra
from torch import Tensor

from grasp_ros.planning.greedy import travel_steps
from grasp_ros.world_model.dynamics import Step
from grasp_ros.world_model.memory import Memory

NEIGHBOURS = 8  # landmarks tried as the way onto the roadmap
CONNECT_STEPS = 15  # latent distance says nothing of travel beyond about this many steps


@dataclass(frozen=True)
class Path:
    """A way through latent space: one latent a model step (T + 1, D), and its landmarks."""

    latents: Tensor
    steps: float
    landmarks: tuple[int, ...]


class Roadmap:
    """Shortest travel times from anywhere to one goal at a time."""

    def __init__(self, memory: Memory, step: Step, actions: int):
        self._memory, self._step, self._actions = memory, step, actions
        count = len(memory.latents)
        rows, columns = memory.edges.T.cpu().numpy()
        weights = memory.edge_steps.cpu().numpy().astype(np.float64)
        # Reversed, so that one search from the goal gives the way from every landmark.
        self._reverse = coo_matrix((weights, (columns, rows)), shape=(count, count)).tocsr()
        self._goal: Tensor | None = None

    def set_goal(self, goal: Tensor) -> None:
        """Search from `goal` (D,) once; later calls of `path` only look up."""
        near = self._near(goal)
        to_goal = self._travel(self._memory.latents[near], goal.expand(len(near), -1))
        best = np.full(len(self._memory.latents), np.inf)
        following = np.full(len(best), -1)
        for landmark, last in zip(near.tolist(), to_goal.tolist(), strict=True):
            if not np.isfinite(last):
                continue
            times, before = dijkstra(self._reverse, indices=landmark, return_predecessors=True)
            shorter = times + last < best
            best[shorter], following[shorter] = (times + last)[shorter], before[shorter]
        self._goal, self._times, self._following = goal, best, following

    def path(self, start: Tensor) -> Path | None:
        """The fastest way from `start` (D,) to the goal, or None when there is none."""
        if self._goal is None:
            raise RuntimeError('Roadmap.path before Roadmap.set_goal')
        goal = self._goal
        near = self._near(start)
        targets = torch.cat([self._memory.latents[near], goal[None]])
        onto = self._travel(start.expand(len(targets), -1), targets)
        totals = onto + np.append(self._times[near.cpu().numpy()], 0.0)
        best = int(totals.argmin())
        if not np.isfinite(totals[best]):
            return None
        stops, times, landmarks = [start], [0.0, float(onto[best])], []
        if best < len(near):
            landmark = int(near[best])
            remaining = self._times[landmark]
            while landmark >= 0:
                landmarks.append(landmark)
                stops.append(self._memory.latents[landmark])
                landmark = int(self._following[landmark])
                left = self._times[landmark] if landmark >= 0 else 0.0
                times.append(times[-1] + remaining - left)
                remaining = left
        stops.append(goal)
        return Path(_every_step(torch.stack(stops), np.array(times)), times[-1], tuple(landmarks))

    def _near(self, latent: Tensor) -> Tensor:
        distances = (self._memory.latents - latent).norm(dim=1)
        return distances.topk(min(NEIGHBOURS, len(distances)), largest=False).indices

    def _travel(self, start: Tensor, goal: Tensor) -> NDArray[np.float64]:
        steps = travel_steps(
            self._step, start, goal, self._actions, CONNECT_STEPS, nearest_only=True
        )
        return steps.cpu().numpy().astype(np.float64)


def _every_step(stops: Tensor, times: NDArray[np.float64]) -> Tensor:
    """Latents (K, D) passed at `times` (K,) to one latent a model step, by straight lines."""
    count = max(1, int(np.ceil(times[-1])))
    at = np.linspace(0.0, times[-1], count + 1)
    after = np.clip(np.searchsorted(times, at, side='right'), 1, len(times) - 1)
    span = np.maximum(times[after] - times[after - 1], 1e-9)
    share = np.clip((at - times[after - 1]) / span, 0.0, 1.0)
    weight = torch.as_tensor(share, dtype=stops.dtype, device=stops.device)[:, None]
    index = torch.as_tensor(after, device=stops.device)
    return stops[index - 1] * (1 - weight) + stops[index] * weight
