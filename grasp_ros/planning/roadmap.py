# SPDX-License-Identifier: Apache-2.0
"""The latent roadmap: shortest travel times over the landmarks of a memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from torch import Tensor

from grasp_ros.planning.greedy import Enough, travel_steps
from grasp_ros.planning.objective import Goal
from grasp_ros.types import BadInput, FloatArray
from grasp_ros.world_model.dynamics import Step
from grasp_ros.world_model.memory import Memory


@dataclass(frozen=True)
class Path:
    """A way through latent space: one latent a model step (T + 1, D), and its landmarks.

    steps: model steps that it takes. times: of each landmark, model steps after the start.
    """

    latents: Tensor
    steps: float
    landmarks: tuple[int, ...]
    times: tuple[float, ...]


class Roadmap:
    """Shortest travel times from anywhere to one goal at a time.

    actions: the number A of action dimensions. connect_steps: a landmark further off than this
    many model steps is no way onto the roadmap, nor off it. neighbours: landmarks that are tried.
    Landmarks that no edge joins are no part of it.
    """

    def __init__(
        self, memory: Memory, step: Step, actions: int, connect_steps: int, neighbours: int
    ):
        self._memory, self._step, self._actions = memory, step, actions
        self._connect_steps, self._neighbours = connect_steps, neighbours
        count = len(memory.latents)
        rows, columns = memory.edges.T.cpu().numpy()
        weights = memory.edge_steps.cpu().numpy().astype(np.float64)
        self._edges = csr_array((weights, (rows, columns)), shape=(count, count))
        # Reversed, so that one search from the goal gives the way from every landmark.
        self._reverse = csr_array((weights, (columns, rows)), shape=(count, count))
        self._joined = np.zeros(count, dtype=bool)
        self._joined[rows] = self._joined[columns] = True
        self._core = self._joined & _largest(self._edges)
        self._extra = np.zeros(count)
        self._goal: Goal | None = None
        self._stale = False

    def set_goal(self, goal: Goal) -> None:
        """Search from `goal` once; later calls of `path` only look up."""
        distances = goal.distance(self._memory.latents).cpu().numpy()
        # An island beside the goal must not hide the landmarks that most of the map leads to.
        near = np.union1d(
            self._nearest(distances, self._joined), self._nearest(distances, self._core)
        )
        self._goal, self._near = goal, near
        self._to_goal = self._travel_to(goal)
        self._search()

    def avoid(self, extra: FloatArray) -> None:
        """From the next `path` on, entering a landmark costs these more model steps (M,).

        inf: it is never entered. Holds for all goals, until the next call. Raises BadInput for
        another shape, and for values below 0.
        """
        if extra.shape != self._extra.shape or not (extra >= 0).all():
            raise BadInput(
                f'extra steps of shape {extra.shape}, least {np.min(extra, initial=0.0)}; one for '
                f'each of {len(self._extra)} landmarks expected, none below 0'
            )
        self._stale = True
        self._extra = np.array(extra, dtype=np.float64)

    def path(self, start: Tensor) -> Path | None:
        """The fastest way from `start` (D,) to the goal, or None when there is none."""
        goal = self._goal
        if goal is None:
            raise RuntimeError('Roadmap.path before Roadmap.set_goal')
        if self._stale:
            self._to_goal = self._travel_to(goal)
            self._search()
        distances = (self._memory.latents - start).norm(dim=1).cpu().numpy()
        # Dead ends, that may lie nearer than all others, are left out.
        near = self._nearest(distances, np.isfinite(self._times + self._extra))
        onward = np.append((self._times + self._extra)[near], 0.0)
        onto = self._travel_from(start, near, onward, goal)
        totals = onto + onward
        best = int(totals.argmin())
        if not np.isfinite(totals[best]):
            return None
        stops, times, landmarks = [start], [0.0, float(onto[best])], []
        landmark = int(near[best]) if best < len(near) else -1
        while landmark >= 0:
            landmarks.append(landmark)
            stops.append(self._memory.latents[landmark])
            after = int(self._following[landmark])
            taken = self._times[landmark]
            if after >= 0:
                taken -= self._times[after] + self._extra[after]
            times.append(times[-1] + taken)
            landmark = after
        stops.append(goal.pinned(stops[-1]))
        latents = _every_step(torch.stack(stops), np.array(times))
        return Path(latents, times[-1], tuple(landmarks), tuple(times[1:-1]))

    def _search(self) -> None:
        """Travel times from every landmark to the goal, extra steps on the way included."""
        graph, count = self._reverse, len(self._extra)
        last = np.flatnonzero(np.isfinite(self._to_goal))
        # The goal is one more node, joined to its neighbours: one search serves them all.
        entered = np.repeat(self._extra, np.diff(graph.indptr))
        weights = np.concatenate([graph.data + entered, self._to_goal[last]])
        ends = np.concatenate([graph.indices, self._near[last]])
        starts = np.append(graph.indptr, len(ends))
        whole = csr_array((weights, ends, starts), shape=(count + 1, count + 1))
        times, before = dijkstra(whole, indices=count, return_predecessors=True)
        self._times, self._following = times[:count], before[:count]
        self._following[self._following == count] = -1
        self._stale = False

    def _travel_to(self, goal: Goal) -> FloatArray:
        """Model steps from the landmarks near the goal to it (K,).

        inf where the map is a shorter way from one to another.
        """
        near = self._near
        between = self._edges[near][:, near].toarray()
        between = np.where(between > 0, between, np.inf) + self._extra[near]
        best = np.full(len(near), np.inf)

        def enough(t: int, steps: Tensor) -> bool:
            nonlocal best
            direct = steps.cpu().numpy()
            best = np.minimum(best, direct)
            best = np.minimum(best, (between + best).min(axis=1))
            return bool((np.isfinite(direct) | (best <= t)).all())

        latents = self._memory.latents[torch.as_tensor(near)]
        weight = None if goal.unweighted else goal.weight.expand_as(latents)
        return self._travel(latents, goal.latent.expand_as(latents), weight, enough)

    def _travel_from(
        self, start: Tensor, near: NDArray[np.int64], onward: FloatArray, goal: Goal
    ) -> FloatArray:
        """Model steps from the start to the landmarks near it, and to the goal (K + 1,).

        onward (K + 1,): what each has still to go. inf for those that cannot be the best.
        """

        def enough(t: int, steps: Tensor) -> bool:
            direct = steps.cpu().numpy()
            best = (direct + onward).min()
            return bool((np.isfinite(direct) | (t + onward >= best)).all())

        targets = torch.cat([self._memory.latents[torch.as_tensor(near)], goal.latent[None]])
        weight = None
        if not goal.unweighted:
            weight = torch.cat([torch.ones_like(targets[:-1]), goal.weight[None]])
        return self._travel(start.expand_as(targets), targets, weight, enough)

    def _nearest(self, distances: FloatArray, among: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The landmarks of least distance (M,) among those marked (M,)."""
        places = np.flatnonzero(among)
        if len(places) > self._neighbours:
            places = places[
                np.argpartition(distances[places], self._neighbours)[: self._neighbours]
            ]
        return places

    def _travel(
        self, start: Tensor, goal: Tensor, weight: Tensor | None, enough: Enough
    ) -> FloatArray:
        limit = self._connect_steps
        steps = travel_steps(self._step, start, goal, self._actions, limit, weight, enough)
        return steps.cpu().numpy().astype(np.float64)


def _largest(edges: csr_array) -> NDArray[np.bool_]:
    """Which landmarks (M,) are of the largest set whose members all reach each other."""
    _, labels = connected_components(edges, directed=True, connection='strong')
    return np.asarray(labels == np.bincount(labels).argmax())


def _every_step(stops: Tensor, times: NDArray[np.float64]) -> Tensor:
    """Latents (K, D) passed at `times` (K,) to one latent a model step, by straight lines."""
    count = max(1, int(np.ceil(times[-1])))
    at = np.linspace(0.0, times[-1], count + 1)
    after = np.clip(np.searchsorted(times, at, side='right'), 1, len(times) - 1)
    span = times[after] - times[after - 1]
    # Stops at one time: the later one, so that the last latent is the goal.
    share = np.clip((at - times[after - 1]) / np.maximum(span, 1e-9), span <= 1e-9, 1.0)
    weight = torch.as_tensor(share, dtype=stops.dtype, device=stops.device)[:, None]
    index = torch.as_tensor(after, device=stops.device)
    return stops[index - 1] * (1 - weight) + stops[index] * weight
