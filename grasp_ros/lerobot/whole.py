# SPDX-License-Identifier: Apache-2.0
"""A new folder as a whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from grasp_ros.types import BadInput


@contextmanager
def whole(target: Path) -> Iterator[Path]:
    """Where to write what then becomes `target`; after an error or an interrupt nothing is left.

    Raises BadInput for a target that exists.
    """
    if target.exists():
        raise BadInput(f'{target} exists already; nothing is ever overwritten')
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside its place, as only within a file system a folder moves at once.
    with TemporaryDirectory(prefix=f'.{target.name}.', dir=target.parent) as folder:
        place = Path(folder) / target.name  # a bag's files are called by its folder's name
        yield place
        if target.exists():
            raise BadInput(f'{target} was made by another meanwhile; nothing is overwritten')
        place.rename(target)
