# SPDX-License-Identifier: Apache-2.0
"""Motion without an aim: what shows how the robot answers any sequence of actions."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grasp_ros.types import FloatArray

KINDS = ('ou', 'held', 'independent')
SHARES = (0.5, 0.3, 0.2)


def random_actions(size: int, rng: np.random.Generator) -> Iterator[FloatArray]:
    """Actions (A,) in [-1, 1] for ever, of one kind.

    Half the time an Ornstein-Uhlenbeck process, in 30 % each action is held for a while, in 20 %
    each is drawn by itself.
    """
    kind = rng.choice(KINDS, p=SHARES)
    action, hold = rng.uniform(-1, 1, size), 0
    while True:
        if kind == 'ou':
            action = np.clip(0.9 * action + 0.45 * rng.standard_normal(size), -1, 1)
        elif kind == 'independent':
            action = rng.uniform(-1, 1, size)
        elif hold == 0:
            action = np.clip(1.5 * rng.uniform(-1, 1, size), -1, 1)
            hold = int(rng.integers(5, 20)) - 1
        else:
            hold -= 1
        yield action
