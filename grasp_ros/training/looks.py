# SPDX-License-Identifier: Apache-2.0
"""A look at some of a bag's pictures, before hours of training on them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from grasp_ros.training.findings import Finding
from grasp_ros.training.recording import Recording, read_images
from grasp_ros.training.timeline import Timeline
from grasp_ros.types import BadInput, FloatArray

LOOKS = 200  # pictures of each camera, spread over the bag
BLANK = 4  # grey levels: the pictures of a covered camera differ by less, pixels and all
FROZEN = 0.5  # share of the robot's motions that a camera which hangs now and then does not miss
FEWEST = 10  # motions, to say that they do not show


def look(line: Timeline, tolerance: FloatArray) -> Iterator[Finding]:
    """What is wrong with a bag's pictures. tolerance (J,), m or rad: what goes further moves."""
    count = len(line.frames)
    frames = np.unique(np.linspace(0, count - 1, min(count, LOOKS)).astype(int))
    for role, messages in line.recording.messages.items():
        wanted, first = np.unique(messages[line.frames[frames]], return_index=True)
        moved = np.abs(np.diff(line.positions[frames[first]], axis=0)) > tolerance
        where = f'{line.recording.path}: {line.recording.topics[role][0]}'
        try:
            blank, same = _compared(line.recording, role, wanted)
        except BadInput as error:
            yield Finding('error', str(error))
            continue
        hidden = same[moved.any(axis=1)]
        if blank:
            yield Finding('error', f'{where}: all pictures are of one colour: no light?')
        elif len(hidden) >= FEWEST and hidden.all():
            yield Finding('error', f'{where}: the robot moves, and the picture never changes')
        elif len(hidden) >= FEWEST and hidden.mean() > FROZEN:
            share = f'{100 * hidden.mean():.0f} %'
            text = f'{where}: {share} of the motions looked at do not show: does the camera hang?'
            yield Finding('warning', text)


def _compared(
    recording: Recording, role: str, wanted: NDArray[np.int64]
) -> tuple[bool, NDArray[np.bool_]]:
    """Whether the wanted pictures (N,) are all of one colour, and which (N - 1,) equal the next.

    Raises BadInput for one that cannot be decoded, or is of another size than the first.
    """
    same, before = list[bool](), None
    low, high = np.full(3, 255), np.zeros(3)
    for rgb in read_images(recording, wanted, role):
        if before is not None:
            if rgb.shape != before.shape:
                raise BadInput(
                    f'{recording.path}: {recording.topics[role][0]}: image size changes from '
                    f'{before.shape[:2]} to {rgb.shape[:2]} (height, width)'
                )
            same.append(np.array_equal(rgb, before))
        low, high = np.minimum(low, rgb.min(axis=(0, 1))), np.maximum(high, rgb.max(axis=(0, 1)))
        before = rgb
    return bool((high - low < BLANK).all()), np.array(same, dtype=bool)
