# SPDX-License-Identifier: Apache-2.0
"""Clocks that jump are cut out, frames lie on the model's grid, steps fit the camera."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from arm import NS, T0, moving, recorded

from grasp_ros.training.recording import Recording
from grasp_ros.training.timing import check_step, model_step, period, pick_frames, sections
from grasp_ros.types import BadInput


@pytest.fixture(scope='module')
def clean():
    """Two minutes of the arm at 15 Hz."""
    return recorded(moving(120.0))


def set_back(recording: Recording, seconds: float, received: bool = True) -> Recording:
    """The second half with clocks set back, in the order in which a reader gives it."""
    half, back = T0 + 60 * NS, round(seconds * NS)

    def moved(times, by):
        return np.where(by >= half, times - back, times)

    images, joints = recording.image_stamps, recording.joint_stamps
    stamps = moved(images, images), moved(joints, joints)
    got = stamps if received else (images, joints)
    orders = [np.argsort(one, kind='stable') for one in got]
    commands = sorted(
        ((int(moved(time, time)) if received else time, one) for time, one in recording.commands),
        key=lambda one: one[0],
    )
    return replace(
        recording,
        image_stamps=stamps[0][orders[0]],
        image_received=got[0][orders[0]],
        joint_stamps=stamps[1][orders[1]],
        joint_received=got[1][orders[1]],
        positions=recording.positions[orders[1]],
        commands=commands,
    )


def plausible(found):
    """Whether no joint jumps within any section."""
    return all(
        np.abs(np.diff(one.positions, axis=0) / np.diff(one.joint_stamps)[:, None] * NS).max() < 1
        for one in found
    )


def test_bag_without_jumps_is_one_section(clean):
    (found,), findings = sections(clean)
    assert not findings and len(found.images) == len(clean.image_stamps)


def test_clock_set_back_far_is_cut_and_told(clean):
    found, findings = sections(set_back(clean, 300.0))
    assert len(found) == 2 and plausible(found)
    assert [one.text for one in findings] == ['bag: 1 gaps in the joint states, up to 180.0 s']
    assert sum(len(one.images) for one in found) == len(clean.image_stamps), 'nothing is lost'


def test_two_times_mixed_are_left_out_and_told(clean):
    found, findings = sections(set_back(clean, 20.0))
    assert plausible(found)
    (finding,) = findings
    assert finding.severity == 'warning'
    assert 'twice their rate' in finding.text and 'left out' in finding.text
    kept = sum(len(one.images) for one in found)
    assert len(clean.image_stamps) - 2 * 25 * 15 < kept < len(clean.image_stamps) - 2 * 19 * 15


def test_stamps_that_jump_back_are_cut_and_told(clean):
    found, findings = sections(set_back(clean, 20.0, received=False))
    assert plausible(found) and sum(len(one.images) for one in found) == len(clean.image_stamps)
    assert [one.text.partition(': ')[2] for one in findings] == [
        'the clock of the images jumps back by 19.93 s; cut',
        'the clock of the joint states jumps back by 19.98 s; cut',
    ]


def test_stamps_of_two_clocks_are_refused(clean):
    stamps = clean.image_stamps.copy()
    stamps[::2] -= 20 * NS
    with pytest.raises(BadInput, match='jump back 899 times; two clocks'):
        sections(replace(clean, image_stamps=stamps))


def test_camera_that_pauses_breaks_no_section(clean):
    kept = (clean.image_stamps < T0 + 50 * NS) | (clean.image_stamps > T0 + 60 * NS)
    stamps = clean.image_stamps[kept]
    (found,), findings = sections(replace(clean, image_stamps=stamps, image_received=stamps))
    assert len(found.images) == kept.sum() and not findings


def test_commands_received_by_the_wall_clock_are_put_on_the_clock_of_the_simulation(clean):
    def simulated(stamps):  # at half speed, from 0 on
        return (stamps - T0) // 2

    slow = replace(
        clean,
        image_stamps=simulated(clean.image_stamps),
        joint_stamps=simulated(clean.joint_stamps),
    )
    (found,), _ = sections(slow)
    arrivals = np.array([time for time, _ in found.commands])
    expected = simulated(np.array([time for time, _ in clean.commands]))
    assert np.abs(arrivals - expected).max() < NS // 1000


@pytest.mark.parametrize(
    'rate, step',
    [(10.0, 0.1), (15.0, 0.1333), (20.0, 0.1), (30.0, 0.1), (12.0, 0.0833), (4.0, 0.25)],
)
def test_model_step_is_a_multiple_of_the_cameras_period(rate, step):
    stamps = T0 + np.round(np.arange(100) * NS / rate).astype(np.int64)
    none = np.zeros(0, np.int64)
    images = {'image': np.arange(len(stamps))}
    still = np.zeros((0, 2))
    recording = Recording(Path('bag'), {}, stamps, stamps, none, none, still, [], images)
    assert model_step([recording]) == pytest.approx(step)
    index, follows = pick_frames(stamps, round(step * NS))
    assert follows[:-1].all() and len(index) == -(-100 // round(step * rate))


@pytest.mark.parametrize('seed', range(3))
def test_frames_are_the_nearest_to_one_step_later(seed):
    rng = np.random.default_rng(seed)
    stamps = T0 + np.cumsum(rng.uniform(0.02, 0.05, 400) * NS).astype(np.int64)
    index, follows = pick_frames(stamps, NS // 10)
    assert follows[:-1].all()
    for before, after in itertools.pairwise(index):
        away = np.abs(stamps - stamps[before] - NS // 10)
        assert away[after] == away.min()


@pytest.mark.parametrize(
    'rate, dt, fits', [(15.0, 0.1, 0.1333), (20.0, 0.13, 0.15), (4, 0.1, 0.25)]
)
def test_step_that_does_not_fit_is_refused_with_one_that_does(rate, dt, fits):
    stamps = T0 + np.round(np.arange(100) * NS / rate).astype(np.int64)
    none = np.zeros(0, np.int64)
    images = {'image': np.arange(len(stamps))}
    still = np.zeros((0, 2))
    recording = Recording(Path('bag'), {}, stamps, stamps, none, none, still, [], images)
    index, follows = pick_frames(stamps, round(dt * NS))
    apart = np.diff(stamps[index])[follows[:-1]] / NS
    every = period([recording])
    with pytest.raises(
        BadInput, match=rf'images come every .*\({rate:.3g} Hz\).*use --dt {fits}$'
    ):
        check_step(Path('bag'), apart, dt, every)
