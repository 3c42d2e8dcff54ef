# SPDX-License-Identifier: Apache-2.0
"""The clocks of a bag: stretches in which time runs on, and frames a model step apart."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from grasp_ros.training.findings import Finding
from grasp_ros.training.recording import Recording
from grasp_ros.types import (
    BadInput,
    FloatArray,
    JointTrajectory,
    TimeArray,
    nanoseconds,
    seconds,
)

USUAL_STEP = 0.1  # s: what a model step is near to, unless it is given
JITTER = 0.25  # of a model step: frames may be this much earlier or later
MISFIT = 0.1  # of a model step: the frames' mean distance may differ by this from it
BACK_NS = nanoseconds(0.05)  # stamps of one stream out of order by less are no jump of a clock
SAME_CLOCK_NS = nanoseconds(0.5)  # stamps and reception further apart are of two clocks
GAP_NS = nanoseconds(2)  # without joint states for longer, nobody knows what was commanded
DOUBLED = 1.5  # times the usual rate of all streams: messages of two times, one upon the other


@dataclass(frozen=True)
class Section:
    """A stretch of a bag in which all clocks run on.

    images (N,): indices of its images in the recording. image_stamps (N,), joint_stamps (M,):
    strictly increasing; positions (M, J). commands: (arrival, trajectory), on the stamps' clock.
    """

    images: NDArray[np.int64]
    image_stamps: TimeArray
    joint_stamps: TimeArray
    positions: FloatArray
    commands: list[tuple[int, JointTrajectory]]

    def at(self, times: TimeArray) -> FloatArray:
        """The joint positions (T, J) at `times` (T,), between the two samples around each."""
        first = self.joint_stamps[0]  # from here floats are exact to a nanosecond
        since, known = (times - first).astype(float), (self.joint_stamps - first).astype(float)
        return np.stack([np.interp(since, known, joint) for joint in self.positions.T], axis=1)


def sections(recording: Recording) -> tuple[list[Section], list[Finding]]:
    """The recording cut where a clock jumps, where two times are mixed, and at long gaps."""
    received = (recording.image_received, recording.joint_received)
    stamps = (recording.image_stamps, recording.joint_stamps)
    findings: list[Finding] = []
    cuts: list[int] = []
    for name, got, at in zip(('images', 'joint states'), received, stamps, strict=True):
        back = np.flatnonzero(np.diff(at) < -BACK_NS)
        if len(back) > 10 + len(at) // 100:
            raise BadInput(
                f'{recording.path}: the stamps of the {name} jump back {len(back)} times; two '
                'clocks, or two publishers of the topic, are mixed. Record with one'
            )
        for index in back:
            lost = seconds(int(at[index] - at[index + 1]))
            text = f'{recording.path}: the clock of the {name} jumps back by {lost:.2f} s; cut'
            findings.append(Finding('warning', text))
        cuts += [int(time) for time in got[back + 1]]
    gaps = np.flatnonzero(np.diff(recording.joint_stamps) > GAP_NS)
    cuts += [int(time) for time in recording.joint_received[gaps + 1]]
    if len(gaps):
        longest = seconds(int(np.diff(recording.joint_stamps)[gaps].max()))
        text = f'{recording.path}: {len(gaps)} gaps in the joint states, up to {longest:.1f} s'
        findings.append(Finding('note', text))
    mixed = _mixed(recording)
    for first, last in mixed:
        text = (
            f'{recording.path}: for {seconds(last - first):.0f} s all topics come at twice their '
            'rate: the clock was set back, and two times are mixed. This stretch is left out'
        )
        findings.append(Finding('warning', text))
        cuts += [first, last]
    edges = [np.iinfo(np.int64).min, *sorted(set(cuts)), np.iinfo(np.int64).max]
    found = [
        _section(recording, first, last)
        for first, last in itertools.pairwise(edges)
        if not any(start <= first < end for start, end in mixed)
    ]
    return [section for section in found if section is not None], findings


def _mixed(recording: Recording) -> list[tuple[int, int]]:
    """Intervals of reception in which images and joint states come at twice their rate.

    A reader sorts by the time of reception, so a clock that was set back shows only so.
    """
    streams = recording.image_received, recording.joint_received
    if min(map(len, streams)) < 2:
        return []
    first = min(int(stream[0]) for stream in streams)
    last = max(int(stream[-1]) for stream in streams)
    period = max(int(np.median(np.diff(stream))) for stream in streams)
    width = max(nanoseconds(1), 10 * period)
    edges = np.arange(first, last + width, width)
    doubled = np.ones(len(edges) - 1, dtype=bool)
    for stream in streams:
        counts, _ = np.histogram(stream - first, edges - first)
        doubled &= counts > DOUBLED * np.median(counts[counts > 0])
    found: list[tuple[int, int]] = []
    for index in np.flatnonzero(doubled):
        start, end = int(edges[index]) - width, int(edges[index]) + 2 * width
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    # A burst after a stall fills one interval; a clock that was set back, many.
    return [(start, end) for start, end in found if end - start > 4 * width]


def _section(recording: Recording, first: int, last: int) -> Section | None:
    """What was received from `first` up to `last`; None when there are no two images."""
    within = (recording.joint_received >= first) & (recording.joint_received < last)
    joint_received = recording.joint_received[within]
    order = _rising(recording.joint_stamps[within])
    joint_stamps = recording.joint_stamps[within][order]
    images = np.flatnonzero(
        (recording.image_received >= first) & (recording.image_received < last)
    )
    images = images[_rising(recording.image_stamps[images])]
    if len(joint_stamps) == 0 or len(images) < 2:
        return None
    own = [one for one in recording.commands if first <= one[0] < last]
    times = _arrivals([time for time, _ in own], joint_received[order], joint_stamps)
    commands = list(zip(times, (trajectory for _, trajectory in own), strict=True))
    stamps = recording.image_stamps[images]
    return Section(images, stamps, joint_stamps, recording.positions[within][order], commands)


def _rising(stamps: TimeArray) -> NDArray[np.int64]:
    """Indices of the stamps above all those before them."""
    if len(stamps) == 0:
        return np.zeros(0, dtype=np.int64)
    before = np.concatenate([[np.iinfo(np.int64).min], np.maximum.accumulate(stamps)[:-1]])
    return np.flatnonzero(stamps > before)


def _arrivals(times: list[int], received: TimeArray, stamps: TimeArray) -> list[int]:
    """When messages were received, on the clock of the joint states' stamps.

    A recorder without use_sim_time receives by the wall clock what is stamped by a simulation's.
    """
    if abs(int(np.median(received - stamps))) < SAME_CLOCK_NS:
        return times
    since = np.interp(
        (np.array(times, dtype=np.int64) - received[0]).astype(float),
        (received - received[0]).astype(float),
        (stamps - stamps[0]).astype(float),
    )
    return [int(stamps[0]) + round(float(time)) for time in since]


def period(recordings: list[Recording]) -> float:
    """The camera's usual time between images, s. Raises BadInput for fewer than two images."""
    steps = np.concatenate([np.diff(one.image_stamps) for one in recordings])
    steps = steps[steps > 0]
    if len(steps) == 0:
        paths = ', '.join(str(one.path) for one in recordings)
        raise BadInput(f'{paths}: fewer than two images with different stamps')
    usual = np.median(steps)
    near = steps[np.abs(steps - usual) < usual / 2]
    return float(near.mean()) / 1e9


