# SPDX-License-Identifier: Apache-2.0
"""Files from outside: what their readers raise names the file, and paths stay in the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from grasp_ros.types import BadInput


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Raises BadInput that names the file, for all that reading it raises."""
    try:
        yield
    except BadInput:
        raise
    except Exception as error:  # a damaged file: whatever JSON, Arrow or FFmpeg raise
        raise BadInput(f'{path}: not readable as part of a LeRobotDataset: {error!r}') from error


def inside(root: Path, pattern: str, **parts: object) -> Path:
    """The file that a dataset's own pattern names; BadInput for one outside of its folder."""
    path = root / pattern.format(**parts)
    # By its words alone: in a download's cache the files themselves are links to elsewhere.
    if not Path(os.path.normpath(path)).is_relative_to(os.path.normpath(root)):
        raise BadInput(f'{root}: {pattern!r} leads to {path}, outside of the dataset')
    return path
