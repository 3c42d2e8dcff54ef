# SPDX-License-Identifier: Apache-2.0
"""Where the robot was stopped, and from that what its joint space holds of obstacles."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from grasp_ros.training.dataset import Dataset
from grasp_ros.types import FloatArray
from grasp_ros.world_model.obstacles import Obstacles

STOPPED = 0.2  # of a step: a joint that stays so far behind its command has touched something
FITS = 4  # of what commands move; each leaves out what the one before did not explain
FEWEST = 30  # frames of contact: fewer tell of no obstacle's shape
DEPTH = (0.2, 2.3)  # steps onward from where the robot was stopped that lie in what stopped it
WIDTH, STEPS = 64, 5000
FREE, BLOCKED = 384, 128  # positions of each kind in a training step


def fit_obstacles(data: Dataset, seed: int) -> Obstacles | None:
    """Learn which joint positions lie in obstacles; None where too little was touched.

    No robot has been inside of one. But where it was stopped, what lies onward in the direction
    that it was kept from does: that stands against all positions where it has been. Between the
    places that were touched the network fills in the surface, and finds the joints that do not
    matter: in six of them nobody touches everything.
    """
    places, kept_from = stops(data)
    if len(places) < FEWEST:
        return None
    step = data.full_step()
    generator = torch.Generator().manual_seed(seed)
    # Of a joint that hardly moves, what it trembles by must not become the measure of its places.
    mean, spread = data.positions.mean(axis=0), np.maximum(data.positions.std(axis=0), step)
    been, places = ((one - mean) / spread for one in (data.positions, places))
    free, blocked, onward = (
        torch.from_numpy(one).to(torch.float32)
        for one in (been, places, kept_from * step / spread)
    )
    sizes = (len(step), WIDTH, WIDTH, 1)
    linear = [_linear(*size, generator) for size in pairwise(sizes)]
    network = nn.Sequential(linear[0], nn.SiLU(), linear[1], nn.SiLU(), linear[2])
    optimiser = torch.optim.AdamW(network.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 4e-3, total_steps=STEPS)
    truth = torch.cat([torch.zeros(FREE), torch.ones(BLOCKED)])
    for _ in range(STEPS):
        here = torch.randint(len(free), (FREE,), generator=generator)
        there = torch.randint(len(blocked), (BLOCKED,), generator=generator)
        depth = torch.empty(BLOCKED, 1).uniform_(*DEPTH, generator=generator)
        seen = network(torch.cat([free[here], blocked[there] + depth * onward[there]]))[:, 0]
        loss = F.binary_cross_entropy_with_logits(seen, truth)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    layers = [(one.weight.detach(), one.bias.detach()) for one in linear]
    weight, bias = layers[0]
    weight = weight / _float(spread)
    layers[0] = weight, bias - weight @ _float(mean)
    return Obstacles(tuple(layers), _float(step))


def stops(data: Dataset) -> tuple[FloatArray, FloatArray]:
    """Positions (K, J), m or rad, at which the robot was stopped, and unit directions (K, J), in
    its joints' full steps, that it was kept from."""
    follows, step = data.follows[:-1], data.full_step()
    moved = np.diff(data.positions, axis=0)[follows] / step
    here = data.positions[:-1][follows]
    told = np.concatenate([data.actions[:-1][follows], here, np.ones((len(here), 1))], axis=1)
    behind = _unexplained(told, moved)
    stopped = np.abs(behind).max(axis=1) > STOPPED
    missed = behind[stopped]
    return here[stopped], missed / np.linalg.norm(missed, axis=1, keepdims=True)


def _unexplained(told: FloatArray, moved: FloatArray) -> FloatArray:
    """What motion (N, J) lacks of what a linear law of `told` (N, K) says."""
    free = np.ones(len(told), dtype=bool)
    for _ in range(FITS):
        law = np.linalg.lstsq(told[free], moved[free], rcond=None)[0]
        lacking = told @ law - moved
        free = np.abs(lacking).max(axis=1) <= STOPPED
        if not free.any():
            break
    return np.asarray(lacking)


def _linear(inputs: int, outputs: int, generator: torch.Generator) -> nn.Linear:
    """As torch starts a layer, but from a generator of its own."""
    layer, bound = nn.Linear(inputs, outputs), inputs**-0.5
    with torch.no_grad():
        for one in (layer.weight, layer.bias):
            one.uniform_(-bound, bound, generator=generator)
    return layer


def _float(values: FloatArray) -> Tensor:
    return torch.from_numpy(values).to(torch.float32)