def model_step(recordings: list[Recording]) -> float:
    """The multiple of the camera's period that is nearest to USUAL_STEP, s."""
    every = period(recordings)
    return round(max(1, round(USUAL_STEP / every)) * every, 4)


def pick_frames(stamps: TimeArray, step_ns: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Indices (N,) of frames one model step apart, and (N,) whether the next one is.

    Each is the nearest to one step after the one before; where none is near, a new grid starts.
    """
    chosen, follows = [0], []
    while True:
        last = chosen[-1]
        wanted = stamps[last] + step_ns
        right = int(np.searchsorted(stamps, wanted))
        near = [i for i in (right - 1, right) if last < i < len(stamps)]
        if not near:
            break
        best = min(near, key=lambda index: abs(int(stamps[index] - wanted)))
        close = abs(int(stamps[best] - wanted)) <= JITTER * step_ns
        chosen.append(best if close else max(right, last + 1))
        follows.append(close)
        if chosen[-1] >= len(stamps):
            chosen.pop()
            follows.pop()
            break
    return np.array(chosen), np.array([*follows, False])


def check_step(path: Path, apart: FloatArray, step: float, every: float) -> None:
    """Raises BadInput with a step that fits, unless frames `apart` (N,) s fit `step` s.

    path: the bag. every: the camera's period, s.
    """
    if len(apart) and abs(apart.mean() - step) <= MISFIT * step:
        return
    fits = round(max(1, round(step / every)) * every, 4)
    if len(apart) == 0 and abs(fits - step) <= MISFIT * step:
        raise BadInput(
            f'{path}: no two images {step} s apart with joint states beside them; images come '
            f'every {every:.3g} s'
        )
    raise BadInput(
        f'{path}: images come every {every:.3g} s ({1 / every:.3g} Hz), which does not fit a '
        f'model step of {step} s; use --dt {fits}'
    )
