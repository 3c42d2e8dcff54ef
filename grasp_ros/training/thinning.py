# SPDX-License-Identifier: Apache-2.0
"""A coarser map of the same memory: what planning is worth where landmarks are far apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra

from grasp_ros.types import BadInput, FloatArray
from grasp_ros.world_model.memory import Memory

ROUNDS = 20  # of evening out; it settles after some


def thinned(memory: Memory, count: int, connect_steps: int) -> Memory:
    """The memory with edges between `count` landmarks only, spread over its map.

    They are joined where the old map's travel time is at most `connect_steps`, and are of the
    largest part whose landmarks all reach each other. The others stay as what the robot has seen,
    so that no observation is trusted less. Raises BadInput where that part has fewer landmarks.
    """
    size = len(memory.latents)
    rows, columns = memory.edges.T.numpy()
    graph = csr_array((memory.edge_steps.numpy().astype(float), (rows, columns)), (size, size))
    _, labels = connected_components(graph, directed=True, connection='strong')
    part = np.flatnonzero(labels == np.bincount(labels).argmax())
    if not 2 <= count <= len(part):
        raise BadInput(
            f'{count} landmarks asked for; the largest part of the map holds {len(part)}, '
            f'2 to {len(part)} expected'
        )
    times = dijkstra(graph[part][:, part])
    chosen = _spread(times, count)
    between = times[np.ix_(chosen, chosen)]
    start, end = np.nonzero((between > 0) & (between <= connect_steps))
    index = part[chosen]
    edges = np.stack([index[start], index[end]], axis=1)
    return replace(
        memory,
        edges=torch.from_numpy(edges),
        edge_steps=torch.from_numpy(between[start, end]).to(torch.float32),
    )


def _spread(times: FloatArray, count: int) -> NDArray[np.int64]:
    """`count` places, evenly spread over all whose travel times (N, N) are given."""
    chosen = [0]
    while len(chosen) < count:
        chosen.append(int(times[chosen].min(axis=0).argmax()))
    # The farthest one each time leaves gaps of one and of two lengths: move to the cells' middles.
    for _ in range(ROUNDS):
        cell = times[chosen].argmin(axis=0)
        members = [np.flatnonzero(cell == one) for one in range(count)]
        moved = [int(one[times[np.ix_(one, one)].max(axis=1).argmin()]) for one in members]
        if moved == chosen:
            break
        chosen = moved
    return np.array(chosen)
