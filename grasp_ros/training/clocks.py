# SPDX-License-Identifier: Apache-2.0
"""Whether images and joint states are stamped by one clock."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from grasp_ros.training.findings import Finding
from grasp_ros.training.recording import Recording
from grasp_ros.types import BadInput, seconds

APART = 0.3  # s: how much later than the others' one stream's messages may come after their stamps


def refuse_other_times(recording: Recording) -> None:
    """Raise BadInput where images and joint states are not of one time."""
    images, joints = recording.image_stamps, recording.joint_stamps
    if images.min() > joints.max() or joints.min() > images.max():
        first, second = (
            f'{seconds(int(one.min())):.2f} to {seconds(int(one.max())):.2f} s'
            for one in (images, joints)
        )
        raise BadInput(
            f'{recording.path}: the images are stamped {first}, the joint states {second}: two '
            'clocks, or unstamped joint_states?'
        )


def clocks_apart(recording: Recording) -> Iterator[Finding]:
    """A warning where the camera's clock is not that of the joint states."""
    received = recording.image_received
    late = received - recording.image_stamps
    # Of the joint states received then: a simulation's clock is ever further from the recorder's.
    got = recording.joint_received
    nearest = np.searchsorted(got, received).clip(0, len(got) - 1)
    others = (got - recording.joint_stamps)[nearest]
    apart = seconds(int(np.median(late - others)))
    if abs(apart) > APART:
        after = [seconds(int(np.median(one))) for one in (late, others)]
        text = (
            f'{recording.path}: images come {after[0]:.2f} s after their stamps, joint states '
            f'{after[1]:.2f} s: two clocks, as of cameras of another computer? Synchronise them'
        )
        yield Finding('warning', text)
