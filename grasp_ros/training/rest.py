# SPDX-License-Identifier: Apache-2.0
"""Long rests: what nobody needs to see for minutes, and what would be all that is held out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from grasp_ros.config import RobotConfig
from grasp_ros.training.findings import Finding
from grasp_ros.training.replay import STILL
from grasp_ros.training.timeline import Timeline

LONGEST = 5.0  # s of a rest that are kept


def without_rest(line: Timeline, robot: RobotConfig, dt: float) -> Timeline:
    """The timeline without frames in which the robot has been at rest for long. dt: a step, s.

    Neither it nor its command moves then, and it is where it was sent: one that is pushed against
    something is not at rest.
    """
    kept = np.ones(len(line.frames), dtype=bool)
    still = STILL * np.array(robot.tracking_tolerance * 2)
    state = np.concatenate([line.positions, line.positions + line.behind], axis=1)
    state[line.blocked.any(axis=1)] = np.nan  # is like no other
    first, longest = 0, round(LONGEST / dt)
    for frame, one in enumerate(state):
        if not (np.abs(one - state[first]) <= still).all():
            first = frame
        kept[frame] = frame - first < longest
    if kept.all():
        return line
    index = np.flatnonzero(kept)
    text = (
        f'{line.recording.path}: {len(kept) - len(index)} of {len(kept)} frames left out: the '
        'robot rests there'
    )
    per_frame = ('frames', 'positions', 'actions', 'asked', 'told', 'moved', 'behind', 'blocked')
    return replace(
        line,
        **{name: getattr(line, name)[index] for name in per_frame},
        follows=line.follows[index] & np.append(np.diff(index) == 1, False),
        findings=(*line.findings, Finding('note', text)),
    )
