# SPDX-License-Identifier: Apache-2.0
"""Data that contradict the robot are refused with the reason; lag and stops are seen."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from arm import JOINTS, LINKS, NS, T0, moving, recorded, robot

from grasp_ros.robot.command import make_command
from grasp_ros.training.checks import check
from grasp_ros.training.timeline import timelines
from grasp_ros.training.timing import model_step
from grasp_ros.types import BadInput

MINUTES = 2


def at_the_post(q) -> bool:
    """Whether the arm at q (2,) would be inside a post."""
    shoulder, elbow = q[0], q[0] + q[1]
    joint = LINKS[0] * np.array([np.cos(shoulder), np.sin(shoulder)])
    link = LINKS[1] * np.array([np.cos(elbow), np.sin(elbow)])
    return min(np.hypot(*(joint + s * link - (0.4, 0.1))) for s in (0.5, 1.0)) < 0.07


def looked_at(recording, **changes):
    """The timeline and what the checks say of it, with these changes of the robot's file."""
    arm, dt = robot(**changes), model_step([recording])
    bounds = arm.max_velocity
    command = make_command('joint_velocity', tuple(-one for one in bounds), bounds, dt)
    lines, lag = timelines([recording], arm, command)
    return lines[0], check(lines, lag, arm, dt)


def texts(checked, severity):
    """The findings of a severity, but for the one on the little data of a test."""
    return [
        one.text
        for one in checked.findings
        if one.severity == severity and 'little data' not in one.text
    ]


@pytest.fixture(scope='module')
def clean():
    """Some minutes of an arm that follows its commands at once."""
    return recorded(moving(60.0 * MINUTES))


def test_clean_data_have_nothing_against_them(clean):
    line, checked = looked_at(clean)
    assert not texts(checked, 'error') and not texts(checked, 'warning')
    assert checked.steps == 60 * MINUTES * 15 // 2 - 1
    for joint in checked.joints:
        assert joint.correlation > 0.99 and 0.99 < joint.slope < 1.01
        assert joint.lag == pytest.approx(0.01, abs=0.002)
    speed = line.moved / 0.1333 / 0.9
    assert np.abs(line.actions - speed)[line.follows].max() < 0.1


def test_little_data_is_told(clean):
    (told,) = [one.text for one in looked_at(clean)[1].findings]
    assert told.startswith('899 steps of 0.1333 s (2.0 min): little data')


def test_swapped_joints_are_refused(clean):
    _, checked = looked_at(replace(clean, positions=clean.positions[:, ::-1].copy()))
    errors = '\n'.join(checked.errors)
    assert 'It follows those of elbow: are the names swapped?' in errors
    assert 'It follows those of shoulder: are the names swapped?' in errors


def test_degrees_are_refused(clean):
    _, checked = looked_at(replace(clean, positions=np.rad2deg(clean.positions)))
    errors = '\n'.join(checked.errors)
    for joint in JOINTS:
        assert f'{joint}: 9' in errors, 'share of positions outside'
    assert 'Degrees, where radians are expected?' in errors
    assert 'impossible' in errors


def test_commands_in_degrees_are_refused(clean):
    commands = [
        (time, replace(one, positions=np.rad2deg(one.positions))) for time, one in clean.commands
    ]
    _, checked = looked_at(replace(clean, commands=commands))
    assert any('degrees and radians?' in text for text in checked.errors)


def test_positions_outside_the_limits_are_refused(clean):
    _, checked = looked_at(clean, position_max=(0.5, 1.8))
    (error,) = checked.errors
    assert error.startswith('shoulder: ') and '-1.2 to 0.5' in error and 'position_max' in error


def test_few_positions_outside_the_limits_are_told(clean):
    positions = clean.positions.copy()
    positions[500:504, 0] = 3.0
    _, checked = looked_at(replace(clean, positions=positions))
    assert not checked.errors
    assert any('outside the limits' in text for text in texts(checked, 'warning'))


def test_faster_than_max_velocity_is_told_and_far_faster_refused(clean):
    _, checked = looked_at(clean, max_velocity=(0.4, 0.9))
    assert any('Raise max_velocity' in text for text in texts(checked, 'warning'))
    _, checked = looked_at(clean, max_velocity=(0.1, 0.9))
    assert any('shoulder' in text and 'impossible' in text for text in checked.errors)


def test_commands_of_another_controller_are_refused_with_its_reason(clean):
    commands = [(time, replace(one, joints=('a', 'b'))) for time, one in clean.commands]
    _, checked = looked_at(replace(clean, commands=commands))
    count = len(commands)
    assert any(
        f'refuses {count} of {count} commands: joints [' in text and 'another controller' in text
        for text in checked.errors
    )


def test_commands_without_relation_to_the_motion_are_refused(clean):
    other = recorded(moving(60.0 * MINUTES, seed=9))
    _, checked = looked_at(replace(clean, commands=other.commands))
    assert len(checked.errors) == 2
    assert all('--command-topic' in text for text in checked.errors)


