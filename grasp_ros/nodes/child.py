# SPDX-License-Identifier: Apache-2.0
"""Nodes as processes that end when their parent does, however that comes about."""

from __future__ import annotations

import contextlib
import ctypes
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

from grasp_ros.nodes.signals import end_quietly_on_signal

STOP = 10.0  # s that a node gets to end after SIGINT
PR_SET_PDEATHSIG = 1  # of prctl(2)


class ChildEnded(RuntimeError):
    """A node ended before it was told to."""


@contextlib.contextmanager
def children(commands: dict[str, list[str]]) -> Iterator[Callable[[], None]]:
    """Run {name: [module, arguments...]}; yields a check that raises ChildEnded when one did.

    They get SIGINT at the end, and SIGTERM by the system when this process is killed. The thread
    that calls this must live as long as they do: the system sees its death for the process's.
    """
    start = [sys.executable, '-m', 'grasp_ros.nodes.child', str(os.getpid())]
    running: dict[str, subprocess.Popen[bytes]] = {}

    def alive() -> None:
        for name, process in running.items():
            if process.poll() is not None:
                raise ChildEnded(f'the {name} ended with exit code {process.returncode}')

    try:
        for name, command in commands.items():
            running[name] = subprocess.Popen([*start, *command])
        yield alive
    finally:
        for process in running.values():
            process.send_signal(signal.SIGINT)
        for process in running.values():
            try:
                process.wait(STOP)
            except subprocess.TimeoutExpired:
                process.kill()


def end_with(parent: int) -> None:
    """Get SIGTERM when process `parent`, which started this one, ends. Linux only."""
    prctl = getattr(ctypes.CDLL(None, use_errno=True), 'prctl', None)
    if prctl is None:
        return
    if prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'prctl(PR_SET_PDEATHSIG)')
    if os.getppid() != parent:  # it has ended already
        os._exit(0)


def main() -> None:
    """PARENT MODULE ARGUMENTS...: run a module as `python -m` does, and end with the parent."""
    parent, module, *arguments = sys.argv[1:]
    end_with(int(parent))
    end_quietly_on_signal()
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name='__main__', alter_sys=True)


if __name__ == '__main__':
    main()
