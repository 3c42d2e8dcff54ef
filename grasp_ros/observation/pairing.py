# SPDX-License-Identifier: Apache-2.0
"""Pairs each image with the joints at its stamp; the newest image wins."""

from __future__ import annotations

from collections import deque

import numpy as np

from grasp_ros.config import ObservationConfig
from grasp_ros.types import JointSample, Refused, nanoseconds, seconds

KEPT = 256  # joint samples: over a second at 200 Hz, and a bound on memory in a flood


class ObservationBuffer:
    """Joint samples of the recent past, and the rules on stamps."""

    def __init__(self, config: ObservationConfig):
        self._max_age_ns = nanoseconds(config.max_age)
        self._max_skew_ns = nanoseconds(config.max_skew)
        self._max_future_ns = nanoseconds(config.max_future)
        self._samples: deque[JointSample] = deque(maxlen=KEPT)
        self._newest_ns = 0

    def clear(self) -> None:
        """Forget everything: after the clock jumped."""
        self._samples.clear()
        self._newest_ns = 0

    def add_joints(self, sample: JointSample) -> None:
        """Keep a sample. One that is older than others says that their stamps were wrong."""
        while self._samples and self._samples[-1].stamp_ns >= sample.stamp_ns:
            self._samples.pop()
        self._samples.append(sample)

    def check_stamp(self, stamp_ns: int, now_ns: int) -> Refused | None:
        """Whether an image with this stamp may be used now.

        Stamps that pass are remembered, so that no image is used twice.
        """
        if now_ns <= 0:
            return Refused('no /clock')
        if stamp_ns <= 0:
            return Refused('image has no stamp')
        if stamp_ns <= self._newest_ns:
            late = seconds(self._newest_ns - stamp_ns)
            return Refused(f'image is {late:.3f} s older than the last one')
        if stamp_ns > now_ns + self._max_future_ns:
            ahead = seconds(stamp_ns - now_ns)
            return Refused(f'image stamp is {ahead:.3f} s in the future: clocks differ')
        if stamp_ns < now_ns - self._max_age_ns:
            limit = seconds(self._max_age_ns)
            return Refused(
                f'image is {seconds(now_ns - stamp_ns):.3f} s old, at most {limit:.3f} s'
            )
        self._newest_ns = stamp_ns
        return None

    def joints_at(self, stamp_ns: int) -> JointSample | Refused:
        """Joints interpolated to an image's stamp, or carried on from the newest by velocity."""
        samples = list(self._samples)
        if not samples:
            return Refused('no joint_states')
        times = [sample.stamp_ns for sample in samples]
        after = int(np.searchsorted(times, stamp_ns))
        around = samples[max(0, after - 1) : after + 1]
        nearest = min(around, key=lambda sample: abs(stamp_ns - sample.stamp_ns))
        skew_ns = stamp_ns - nearest.stamp_ns
        if abs(skew_ns) > self._max_skew_ns:
            return Refused(
                f'joint_states is {seconds(abs(skew_ns)):.3f} s from the image, '
                f'at most {seconds(self._max_skew_ns):.3f} s'
            )
        if len(around) == 2:
            before, following = around
            share = (stamp_ns - before.stamp_ns) / (following.stamp_ns - before.stamp_ns)
            return JointSample(
                stamp_ns,
                before.position + share * (following.position - before.position),
                before.velocity + share * (following.velocity - before.velocity),
            )
        position = nearest.position + nearest.velocity * seconds(skew_ns)
        return JointSample(stamp_ns, position, nearest.velocity)
