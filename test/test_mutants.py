# SPDX-License-Identifier: Apache-2.0
"""The table of mutants fits the code; scripts/mutate runs them."""

import ast
import subprocess
import sys

import pytest
from mutants import MUTANTS

from grasp_ros.share import share_directory

ROOT = share_directory()


@pytest.mark.parametrize('mutant', MUTANTS, ids=lambda one: one.name)
def test_row_fits_the_code(mutant):
    text = (ROOT / mutant.file).read_text()
    assert text.count(mutant.old) == 1
    broken = text.replace(mutant.old, mutant.new)
    assert broken != text
    ast.parse(broken)  # a fault of syntax is no test of the tests
    for test in mutant.tests:
        assert (ROOT / test.split('::')[0]).is_file()


def test_names_are_unique():
    assert len({one.name for one in MUTANTS}) == len(MUTANTS)


def test_unknown_mutant_is_refused():
    command = [sys.executable, ROOT / 'scripts/mutate', 'no such fault']
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and 'no such fault' in done.stderr
