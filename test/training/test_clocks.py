# SPDX-License-Identifier: Apache-2.0
"""Images and joint states that are not of one clock are noticed."""

from dataclasses import replace

import pytest
from arm import NS, T0, moving, recorded, robot

from grasp_ros.robot.command import make_command
from grasp_ros.training.clocks import clocks_apart
from grasp_ros.training.timeline import timelines
from grasp_ros.types import BadInput


@pytest.fixture(scope='module')
def clean():
    """Half a minute of the arm at 15 Hz."""
    return recorded(moving(30.0))


def read(recording):
    command = make_command('joint_velocity', (-0.9, -0.9), (0.9, 0.9), 0.1333)
    return timelines([recording], robot(), command)[0][0]


@pytest.mark.parametrize('off', [-0.5, 0.5])
def test_a_camera_of_another_clock_is_told(clean, off):
    stamps = clean.image_stamps + round(off * NS)
    line = read(replace(clean, image_stamps=stamps))
    (told,) = [one for one in line.findings if 'stamps' in one.text]
    assert told.severity == 'warning' and 'cameras of another computer' in told.text
    assert f'images come {-off:.2f} s after their stamps, joint states 0.00 s' in told.text


@pytest.mark.parametrize('off', [0.0, 0.1, -0.2])
def test_a_camera_that_is_a_moment_late_is_not(clean, off):
    assert not list(
        clocks_apart(replace(clean, image_received=clean.image_stamps + int(off * NS)))
    )


def test_a_simulation_at_half_speed_has_one_clock(clean):
    half = {name: (getattr(clean, name) - T0) // 2 for name in ('image_stamps', 'joint_stamps')}
    late = len(clean.image_stamps) // 2  # the camera started later
    images = {'image_stamps': half['image_stamps'][late:]}
    received = clean.image_received[late:]
    assert not list(clocks_apart(replace(clean, **half | images, image_received=received)))


@pytest.mark.parametrize(
    'stamps', [lambda one: 0 * one, lambda one: one - 10_000 * NS, lambda one: one + 10_000 * NS]
)
def test_two_times_are_refused_with_both(clean, stamps):
    with pytest.raises(BadInput, match=r'images are stamped 1700000000.00 to .*unstamped joint'):
        read(replace(clean, joint_stamps=stamps(clean.joint_stamps)))
