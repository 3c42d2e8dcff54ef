# SPDX-License-Identifier: Apache-2.0
"""The console hears what is new, once, and is never flooded."""

import pytest

from grasp_ros.control.states import FAULT, HOLDING, PLANNING, WAITING, Verdict
from grasp_ros.nodes.voice import Voice
from grasp_ros.types import NS, nanoseconds


def say(voice, state, reason, at):
    """The line that comes of a verdict at `at` s."""
    return voice.line(Verdict(state, reason, stop=False), nanoseconds(at))


@pytest.fixture
def voice():
    return Voice()


def test_waiting_is_told_when_it_lasts(voice):
    assert say(voice, WAITING, 'no image on /image', 0) is None
    assert say(voice, WAITING, 'no image on /image', 1.9) is None
    assert say(voice, WAITING, 'no image on /image', 2.0) == 'WAITING: no image on /image'
    assert say(voice, WAITING, 'no image on /image', 30.0) is None


def test_another_reason_to_wait_is_told_and_a_growing_number_is_none(voice):
    lines = [say(voice, WAITING, f'no image for {0.1 * i:.1f} s', 0.1 * i) for i in range(100)]
    assert [line for line in lines if line] == ['WAITING: no image for 2.0 s']
    say(voice, WAITING, 'no /clock', 20)
    assert say(voice, WAITING, 'no /clock', 22) == 'WAITING: no /clock'


def test_holding_and_fault_are_told_at_once(voice):
    assert say(voice, HOLDING, 'guard: late', 0) == 'HOLDING: guard: late'
    assert say(voice, FAULT, 'x jumped', 0.1) == 'FAULT: x jumped'
    assert say(voice, PLANNING, '', 0.2) == 'PLANNING'


def test_robot_that_holds_again_and_again_is_not_told_each_time(voice):
    lines = [
        say(voice, *((HOLDING, f'late by {i} ms') if i % 2 else (PLANNING, '')), 0.2 * i)
        for i in range(300)
    ]
    told = [line for line in lines if line]
    assert 2 <= len(told) <= 2 + 2 * 60 // 10


def test_ever_new_reasons_are_told_once_a_second_at_most(voice):
    lines = [say(voice, HOLDING, 'x' * i, 0.05 * i) for i in range(200)]
    assert len([line for line in lines if line]) == 10


def test_waiting_for_a_moment_is_never_told(voice):
    say(voice, PLANNING, '', 0)
    lines = [say(voice, *((WAITING, 'x') if i % 3 else (PLANNING, '')), 1 + i) for i in range(60)]
    assert not any(lines)


def test_status_has_news_for_another_state_reason_or_goal(voice):
    verdict = Verdict(WAITING, 'no image for 0.5 s', stop=False)
    assert voice.news(verdict, 1) and not voice.news(verdict, 1)
    assert not voice.news(Verdict(WAITING, 'no image for 0.6 s', stop=False), 1)
    assert voice.news(verdict, 2) and voice.news(Verdict(HOLDING, 'x', stop=False), 2)


def test_lines_that_are_remembered_are_bounded(voice):
    for i in range(10_000):
        voice.line(Verdict(HOLDING, 'x' * (i % 997), stop=False), i * NS)
    assert len(voice._logged_ns) <= 12
