# SPDX-License-Identifier: Apache-2.0
"""The signals that end a node, from the first moment on: importing torch takes seconds."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

# SIGHUP: the terminal was closed. SIGQUIT: Ctrl-\, by someone who wants the robot to stop.
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


def on_signal(act: Callable[[], None]) -> None:
    """Call `act` at each of them; SIGHUP stays ignored where the caller (nohup) wants it so."""
    for number in SIGNALS:
        if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
            continue
        signal.signal(number, lambda *_: act())


def end_quietly_on_signal() -> None:
    """Until a node is there, nothing has to be brought to rest: the process may simply end."""
    on_signal(lambda: os._exit(0))
