# SPDX-License-Identifier: Apache-2.0
"""What of the node's state is news: for ~/status, and for the console, which must not flood."""

from __future__ import annotations

import re
import time
from typing import Any

from grasp_ros.control.states import FAULT, HOLDING, PLANNING, REACHED, WAITING, Verdict
from grasp_ros.types import NS

PATIENCE_NS = 2 * NS  # a robot often waits for a moment: the console is told after this
APART_NS = NS  # between two lines of a robot that holds, whatever the reasons
AGAIN_NS = 10 * NS  # before the same line comes again
NUMBER = re.compile(r'\d+(\.\d+)?')  # an age that grows is no news


class Voice:
    """Compares each verdict with what was said before. Times are of a steady clock."""

    def __init__(self) -> None:
        self._told: tuple[str, str, int] | None = None
        self._key, self._since_ns = ('', ''), 0  # what holds now, and since when
        self._last = ('', '')  # the last line
        self._logged_ns: dict[tuple[str, str], int] = {}  # the lines of the last AGAIN_NS

    def news(self, verdict: Verdict, goal: int) -> bool:
        """Whether ~/status has to say this: another state, kind of reason, or goal."""
        told = (*_key(verdict), goal)
        if told == self._told:
            return False
        self._told = told
        return True

    def line(self, verdict: Verdict, steady_ns: int) -> str | None:
        """The line for the console, when it is time for one."""
        state, _reason = key = _key(verdict)
        if state in (PLANNING, REACHED):  # their reasons are no news
            key = state, ''
        if key != self._key:
            self._key, self._since_ns = key, steady_ns
        if key == self._last:
            return None
        if state == WAITING and steady_ns - self._since_ns < PATIENCE_NS:
            return None
        if state != FAULT and self._lately(key, state, steady_ns):
            return None
        self._last, self._logged_ns[key] = key, steady_ns
        return f'{state}: {verdict.reason}' if verdict.reason else state

    def _lately(self, key: tuple[str, str], state: str, steady_ns: int) -> bool:
        """Whether this line, or another of a robot that holds again and again, was just said."""
        self._logged_ns = {
            logged: at for logged, at in self._logged_ns.items() if steady_ns - at < AGAIN_NS
        }
        others = [at for (said, _), at in self._logged_ns.items() if said == state == HOLDING]
        return key in self._logged_ns or any(steady_ns - at < APART_NS for at in others)


def say(voice: Voice, verdict: Verdict, log: Any) -> None:
    """The verdict on a ROS logger, when it is time for a line."""
    line = voice.line(verdict, time.monotonic_ns())
    if line is None:
        return
    if verdict.state == FAULT:  # rclpy wants one severity at each place
        log.error(line)
    elif verdict.state in (WAITING, HOLDING):
        log.warning(line)
    else:
        log.info(line)


def _key(verdict: Verdict) -> tuple[str, str]:
    return verdict.state, NUMBER.sub('#', verdict.reason)
