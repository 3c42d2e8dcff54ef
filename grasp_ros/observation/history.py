# SPDX-License-Identifier: Apache-2.0
"""The joints of the recent past, to be asked for at an image's stamp."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque

from grasp_ros.types import JointSample, Refused, seconds

KEPT = 16384  # joint samples at most: the oldest image at 1 kHz; more is a flood


class JointHistory:
    """Joint samples with growing stamps.

    max_skew_ns: how far from a sample is still answered. max_age_ns: how long before the newest.
    """

    def __init__(self, max_skew_ns: int, max_age_ns: int):
        self._max_skew_ns, self._kept_ns = max_skew_ns, max_skew_ns + max_age_ns
        self._samples: deque[JointSample] = deque(maxlen=KEPT)

    def clear(self) -> None:
        """Forget everything: after the clock jumped."""
        self._samples.clear()

    def add(self, sample: JointSample) -> None:
        """Keep a sample, newer than all before, and forget those that are too old."""
        self._samples.append(sample)
        while self._samples[0].stamp_ns < sample.stamp_ns - self._kept_ns:
            self._samples.popleft()

    def at(self, stamp_ns: int) -> JointSample | Refused:
        """Joints interpolated to a stamp, or carried on from the newest by velocity."""
        samples = self._samples
        if not samples:
            return Refused('no joint_states')
        after = bisect_left(samples, stamp_ns, key=lambda sample: sample.stamp_ns)
        around = [samples[i] for i in range(max(0, after - 1), min(after + 1, len(samples)))]
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
