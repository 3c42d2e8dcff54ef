# SPDX-License-Identifier: Apache-2.0
"""Nodes end with the command that started them: in order, by a signal, and when it is killed."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rig import TIMEOUT, wait_until

SLEEPER = """
import os, pathlib, signal, sys, time
folder = pathlib.Path(sys.argv[1])
def end(number, _):
    (folder / 'ended').write_text(str(number))
    sys.exit(0)
signal.signal(signal.SIGTERM, end)
signal.signal(signal.SIGINT, end)
(folder / 'pid').write_text(str(os.getpid()))
while True:
    time.sleep(0.1)
"""
PARENT = """
import sys, time
from grasp_ros.nodes.child import children
with children({'sleeper': ['sleeper', sys.argv[1]]}) as alive:
    while True:
        alive()
        time.sleep(0.05)
"""


def runs(pid: int) -> bool:
    """Whether a process is there, and is no zombie."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


@pytest.fixture
def family(tmp_path):
    """(parent, pid of its child, folder in which the child notes its signal)."""
    (tmp_path / 'sleeper.py').write_text(SLEEPER)
    path = os.pathsep.join([str(tmp_path), *sys.path])
    parent = subprocess.Popen(
        [sys.executable, '-c', PARENT, str(tmp_path)],
        env={**os.environ, 'PYTHONPATH': path},
        stderr=subprocess.PIPE,
        text=True,
    )
    pid = tmp_path / 'pid'
    wait_until(lambda: pid.exists() and pid.read_text(), 'the child')
    yield parent, int(pid.read_text()), tmp_path
    parent.kill()
    parent.wait()


def test_killed_parent_takes_its_children_along(family):
    parent, child, folder = family
    parent.kill()
    parent.wait()
    wait_until(lambda: not runs(child), 'the child to end')
    assert (folder / 'ended').read_text() == str(int(signal.SIGTERM))


def test_interrupted_parent_ends_its_children_in_order(family):
    parent, child, folder = family
    parent.send_signal(signal.SIGINT)
    parent.wait(TIMEOUT)
    assert not runs(child)
    assert (folder / 'ended').read_text() == str(int(signal.SIGINT))


def test_child_that_ends_is_named(family):
    parent, child, _ = family
    os.kill(child, signal.SIGKILL)
    _, said = parent.communicate(timeout=TIMEOUT)
    assert 'ChildEnded: the sleeper ended with exit code -9' in said


def test_child_of_a_parent_that_is_gone_does_not_start(tmp_path):
    (tmp_path / 'sleeper.py').write_text(SLEEPER)
    nobody = 2**22 + 1  # above the largest process id of Linux
    done = subprocess.run(
        [sys.executable, '-m', 'grasp_ros.nodes.child', str(nobody), 'sleeper', str(tmp_path)],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(tmp_path), *sys.path])},
        timeout=TIMEOUT,
    )
    assert done.returncode == 0 and not (tmp_path / 'pid').exists()


def children_of(pid: int) -> list[int]:
    """The processes that a process has started."""
    found = []
    for task in Path(f'/proc/{pid}/task').iterdir():
        found += map(int, (task / 'children').read_text().split())
    return found


@pytest.mark.parametrize(
    ('number', 'code'),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_demo_ends_quietly_with_its_nodes(own_domain, tmp_path, number, code):
    said, nodes, report = (tmp_path / 'stderr').open('w+'), [], tmp_path / 'report.json'
    partial = tmp_path / 'report.json.partial'
    demo = subprocess.Popen(
        [sys.executable, '-m', 'grasp_ros.cli.main', 'demo', '--no-pictures', '--json', report],
        stdout=subprocess.DEVNULL,
        stderr=said,
    )
    try:
        log = tmp_path / 'stderr'
        wait_until(lambda: 'PLANNING' in log.read_text(), 'the robot to be under way', 90.0)
        if number == signal.SIGTERM:
            wait_until(partial.exists, 'the first episode to be over', 90.0)
        nodes = children_of(demo.pid)
        assert len(nodes) == 2
        demo.send_signal(number)
        assert demo.wait(TIMEOUT) == code
        until = time.monotonic() + TIMEOUT
        while any(map(runs, nodes)) and time.monotonic() < until:
            time.sleep(0.05)
        assert not any(map(runs, nodes))
        assert 'Traceback' not in log.read_text()
        if number == signal.SIGTERM:  # what was measured is not lost
            assert json.loads(partial.read_text())['episodes'] >= 1 and not report.exists()
    finally:
        demo.kill()
        said.close()
        for node in filter(runs, nodes):
            os.kill(node, signal.SIGKILL)
