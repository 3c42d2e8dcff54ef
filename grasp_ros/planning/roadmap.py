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
from grasp_ros.planning.objective import Goal
from grasp_ros.world_model.dynamics import Step
from grasp_ros.world_model.memory import Memory


@dataclass(frozen=True)
class Path:
    """A way through latent space: one latent a model step (T + 1, D), and its landmarks."""

    latents: Tensor
    steps: float
    landmarks: tuple[int, ...]


class Roadmap:
    """Shortest travel times from anywhere to one goal at a time.

    actions: the number A of action dimensions. connect_steps: a landmark further off than this
    many model steps is no way onto the roadmap, nor off it. neighbours: landmarks that are tried.
    """

    def __init__(
        self, memory: Memory, step: Step, actions: int, connect_steps: int, neighbours: int
    ):
        self._memory, self._step, self._actions = memory, step, actions
        self._connect_steps, self._neighbours = connect_steps, neighbours
        count = len(memory.latents)
        rows, columns = memory.edges.T.cpu().numpy()
        weights = memory.edge_steps.cpu().numpy().astype(np.float64)
        # Reversed, so that one search from the goal gives the way from every landmark.
        self._reverse = coo_matrix((weights, (columns, rows)), shape=(count, count)).tocsr()
        self._goal: Goal | None = None

    def set_goal(self, goal: Goal) -> None:
        """Search from `goal` once; later calls of `path` only look up."""
        near = self._nearest(goal.distance(self._memory.latents))
        latents = self._memory.latents[near]
        weight = None if goal.unweighted else goal.weight.expand_as(latents)
        to_goal = self._travel(latents, goal.latent.expand_as(latents), weight)
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
        near = self._nearest((self._memory.latents - start).norm(dim=1))
        # A dead end that is very near would hide the others: see travel_steps.
        leads_on = np.isfinite(self._times[near.cpu().numpy()])
        near = near[torch.as_tensor(leads_on, device=near.device)]
        targets = torch.cat([self._memory.latents[near], goal.latent[None]])
        weight = None
        if not goal.unweighted:
            weight = torch.cat([torch.ones_like(targets[:-1]), goal.weight[None]])
        onto = self._travel(start.expand_as(targets), targets, weight)
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
        stops.append(goal.pinned(stops[-1]))
        return Path(_every_step(torch.stack(stops), np.array(times)), times[-1], tuple(landmarks))

    def _nearest(self, distances: Tensor) -> Tensor:
        return distances.topk(min(self._neighbours, len(distances)), largest=False).indices

    def _travel(self, start: Tensor, goal: Tensor, weight: Tensor | None) -> NDArray[np.float64]:
        steps = travel_steps(
            self._step, start, goal, self._actions, self._connect_steps, True, weight
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
