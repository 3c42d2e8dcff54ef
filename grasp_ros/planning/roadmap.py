# SPDX-License-Identifier: Apache-2.0
"""The latent roadmap: shortest travel times over the landmarks of a memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from torch import Tensor

from grasp_ros.planning.greedy import Worth, travel_steps
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.path import Path, every_step
from grasp_ros.types import FloatArray
from grasp_ros.world_model.dynamics import Step
from grasp_ros.world_model.memory import Memory
from grasp_ros.world_model.obstacles import WARY, Obstacles

Toll = Callable[[FloatArray, FloatArray], FloatArray]
"""Model steps (N,), at least 0, that straight moves from joint positions (N, J) to others (N, J)
cost besides their time."""
FASTEST = 0.99  # of the edges are no faster; the others are rounding, or jumps of the encoder


class Roadmap:
    """Shortest travel times from anywhere to one goal at a time.

    actions: the number A of action dimensions. connect_steps: a landmark further off than this
    many model steps is no way onto the roadmap, nor off it. neighbours: landmarks that are tried.
    obstacles: what ways come close to, on the map, onto it and off it.
    Landmarks that no edge joins are no part of it.
    """

    def __init__(
        self,
        memory: Memory,
        step: Step,
        actions: int,
        connect_steps: int,
        neighbours: int,
        obstacles: Obstacles | None = None,
    ):
        self._memory, self._step, self._actions = memory, step, actions
        self._connect_steps, self._neighbours = connect_steps, neighbours
        count = len(memory.latents)
        self._positions = memory.positions.cpu().numpy().astype(np.float64)
        self._ends = memory.edges.T.cpu().numpy()
        self._edge_steps = memory.edge_steps.cpu().numpy().astype(np.float64)
        self._numbers = self._ends[0] * count + self._ends[1]  # of the edges, to find them by
        self._order = np.argsort(self._numbers)
        self._fastest = _fastest(memory)
        self._obstacles = None if obstacles is None else obstacles.tolls
        self._always = _tolls(self._obstacles, *(self._positions[one] for one in self._ends))
        self._toll: Toll | None = None
        self._weigh()
        self._joined = np.zeros(count, dtype=bool)
        self._joined[self._ends] = True
        self._core = self._joined & _largest(self._edges)
        self._goal: Goal | None = None
        self._goal_position: FloatArray | None = None
        self._stale = False

    def set_goal(self, goal: Goal, position: FloatArray | None = None) -> None:
        """Search from `goal` once; later calls of `path` only look up.

        position (J,): of the goal's joints; without it the last move is free of tolls.
        """
        distances = goal.distance(self._memory.latents).cpu().numpy()
        # An island beside the goal must not hide the landmarks that most of the map leads to.
        near = np.union1d(
            self._nearest(distances, self._joined), self._nearest(distances, self._core)
        )
        self._goal, self._near, self._goal_position = goal, near, position
        self._to_goal = self._travel_to(goal)
        self._search()

    def avoid(self, toll: Toll | None) -> None:
        """From the next `path` on, moves cost so much more, and those through known obstacles WARY
        times as much; until the next call, for all goals."""
        self._toll = toll
        self._weigh()
        self._stale = True

    def path(self, start: Tensor, position: FloatArray | None = None) -> Path | None:
        """The fastest way from `start` (D,) to the goal, or None when there is none.

        position (J,): of the joints at the start; without it the first move is free of tolls.
        """
        goal = self._goal
        if goal is None:
            raise RuntimeError('Roadmap.path before Roadmap.set_goal')
        away = goal.distance(start)[None]
        if away <= goal.tolerance:  # so near that the model's error would lead round about
            latents = torch.stack([start, goal.pinned(start)])
            times = np.append(0.0, self._least(away, goal))
            return Path(latents, (), times, float(times[-1]))
        if self._stale:
            self._to_goal = self._travel_to(goal)
            self._search()
        distances = (self._memory.latents - start).norm(dim=1).cpu().numpy()
        # Dead ends, that may lie nearer than all others, are left out.
        near = self._nearest(distances, np.isfinite(self._times))
        first = self._charge_leg(_known(position, self._positions), self._targets(near))
        onward = first + np.append(self._times[near], 0.0)
        onto = self._travel_from(start, near, onward, goal)
        totals = onto + onward
        best = int(totals.argmin())
        if not np.isfinite(totals[best]):
            return None
        landmarks = []
        landmark = int(near[best]) if best < len(near) else -1
        while landmark >= 0:
            landmarks.append(landmark)
            landmark = int(self._following[landmark])
        times = np.concatenate([[0.0, onto[best]], self._legs(landmarks)]).cumsum()
        places = self._memory.latents[torch.as_tensor(landmarks, dtype=torch.int64)]
        stops = torch.cat([start[None], places])
        stops = torch.cat([stops, goal.pinned(stops[-1])[None]])
        return Path(every_step(stops, times), tuple(landmarks), times, float(totals[best]))

    def _legs(self, landmarks: list[int]) -> FloatArray:
        """Model steps from each landmark of a way to the next, and to the goal; no tolls."""
        if not landmarks:
            return np.zeros(0)
        ends = np.array(landmarks)
        numbers = ends[:-1] * len(self._positions) + ends[1:]
        edges = self._order[np.searchsorted(self._numbers, numbers, sorter=self._order)]
        last = self._charge_leg(
            self._positions[ends[-1]], _known(self._goal_position, self._positions)
        )
        return np.append(self._edge_steps[edges], self._times[ends[-1]] - last)

    def _weigh(self) -> None:
        """The edges with their tolls; reversed, one search from the goal serves all landmarks."""
        count, (rows, columns) = len(self._positions), self._ends
        charged = self._charge(self._positions[rows], self._positions[columns])
        tolls = self._wary * self._always + charged
        weights = self._edge_steps + tolls
        self._edges = csr_array((weights, (rows, columns)), shape=(count, count))
        self._reverse = csr_array((weights, (columns, rows)), shape=(count, count))

    def _charge(self, start: FloatArray, end: FloatArray) -> FloatArray:
        """The tolls (N,) of moves from places (N, J) or (J,) to others; 0 where one is NaN."""
        return _tolls(self._toll, start, end)

    def _charge_leg(self, start: FloatArray, end: FloatArray) -> FloatArray:
        """The same of moves that are no edges, with what they always cost."""
        return self._charge(start, end) + self._wary * _tolls(self._obstacles, start, end)

    @property
    def _wary(self) -> float:
        """How much what is known of obstacles counts: more, once there was one unknown."""
        return 1.0 if self._toll is None else WARY

    def _targets(self, near: NDArray[np.int64]) -> FloatArray:
        """Joint positions of landmarks and, last, of the goal (K + 1, J)."""
        goal = _known(self._goal_position, self._positions)
        return np.concatenate([self._positions[near], goal[None]])

    def _search(self) -> None:
        """Travel times from every landmark to the goal, tolls on the way included."""
        graph, count = self._reverse, len(self._positions)
        last = np.flatnonzero(np.isfinite(self._to_goal))
        # The goal is one more node, joined to its neighbours: one search serves them all.
        weights = np.concatenate([graph.data, self._to_goal[last]])
        ends = np.concatenate([graph.indices, self._near[last]])
        starts = np.append(graph.indptr, len(ends))
        whole = csr_array((weights, ends, starts), shape=(count + 1, count + 1))
        times, before = dijkstra(whole, indices=count, return_predecessors=True)
        self._times, self._following = times[:count], before[:count]
        self._following[self._following == count] = -1
        self._stale = False

    def _travel_to(self, goal: Goal) -> FloatArray:
        """Model steps from the landmarks near the goal to it (K,), with tolls.

        inf where the map is a shorter way from one to another.
        """
        near = self._near
        between = self._edges[near][:, near].toarray()
        between = np.where(between > 0, between, np.inf)
        last = self._charge_leg(
            self._positions[near], _known(self._goal_position, self._positions)
        )
        best = np.full(len(near), np.inf)

        def worth(steps: Tensor, rows: Tensor, soonest: Tensor) -> Tensor:
            nonlocal best
            best = np.minimum(best, steps.cpu().numpy() + last)
            best = np.minimum(best, (between + best).min(axis=1))
            left = rows.cpu().numpy()
            better = soonest.cpu().numpy() + last[left] < best[left]
            return torch.as_tensor(better, device=rows.device)

        latents = self._memory.latents[torch.as_tensor(near)]
        weight = None if goal.unweighted else goal.weight.expand_as(latents)
        return self._travel(latents, goal.latent.expand_as(latents), weight, worth) + last

    def _travel_from(
        self, start: Tensor, near: NDArray[np.int64], onward: FloatArray, goal: Goal
    ) -> FloatArray:
        """Model steps from the start to the landmarks near it, and to the goal (K + 1,).

        onward (K + 1,): what each has still to go, with tolls. inf where one cannot be the best.
        """

        def worth(steps: Tensor, rows: Tensor, soonest: Tensor) -> Tensor:
            best = (steps.cpu().numpy() + onward).min()
            better = soonest.cpu().numpy() + onward[rows.cpu().numpy()] < best
            return torch.as_tensor(better, device=rows.device)

        targets = torch.cat([self._memory.latents[torch.as_tensor(near)], goal.latent[None]])
        weight = None
        if not goal.unweighted:
            weight = torch.cat([torch.ones_like(targets[:-1]), goal.weight[None]])
        return self._travel(start.expand_as(targets), targets, weight, worth)

    def _least(self, distances: Tensor, goal: Goal) -> FloatArray:
        """Model steps (K,) that ways over such latent distances take at least."""
        fastest = self._fastest
        if not goal.unweighted:
            fastest *= max(1.0, float(goal.weight.max().sqrt()))
        return np.asarray(distances.cpu().numpy() / fastest)

    def _nearest(self, distances: FloatArray, among: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The landmarks of least distance (M,) among those marked (M,)."""
        places = np.flatnonzero(among)
        if len(places) > self._neighbours:
            places = places[
                np.argpartition(distances[places], self._neighbours)[: self._neighbours]
            ]
        return places

    def _travel(
        self, start: Tensor, goal: Tensor, weight: Tensor | None, worth: Worth
    ) -> FloatArray:
        if not len(start):  # a map without edges
            return np.zeros(0)
        limit = self._connect_steps
        steps = travel_steps(self._step, start, goal, self._actions, limit, weight, worth)
        return steps.cpu().numpy().astype(np.float64)


