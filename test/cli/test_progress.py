# SPDX-License-Identifier: Apache-2.0
"""Where no terminal is, progress is a line now and then: no silent minutes in a log."""

import subprocess
import sys

import pytest

from grasp_ros.cli.progress import LINE_EVERY, lines


def test_log_has_the_stage_the_share_and_the_time_left_every_few_seconds():
    now, written = [0.0], []
    report = lines(written.append, clock=lambda: now[0])
    for done in range(1, 101):
        now[0] = done * 0.5
        report('encoder', done, 100)
    report('encoder', 100, 100)
    report('dynamics', 1, 10)
    assert written[0] == 'encoder: 1 of 100 (1 %)\n'
    assert written[1] == 'encoder: 11 of 100 (11 %) 40 s left\n'
    assert written[-2:] == ['encoder: 100 of 100 (100 %) 50 s\n', 'dynamics: 1 of 10 (10 %)\n']
    assert len(written) == 2 + 0.5 * 99 // LINE_EVERY + 1


@pytest.mark.parametrize(
    'verb', ['check', 'train', 'plan', 'bench', 'sim', 'demo', 'collect', 'explore']
)
def test_help_loads_neither_torch_nor_what_reads_bags(verb):
    code = (
        'import sys; from grasp_ros.cli.main import main\n'
        f'try: main([{verb!r}, "--help"])\n'
        'finally: sys.exit(sorted({"torch", "rosbags", "onnx", "kornia"} & set(sys.modules)) or 0)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f'grasp-ros {verb}' in done.stdout
