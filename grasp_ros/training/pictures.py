# SPDX-License-Identifier: Apache-2.0
"""Pictures to train on, on disk: there may be more than fit into memory."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from grasp_ros.types import BadInput

GB = 1e9

Size = tuple[int, int]
"""Height and width, px"""


class Pictures(Protocol):
    """N pictures of one size, uint8: an array (N, H, W, 3), or what is indexed like one."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, 3)."""

    def __len__(self) -> int:
        """N."""

    def __getitem__(self, which: Any) -> NDArray[np.uint8]:
        """One of them (H, W, 3), or those of a slice or of an array of indices (M, H, W, 3)."""


class Chosen:
    """Some pictures of others, read only when they are asked for."""

    def __init__(self, pictures: Pictures, index: NDArray[np.int64]):
        self._pictures, self._index = pictures, index

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, 3)."""
        return (len(self._index), *self._pictures.shape[1:])

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, which: Any) -> NDArray[np.uint8]:
        return np.asarray(self._pictures[self._index[which]])


def on_disk(folder: Path, shape: tuple[int, int, int, int]) -> NDArray[np.uint8]:
    """An array (N, H, W, 3) in a nameless file in `folder`, which goes when the process ends.

    Raises BadInput where there is no room for it: later, it would end the process.
    """
    size = int(np.prod(shape))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, np.uint8, 'r+', shape=shape)
    except OSError as error:
        raise BadInput(
            f'{folder}: no room for {size / GB:,.1f} GB of pictures while training: {error}'
        ) from error
