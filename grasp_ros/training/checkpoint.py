# SPDX-License-Identifier: Apache-2.0
"""What a training that was killed goes on from: nothing but tensors and numbers."""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from grasp_ros.training.train_config import Progress
from grasp_ros.types import BadInput

EVERY = 30.0  # s between two writes
GROUP = ('lr', 'betas')  # what a schedule changes in an optimiser
MODULE, OPTIMISER, RNG = 'module.', 'optimiser.', 'rng'  # what tensors belong to


class Checkpoint:
    """How far each stage of one training is, in a folder; None: nothing is kept.

    key: of all that the training is made from; what another one left is begun anew. writes: of
    several processes that train together one does; all read, so that they go on alike.
    """

    def __init__(self, folder: Path | None, key: str, every: float = EVERY, writes: bool = True):
        self._folder, self._key, self._every, self._writes = folder, key, every, writes

    def steps(
        self,
        stage: str,
        module: nn.Module,
        optimiser: Optimizer,
        schedule: LRScheduler,
        batches: Iterator[Tensor],
        total: int,
        progress: Progress,
    ) -> Iterator[Tensor]:
        """The batches from where the stage was left, for a loop that makes a step with each.

        Whoever goes on has the weights, the optimiser's moments, the learning rate and the random
        numbers of one who was never stopped. Raises BadInput for a file that does not fit.
        """
        done = self._load(stage, module, optimiser, schedule)
        saved = time.monotonic()
        for count, batch in enumerate(batches, start=1):
            if count <= done:  # the random numbers that chose it are drawn again
                continue
            yield batch
            progress(stage, count, total)
            if count == total or time.monotonic() - saved >= self._every:
                self._save(stage, count, module, optimiser)
                saved = time.monotonic()

    def _save(self, stage: str, done: int, module: nn.Module, optimiser: Optimizer) -> None:
        if self._folder is None or not self._writes:
            return
        tensors = {MODULE + name: one for name, one in module.state_dict().items()}
        state = optimiser.state_dict()
        for number, moments in state['state'].items():
            tensors |= {f'{OPTIMISER}{number}.{name}': one for name, one in moments.items()}
        tensors[RNG] = torch.get_rng_state()
        groups = [{name: group[name] for name in GROUP} for group in state['param_groups']]
        told = {'key': self._key, 'done': str(done), 'groups': json.dumps(groups)}
        self._folder.mkdir(parents=True, exist_ok=True)
        beside = self._folder / f'{stage}.partial'
        save_file({name: one.contiguous() for name, one in tensors.items()}, beside, told)
        beside.replace(self._file(stage))

    def _load(
        self, stage: str, module: nn.Module, optimiser: Optimizer, schedule: LRScheduler
    ) -> int:
        """The steps that were made already."""
        if self._folder is None or not self._file(stage).exists():
            return 0
        try:
            with safe_open(self._file(stage), 'pt') as file:
                told = file.metadata()
                if told['key'] != self._key:
                    return 0
                tensors = {name: file.get_tensor(name) for name in file.keys()}
            state = optimiser.state_dict()
            for name, one in tensors.items():
                if name.startswith(OPTIMISER):
                    _, number, moment = name.split('.')
                    state['state'].setdefault(int(number), {})[moment] = one
            done = int(told['done'])
            with warnings.catch_warnings():  # of a schedule before the first step
                warnings.simplefilter('ignore', UserWarning)
                schedule.last_epoch = done - 1
                schedule.step()
            for group, kept in zip(state['param_groups'], json.loads(told['groups']), strict=True):
                group |= kept
            optimiser.load_state_dict(state)
            weights = [name for name in tensors if name.startswith(MODULE)]
            module.load_state_dict({name.removeprefix(MODULE): tensors[name] for name in weights})
            torch.set_rng_state(tensors[RNG])
        except Exception as error:  # a damaged file, whatever its readers raise
            raise BadInput(
                f'{self._file(stage)}: no state of a training that can be gone on from: {error}; '
                f'remove {self._folder} to begin anew'
            ) from error
        return done

    def _file(self, stage: str) -> Path:
        assert self._folder is not None
        return self._folder / f'{stage}.safetensors'
