# SPDX-License-Identifier: Apache-2.0
"""Where the robot was stopped, and from that what its joint space holds of obstacles."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from grasp_ros.training.committee import Networks, fit
from grasp_ros.training.dataset import Dataset
from grasp_ros.types import FloatArray
from grasp_ros.world_model.obstacles import Obstacles

STOPPED = 0.2  # of a step: a joint that stays so far behind its command has touched something
FITS = 4  # of what commands move; each leaves out what the one before did not explain
FEWEST = 30  # frames of contact: fewer tell of no obstacle's shape
DEPTH = (0.2, 2.3)  # steps onward from where the robot was stopped that lie in what stopped it
WIDTH, HIDDEN, STEPS = 64, 3, 5000
FREE, BLOCKED = 384, 128  # positions of each kind in a training step
TEACHERS, LESSONS = 4, 4000  # networks that learn from the data, steps of the one that they teach
ASKED = 256  # places of each kind that these are asked about in a step
ABOUT = 3.0  # steps beside where the robot has been
ACROSS = (-4.0, 6.0)  # steps onward from where it was stopped


def fit_obstacles(data: Dataset, seed: int) -> Obstacles | None:
    """Learn which joint positions lie in obstacles; None where too little was touched.

    No robot has been inside of one. But where it was stopped, what lies onward in the direction
    that it was kept from does: that stands against all positions where it has been. Between the
    places that were touched a network fills in the surface, and finds the joints that do not
    matter: in six of them nobody touches everything. Several do, and one learns from all of them.
    """
    places, kept_from = stops(data)
    if len(places) < FEWEST:
        return None
    step = data.full_step()
    generator = torch.Generator().manual_seed(seed)
    # Of a joint that hardly moves, what it trembles by must not become the measure of its places.
    mean, spread = data.positions.mean(axis=0), np.maximum(data.positions.std(axis=0), step)
    been, places = ((one - mean) / spread for one in (data.positions, places))
    free, blocked, onward, one_step = (
        torch.from_numpy(one).to(torch.float32)
        for one in (been, places, kept_from * step / spread, step / spread)
    )
    low, high = free.amin(dim=0), free.amax(dim=0)
    truth = torch.cat([torch.zeros(FREE), torch.ones(BLOCKED)])

    def some(of: Tensor, *shape: int) -> Tensor:
        return torch.randint(len(of), shape, generator=generator)

    def evidence() -> tuple[Tensor, Tensor]:
        here, there = some(free, TEACHERS, FREE), some(blocked, TEACHERS, BLOCKED)
        depth = torch.empty(TEACHERS, BLOCKED, 1).uniform_(*DEPTH, generator=generator)
        return torch.cat([free[here], blocked[there] + depth * onward[there]], dim=1), truth

    def lesson() -> tuple[Tensor, Tensor]:
        here, there = free[some(free, ASKED)], some(blocked, ASKED)
        depth = torch.empty(ASKED, 1).uniform_(*ACROSS, generator=generator)
        beside = ABOUT * one_step * torch.randn(here.shape, generator=generator)
        anywhere = low + (high - low) * torch.rand(here.shape, generator=generator)
        places = torch.cat([here + beside, anywhere, blocked[there] + depth * onward[there]])
        with torch.no_grad():
            return places, torch.sigmoid(teachers(places).mean(dim=0))

    sizes = (len(step), *[WIDTH] * HIDDEN, 1)
    teachers, pupil = Networks(TEACHERS, sizes, generator), Networks(1, sizes, generator)
    fit(teachers, STEPS, evidence)
    fit(pupil, LESSONS, lesson)
    layers = pupil.layers()
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


def _float(values: FloatArray) -> Tensor:
    return torch.from_numpy(values).to(torch.float32)