def test_joint_that_never_moves_is_told(clean):
    positions = clean.positions * (1.0, 0.0)
    commands = [
        (time, replace(one, positions=one.positions * (1.0, 0.0))) for time, one in clean.commands
    ]
    _, checked = looked_at(replace(clean, positions=positions, commands=commands))
    assert any('elbow: hardly moves' in text for text in texts(checked, 'warning'))


@pytest.mark.parametrize('lag', [0.04, 0.2])
def test_lag_is_measured_and_taken_out(lag):
    line, checked = looked_at(recorded(moving(60.0 * MINUTES, lag=lag)))
    for joint in checked.joints:
        assert joint.lag == pytest.approx(lag + 0.01, abs=0.003)
        assert joint.slope == pytest.approx(1, abs=0.01)
    off = np.abs(line.actions - line.moved / 0.1333 / 0.9)[line.follows].max(axis=1) > 0.2
    assert off.mean() < 0.01


def test_lag_is_measured_where_the_robot_moves():
    ticks = list(moving(60.0, lag=0.2))
    standing = [
        replace(ticks[0], now=ticks[0].now + index * NS // 100, command=None)
        for index in range(31_000)
    ]
    late = [replace(tick, now=tick.now + 310 * NS) for tick in ticks]
    _, checked = looked_at(recorded(iter([*standing, *late])))
    for joint in checked.joints:
        assert joint.lag == pytest.approx(0.21, abs=0.005)


def test_lag_that_cannot_be_measured_is_told(clean):
    kept = (clean.joint_stamps - T0) % (6 * NS) < 3.5 * NS  # joint states come and go
    stamps = clean.joint_stamps[kept]
    broken = replace(
        clean, joint_stamps=stamps, joint_received=stamps, positions=clean.positions[kept]
    )
    _, checked = looked_at(broken)
    assert not checked.errors and all(np.isnan(joint.lag) for joint in checked.joints)
    told = texts(checked, 'warning')
    for joint in JOINTS:
        assert any(one.startswith(f'{joint}: how late it comes') for one in told)


@pytest.mark.parametrize('number', [np.nan, np.inf])
def test_a_command_that_leads_nowhere_spoils_no_action(clean, number):
    commands = list(clean.commands)
    time, one = commands[20]
    commands[20] = (time, replace(one, positions=one.positions * np.array([1.0, number])))
    line, checked = looked_at(replace(clean, commands=commands))
    assert np.isfinite(line.actions).all() and line.follows[:-1].all()
    assert any(
        f'refuses 1 of {len(commands)} commands: its numbers are not finite' in text
        for text in texts(checked, 'warning')
    )


def test_nothing_is_learnt_from_actions_that_are_not_finite(clean, monkeypatch):
    monkeypatch.setattr('grasp_ros.training.replay._unreadable', lambda command: None)
    commands = list(clean.commands)
    time, one = commands[20]
    commands[20] = (time, replace(one, positions=one.positions * np.array([1.0, np.nan])))
    line, _ = looked_at(replace(clean, commands=commands))
    assert not np.isfinite(line.actions).all()
    assert np.isfinite(line.actions[line.follows]).all() and line.follows.sum() > 50


def test_bag_without_commands_says_where_they_must_be(clean):
    with pytest.raises(BadInput, match='0 trajectories.*on the topic.*MoveIt'):
        looked_at(replace(clean, commands=[]))


def test_tolerance_below_the_lag_is_told_with_one_that_fits():
    _, checked = looked_at(
        recorded(moving(60.0 * MINUTES, lag=0.04)), tracking_tolerance=(0.01, 0.06)
    )
    (told,) = [text for text in texts(checked, 'warning') if 'tracking_tolerance' in text]
    assert told.startswith('shoulder') and 'Set it to 0.0' in told


def test_trajectories_that_the_controller_gave_up_spoil_no_actions():
    ticks = list(moving(60.0 * MINUTES, lag=0.04, tolerance=0.1, blocked=at_the_post))
    line, checked = looked_at(recorded(iter(ticks)))
    given_up = sum(
        np.abs(after.reference - before.reference).max() > 0.03
        for before, after in itertools.pairwise(ticks)
    )
    assert given_up > 5 and line.aborts > 0.6 * given_up
    assert any('the controller gave up' in one.text for one in checked.findings)
    assert not checked.errors and min(joint.correlation for joint in checked.joints) > 0.95
    # Steps away from the post: what was commanded is what was done.
    free = line.follows & ~line.blocked.any(axis=1)
    off = np.abs(line.actions - line.moved / 0.1333 / 0.9)[free].max(axis=1) > 0.2
    assert off.mean() < 0.05


def test_each_joint_is_blocked_by_its_own_tolerance():
    # A lag that is left in the actions: less than a quarter of a model step.
    recording = recorded(moving(60.0, lag=0.02))
    line, _ = looked_at(recording, tracking_tolerance=(0.06, 0.004))
    shoulder, elbow = line.blocked.mean(axis=0)
    assert shoulder == 0 and elbow > 0.3
