# SPDX-License-Identifier: Apache-2.0
"""Shortest ways of a disc among obstacles in the plane."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import map_coordinates
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from grasp_ros.types import FloatArray

GRID = 0.005  # m, cell of the grid on which the ways are measured
NO_WAY = 1e3  # instead of infinity, which cannot be interpolated


class ShortestPaths:
    """Shortest collision-free ways between points, on an 8-connected grid.

    blocked: whether the disc touches something at points (N, 2): (N,) bool. low, high: the
    corners (2,) of the plane's part that the disc's centre can reach, m. cost: of a straight move
    by (2,) m; the ways that are shortest cost least.
    """

    def __init__(
        self,
        blocked: Callable[[FloatArray], np.ndarray],
        low: FloatArray,
        high: FloatArray,
        cost: Callable[[FloatArray], float],
    ):
        self._low = np.asarray(low)
        shape = np.round((np.asarray(high) - self._low) / GRID).astype(int) + 1
        nodes = np.arange(shape.prod()).reshape(shape)
        axes = [self._low[i] + GRID * np.arange(shape[i]) for i in range(2)]
        points = np.stack(np.meshgrid(*axes, indexing='ij'), axis=-1).reshape(-1, 2)
        free = ~blocked(points).reshape(shape)
        rows, columns, costs = [], [], []
        n, m = shape
        for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1)):
            here = (slice(0, n - dx), slice(max(0, -dy), m - max(0, dy)))
            there = (slice(dx, n), slice(max(0, dy), m + min(0, dy)))
            both = free[here] & free[there]
            rows.append(nodes[here][both])
            columns.append(nodes[there][both])
            costs.append(np.full(both.sum(), cost(GRID * np.array([dx, dy]))))
        self._shape = shape
        self._graph = coo_matrix(
            (np.concatenate(costs), (np.concatenate(rows), np.concatenate(columns))),
            shape=(nodes.size, nodes.size),
        ).tocsr()

    def between(self, start: FloatArray, goal: FloatArray) -> float:
        """What the shortest way from start (2,) to goal (2,) costs; infinite where none is."""
        index = np.round((np.asarray(start) - self._low) / GRID).astype(int)
        source = int(np.ravel_multi_index(tuple(index), self._shape))
        field = dijkstra(self._graph, directed=False, indices=source).reshape(self._shape)
        field[~np.isfinite(field)] = NO_WAY
        at = (np.asarray(goal) - self._low) / GRID
        least = float(map_coordinates(field, at[:, None], order=1)[0])
        return least if least < NO_WAY / 10 else float('inf')
