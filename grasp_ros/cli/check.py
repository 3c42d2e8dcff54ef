# SPDX-License-Identifier: Apache-2.0
"""grasp-ros check: do the bags agree with the robot's file, and are they enough to train on?"""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from grasp_ros.cli import data
from grasp_ros.cli.progress import bars, console
from grasp_ros.types import TimeArray, seconds

if TYPE_CHECKING:
    from grasp_ros.training.recording import Recording

COLOURS = {'error': 'red', 'warning': 'yellow', 'note': 'cyan'}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's options."""
    data.add_arguments(parser)
    parser.add_argument('--json', type=Path, help='write the figures here')


def run(options: argparse.Namespace) -> int:
    """Print topics, joints and findings. Returns 1 when the data contradict the robot's file."""
    from grasp_ros.training.looks import look

    data.refuse_nowhere(options.json)
    with bars() as report:
        read = data.read(options, report)
        seen = [
            one
            for line in read.lines
            for one in look(line, np.array(read.robot.tracking_tolerance))
        ]
    read = replace(read, checked=read.checked.also(seen))
    for recording in read.recordings:
        console.print(_topics(recording))
    console.print(_joints(read))
    show(read)
    if options.json:
        options.json.write_text(json.dumps(as_dict(read), indent=2) + '\n')
    return 1 if read.checked.errors else 0


def show(read: data.Data) -> None:
    """Print the model step, how much there is, and what was found."""
    from grasp_ros.training.timing import period

    dt, steps, every = read.command.dt, read.checked.steps, period(read.recordings)
    console.print(
        f'images every {every:.3g} s ({1 / every:.3g} Hz), a model step is {dt:.4g} s: '
        f'{steps} steps, {steps * dt / 60:.1f} min of motion'
    )
    for finding in read.checked.findings:
        colour = COLOURS[finding.severity]
        console.print(f'[{colour}]{finding.severity}[/]: ', end='')
        console.print(finding.text, markup=False, highlight=False)
    if not read.checked.findings:
        console.print('[green]nothing found that speaks against training[/]')


def as_dict(read: data.Data) -> dict[str, Any]:
    """The figures as JSON has them: NaN is null."""
    joints = [
        {
            key: None if isinstance(value, float) and math.isnan(value) else value
            for key, value in vars(joint).items()
        }
        for joint in read.checked.joints
    ]
    return {
        'robot': read.robot.name,
        'dt': read.command.dt,
        'steps': read.checked.steps,
        'bags': [
            {
                'path': str(one.path),
                'topics': {role: name for role, (name, _) in one.topics.items()},
                'images': len(one.image_stamps),
                'joint_states': len(one.joint_stamps),
                'commands': len(one.commands),
            }
            for one in read.recordings
        ],
        'joints': joints,
        'findings': [vars(finding) for finding in read.checked.findings],
    }


def _topics(recording: Recording) -> Table:
    table = Table(title=str(recording.path), title_justify='left')
    for column in ('topic', 'type', 'messages', 'rate', 'longest gap', 'stamp to receipt'):
        table.add_column(column, overflow='fold')
    received = np.array([time for time, _ in recording.commands], dtype=np.int64)
    started = np.array([one.start_ns for _, one in recording.commands], dtype=np.int64)
    streams = {
        **recording.streams,
        'joints': (recording.joint_stamps, recording.joint_received),
        'command': (np.where(started > 0, started, received), received),
    }
    for role, (name, kind) in recording.topics.items():
        table.add_row(name, kind, *_stream(*streams[role]))
    return table


def _stream(stamps: TimeArray, received: TimeArray) -> tuple[str, str, str, str]:
    """Messages, rate, longest gap, and median time from stamp to receipt."""
    apart = np.diff(stamps)
    apart = apart[apart > 0]
    late = f'{seconds(int(np.median(received - stamps))):.3f} s' if len(stamps) else '-'
    if len(apart) == 0:
        return str(len(stamps)), '-', '-', late
    rate = 1e9 / float(np.median(apart))
    return str(len(stamps)), f'{rate:.3g} Hz', f'{seconds(int(apart.max())):.2f} s', late


def _joints(read: data.Data) -> Table:
    """A column for each joint, so that arms of seven fit a narrow terminal."""
    robot, joints = read.robot, read.checked.joints
    table = Table(title=f'{robot.name}: m or rad, s', title_justify='left')
    for name in ('', *robot.joints):
        table.add_column(name, overflow='fold')
    limits = zip(robot.position_min, robot.position_max, strict=True)
    rows = {
        'positions': [f'{one.low:.3g} to {one.high:.3g}' for one in joints],
        'limits': [f'{low:.3g} to {high:.3g}' for low, high in limits],
        'covered': [f'{100 * one.covered:.0f} %' for one in joints],
        'speed': [f'{one.speed:.3g}' for one in joints],
        'max_velocity': [f'{value:.3g}' for value in robot.max_velocity],
        'correlation': [f'{one.correlation:.2f}' for one in joints],
        'motion/command': [f'{one.slope:.2f}' for one in joints],
        'lag': [f'{one.lag:.2f}' for one in joints],
        'behind': [f'{one.behind:.2g}' for one in joints],
        'tracking_tolerance': [f'{value:.2g}' for value in robot.tracking_tolerance],
    }
    for name, values in rows.items():
        table.add_row(name, *values)
    return table