def _tolls(toll: Toll | None, start: FloatArray, end: FloatArray) -> FloatArray:
    """A toll (N,) of moves from places (N, J) or (J,) to others; 0 where one is NaN."""
    start, end = np.broadcast_arrays(np.atleast_2d(start), np.atleast_2d(end))
    tolls = np.zeros(len(end))
    known = np.isfinite(start + end).all(axis=1)
    if toll is not None and known.any():
        tolls[known] = toll(start[known], end[known])
    return tolls


def _known(position: FloatArray | None, positions: FloatArray) -> FloatArray:
    """One position (J,) among positions (N, J), NaN where it is not known."""
    return np.full(positions.shape[1], np.nan) if position is None else position


def _fastest(memory: Memory) -> float:
    """The latent distance that is travelled in one model step where that is most."""
    if not len(memory.edges):
        return float('inf')
    lengths = memory.latents[memory.edges].diff(dim=1).norm(dim=2)[:, 0]
    return max(1e-9, float((lengths / memory.edge_steps).quantile(FASTEST)))


def _largest(edges: csr_array) -> NDArray[np.bool_]:
    """Which landmarks (M,) are of the largest set whose members all reach each other."""
    _, labels = connected_components(edges, directed=True, connection='strong')
    return np.asarray(labels == np.bincount(labels).argmax())
