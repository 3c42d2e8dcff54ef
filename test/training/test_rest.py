# SPDX-License-Identifier: Apache-2.0
"""Minutes of rest are left out; slow motion and a push against something are not rest."""

from dataclasses import replace

import numpy as np
import pytest
from arm import COMMAND, IMAGE, JOINT_STATES, NS, ArmBag, moving, record, recorded, robot

from grasp_ros.cli.main import main
from grasp_ros.robot.command import make_command
from grasp_ros.training.rest import without_rest
from grasp_ros.training.timeline import timelines
from grasp_ros.types import JointTrajectory

DT, PERIOD = 0.1333, NS // 100
KEPT = round(5 / DT)


@pytest.fixture(scope='module')
def ticks():
    """A minute of motion that ends in one of its pauses, and the index of one in the middle."""
    ticks = list(moving(60.0))
    pauses = [
        index
        for index in range(30, len(ticks))
        if all(np.allclose(ticks[index].q, ticks[index - back].reference) for back in range(20))
    ]
    end = pauses[-1]
    return ticks[:end], min(pauses, key=lambda index: abs(index - end // 2))


def paused(ticks, at, count, travel=(0.0, 0.0)):
    """The same with a pause of `count` ticks, in which the arm goes so far at an even speed."""
    ticks = list(ticks)
    for index, tick in enumerate(ticks):
        if index == at:
            for more in range(count):
                q = ticks[at].q + np.array(travel) * more / count
                yield replace(tick, now=tick.now + more * PERIOD, q=q, command=None)
        yield replace(tick, now=tick.now + count * PERIOD * (index >= at))


def read(recording):
    """Its timeline, all of it and without the rest."""
    arm = robot()
    bounds = arm.max_velocity
    command = make_command('joint_velocity', tuple(-one for one in bounds), bounds, DT)
    (line,), _ = timelines([recording], arm, command)
    return line, without_rest(line, arm, DT)


def test_long_rest_is_left_out_but_for_its_beginning(ticks):
    ticks, middle = ticks
    plain, moved = read(recorded(iter(ticks)))
    assert moved is plain
    rested = list(paused(paused(ticks, middle, 6000), len(ticks) + 6000 - 1, 3000))
    whole, kept = read(recorded(iter(rested)))
    assert len(whole.frames) == pytest.approx(len(plain.frames) + 90 / DT, abs=2)
    assert len(kept.frames) == pytest.approx(len(plain.frames) + 2 * KEPT, abs=10)
    assert (~kept.follows).sum() == 2  # where it was cut, and the end
    (note,) = [one for one in kept.findings if 'rests' in one.text]
    lost = len(whole.frames) - len(kept.frames)
    assert note.severity == 'note'
    assert f'{lost} of {len(whole.frames)} frames left out' in note.text
    index = np.searchsorted(whole.frames, kept.frames)
    for name in ('positions', 'actions', 'asked', 'told', 'moved', 'behind', 'blocked'):
        assert np.array_equal(getattr(kept, name), getattr(whole, name)[index])


def test_slow_motion_is_no_rest(ticks):
    ticks, middle = ticks
    line, kept = read(recorded(paused(ticks[: middle + 1], middle, 3000, (0.2, 0.0))))
    assert kept is line


def test_an_arm_that_is_pushed_against_something_is_not_at_rest(ticks):
    ticks, middle = ticks
    recording = recorded(paused(ticks[: middle + 1], middle, 3000))
    place, at = np.array([ticks[middle].q + (0.3, 0.0)]), ticks[middle].now + NS // 10
    push = JointTrajectory(('shoulder', 'elbow'), 0, np.array([NS]), place, 0 * place)
    line, kept = read(replace(recording, commands=[*recording.commands, (at, push)]))
    assert line.blocked[-100:, 0].all() and kept is line


def test_check_says_how_much_is_left_out(ticks, tmp_path, monkeypatch, capsys):
    ticks, middle = ticks
    with ArmBag(tmp_path / 'bag') as bag:
        record(bag, paused(ticks[: middle + 1], middle, 3000))
    (tmp_path / 'arm.yaml').write_text(
        '/**:\n  ros__parameters:\n    robot:\n'
        + ''.join(
            f'      {name}: {value if isinstance(value, str) else list(value)}\n'
            for name, value in vars(robot()).items()
        )
    )
    monkeypatch.chdir(tmp_path)
    topics = ['--image-topic', IMAGE, '--joints-topic', JOINT_STATES, '--command-topic', COMMAND]
    assert main(['check', 'bag', '--robot', 'arm.yaml', *topics]) == 0
    assert 'frames left out: the robot rests there' in ' '.join(capsys.readouterr().out.split())
