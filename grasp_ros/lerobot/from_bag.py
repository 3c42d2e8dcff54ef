# SPDX-License-Identifier: Apache-2.0
"""A rosbag to a LeRobotDataset, on the grid of model steps that training would read it on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from grasp_ros.config import RobotConfig
from grasp_ros.lerobot.units import Unit
from grasp_ros.lerobot.whole import whole
from grasp_ros.lerobot.writer import DatasetWriter
from grasp_ros.robot.command import make_command
from grasp_ros.training.recording import Recording, read_images
from grasp_ros.training.timeline import Timeline, timelines
from grasp_ros.training.timing import period
from grasp_ros.types import BadInput

TASK = 'reach'
SHORTEST = 2  # frames of an episode
UNEVEN = 0.01  # how far, of 1, a whole number of frames a second may be from what was recorded


@dataclass(frozen=True)
class Written:
    """What came of a bag. fps: frames a second. lost: frames that no next one follows."""

    episodes: int
    frames: int
    fps: int
    lost: int


def from_bag(
    recording: Recording,
    target: Path,
    robot: RobotConfig,
    unit: Unit,
    dt: float,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Written:
    """Write the dataset: each unbroken stretch of frames `dt` s apart is an episode.

    progress(done, total) in frames. The state is measured, the action is where the commands want
    the joints one frame later. Of the last frame of a stretch nobody knows that; it is left out.
    """
    fps = whole_rate(dt, recording)
    line = commanded(recording, robot, dt)
    state = unit.of(line.positions)
    action = unit.of(line.positions + line.behind + line.asked)
    ends = [one for one in stretches(line) if one.stop - one.start >= SHORTEST]
    kept = np.concatenate([np.r_[one] for one in ends]) if ends else np.zeros(0, dtype=int)
    if not len(kept):
        raise BadInput(f'{recording.path}: no {SHORTEST} steps of {dt} s one after the other')
    first = next(read_images(recording, line.frames[kept[:1]])).shape
    pictures = read_images(recording, line.frames[kept])  # in this order: both are as received
    done = 0
    with (
        whole(target) as place,
        DatasetWriter(place, robot.name, robot.joints, fps, TASK, (first[0], first[1])) as dataset,
    ):
        for stretch in ends:
            for index in range(stretch.start, stretch.stop):
                dataset.frame(next(pictures), state[index], action[index])
                done += 1
                progress(done, len(kept))
            dataset.end_episode()
    return Written(len(ends), len(kept), fps, len(line.frames) - len(kept))


def commanded(recording: Recording, robot: RobotConfig, dt: float) -> Timeline:
    """The recording on the grid of `dt` s, its commands as they were sent.

    A LeRobot action is where the joints are sent, whether they get there or not: without a
    tolerance no joint counts as blocked, nothing is taken for a stop, and no lag is taken out.
    """
    bounds = robot.max_velocity
    command = make_command('joint_velocity', tuple(-one for one in bounds), tuple(bounds), dt)
    obeying = replace(robot, tracking_tolerance=(float('inf'),) * len(robot.joints))
    (line,), _ = timelines([recording], obeying, command)
    return line


def stretches(line: Timeline) -> list[slice]:
    """The frames whose next one is a model step later, in unbroken stretches."""
    edges = np.diff(np.concatenate([[False], line.follows, [False]]).astype(int))
    starts, stops = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    return [slice(int(a), int(b)) for a, b in zip(starts, stops, strict=True)]


def whole_rate(dt: float, recording: Recording) -> int:
    """Frames a second for a step of `dt` s; raises BadInput unless this is a whole number."""
    fps = max(1, round(1 / dt))
    if abs(fps * dt - 1) <= UNEVEN:
        return fps
    every = period([recording])
    steps = [every * count for count in range(1, 1 + round(1 / every))]
    fits = [one for one in steps if abs(round(1 / one) * one - 1) <= UNEVEN]
    advice = f'say --dt {min(fits, key=lambda one: abs(one - dt)):.4f}' if fits else 'resample'
    raise BadInput(
        f'{recording.path}: a step of {dt:.4g} s is {1 / dt:.4g} frames a second, and LeRobot '
        f'has whole numbers of them; {advice}'
    )
