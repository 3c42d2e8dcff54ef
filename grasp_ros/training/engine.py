# SPDX-License-Identifier: Apache-2.0
"""Where a model is trained: on one device, or on several by torchrun, with Lightning Fabric."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.loggers.logger import Logger
from lightning_fabric.loggers.tensorboard import TensorBoardLogger
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from grasp_ros.training.checkpoint import Checkpoint
from grasp_ros.training.train_config import Precision, Progress
from grasp_ros.types import BadInput

LOGGED = 20  # training steps between two points of a curve


def make_engine(
    device: str = 'auto', precision: Precision = '32-true', curves: Path | None = None
) -> Fabric:
    """The engine of this process; one of several where torchrun started it.

    device: auto, cpu or cuda. curves: the folder of TensorBoard files of the losses. Raises
    BadInput where torch finds no such device, or fewer than there are processes.
    """
    cuda = torch.cuda.device_count() if device != 'cpu' else 0
    if device == 'cuda' and not cuda:
        raise BadInput('--device is cuda, and torch finds no CUDA device')
    world, here = (int(os.environ.get(name, '1')) for name in ('WORLD_SIZE', 'LOCAL_WORLD_SIZE'))
    if cuda and here > cuda:
        raise BadInput(f'torchrun started {here} processes here, and there are {cuda} GPUs')
    loggers: list[Logger] = []
    if curves is not None:
        loggers.append(TensorBoardLogger(curves.parent, name=curves.name, version=''))
    fabric = Fabric(
        accelerator='cuda' if cuda else 'cpu',
        devices=here,
        num_nodes=world // here,
        strategy='ddp' if world > 1 else 'auto',
        precision=precision,
        loggers=loggers,
    )
    fabric.launch()
    return fabric


def fit(
    fabric: Fabric,
    stage: str,
    module: nn.Module,
    optimiser: Optimizer,
    schedule: LRScheduler,
    batches: Iterator[Tensor],
    total: int,
    inputs: Callable[[Tensor], tuple[Any, ...]],
    checkpoint: Checkpoint,
    progress: Progress,
) -> None:
    """Make a step with each of the `total` batches of windows (N, T + 1), from the last one left.

    module: returns the terms of its loss for inputs(windows). With several processes each takes
    its own part of every batch, and their gradients are averaged.
    """
    learner, stepper = fabric.setup(module, optimiser)
    rank, count = fabric.global_rank, fabric.world_size
    steps = checkpoint.steps(stage, module, optimiser, schedule, batches, total, progress)
    for done, window in enumerate(steps):
        terms = learner(*inputs(window[rank::count]))
        loss = torch.stack(list(terms.values())).sum()
        stepper.zero_grad()
        fabric.backward(loss)
        stepper.step()
        schedule.step()
        if fabric.loggers and done % LOGGED == 0:
            told = {f'{stage}/{name}': value.item() for name, value in terms.items()}
            fabric.log_dict({**told, f'{stage}/loss': loss.item()}, schedule.last_epoch)
