# SPDX-License-Identifier: Apache-2.0
"""Where in its joint space a robot is stopped, and what ways close to there cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from grasp_ros.types import BadInput, FloatArray
from grasp_ros.world_model.tensors import Layer, check_tensor, through

TOLL = 20.0  # model steps that each step costs besides, where the robot is stopped for certain
# Times as much once something was in the way that nobody knew of. What is avoided at the first try
# must not look cheap beside it; nor may a doubt lead each robot round about that nothing stops.
WARY = 5.0
SURE = 4  # power: beside an obstacle, where it is less than half likely, ways cost next to nothing
LONG = 6.0  # model steps: on as long a way a robot strays from the straight line
MOST = 0.95  # of the places have less of a joint's share: the others may be a fit's whims
LEAST = 0.15  # no joint counts less
SHARES = np.linspace(0.0, 1.0, 9)  # of a way, where it is looked at


@dataclass(frozen=True)
class Obstacles:
    """A small network that tells positions in obstacles from those where the robot has been.

    layers: weight (out, in) and bias (out,) of each, SiLU between; the first takes joint positions
    (J,), m or rad, the last gives the logit. step (J,): the joints' full steps.
    """

    layers: tuple[Layer, ...]
    step: Tensor

    def inside(self, positions: Tensor) -> Tensor:
        """How likely positions (..., J) lie in an obstacle: (...), 0 to 1."""
        return torch.sigmoid(through(self.layers, positions)[..., 0])

    def tolls(self, start: FloatArray, end: FloatArray, straight: bool = False) -> FloatArray:
        """What straight ways (N, J) to (N, J), m or rad, cost besides their time, model steps.

        straight: a robot on these ways keeps to the straight line. Otherwise the longer a way, the
        more counts what only may lie in an obstacle, as beside one.
        """
        way = end - start
        steps = np.abs(way / self.step.cpu().numpy()).max(axis=1, initial=0.0)
        points = np.stack([start + share * way for share in SHARES], axis=1)
        inside = self.inside(torch.from_numpy(points).to(self.step)).cpu().numpy()
        counts = np.minimum(1.0, 2 * inside**SURE)
        if not straight:
            counts = np.maximum(counts, np.minimum(1.0, steps / LONG)[:, None])
        return np.asarray(TOLL * steps * (counts * inside).mean(axis=1))

    def shares(self, positions: Tensor) -> FloatArray:
        """How much each joint (J,) has in ways out of obstacles, 0 to 1, where it has most.

        positions (M, J): where this is looked at. Each axis of a gantry is all of some way out;
        the last joints of an arm are little of any.
        """
        with torch.enable_grad():
            places = positions.detach().clone().requires_grad_()
            (slope,) = torch.autograd.grad(through(self.layers, places).sum(), places)
        slope = (slope * self.step).square() + 1e-9  # where nothing leads out all count alike
        most = (slope / slope.sum(dim=1, keepdim=True)).quantile(MOST, dim=0)
        return np.asarray((most / most.max()).clamp(min=LEAST).double().cpu())

    def to(self, device: torch.device) -> Obstacles:
        """The same obstacles on `device`."""
        layers = tuple((weight.to(device), bias.to(device)) for weight, bias in self.layers)
        return Obstacles(layers, self.step.to(device))

    def tensors(self) -> dict[str, Tensor]:
        """As tensors for a safetensors file."""
        named = {'step': self.step}
        for number, (weight, bias) in enumerate(self.layers):
            named |= {f'weight_{number}': weight, f'bias_{number}': bias}
        return {name: one.contiguous() for name, one in named.items()}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], joints: int) -> Obstacles:
        """Checked against the robot's joints; raises BadInput naming the tensor."""
        numbers = range(max(1, len(tensors) // 2))
        names = {'step', *(f'{kind}_{one}' for kind in ('weight', 'bias') for one in numbers)}
        if tensors.keys() != names:
            raise BadInput(f'obstacles have tensors {sorted(tensors)}, expected {sorted(names)}')
        size = joints
        shapes: dict[str, tuple[int, ...]] = {'step': (joints,)}
        for one in numbers:
            wide = 1 if one == numbers[-1] else tensors[f'bias_{one}'].numel()
            shapes |= {f'weight_{one}': (wide, size), f'bias_{one}': (wide,)}
            size = wide
        for name, shape in shapes.items():
            check_tensor(f'obstacles: {name}', tensors[name], shape)
        if not (tensors['step'] > 0).all():
            raise BadInput(f'obstacles: step is {tensors["step"].tolist()}; more than 0 expected')
        layers = tuple((tensors[f'weight_{one}'], tensors[f'bias_{one}']) for one in numbers)
        return cls(layers, tensors['step'])
