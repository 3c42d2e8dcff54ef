# SPDX-License-Identifier: Apache-2.0
"""The workflows can be read, and what they name exists."""

import re
from pathlib import Path

import pytest
import tiers
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOWS = sorted((ROOT / '.github/workflows').glob('*.yml'))
# Words of a script that are paths here: in a folder of the tree, or a file with these suffixes.
FOLDERS = {path.name for path in ROOT.iterdir() if path.is_dir()}
MADE = {'install/setup.bash'}  # by colcon
SUFFIXES = {'.md', '.py', '.txt', '.xml'}


def jobs(path: Path) -> dict:
    return yaml.safe_load(path.read_text())['jobs']


def texts(job: dict):
    """Every script of a job, and every value of its matrix."""
    for step in job['steps']:
        yield step.get('run', '')
    for row in job.get('strategy', {}).get('matrix', {}).get('include', []):
        yield from row.values()


def paths(text: str) -> set[str]:
    """The words of a script that look like paths of this tree."""
    words = re.findall(r'(?<![\w/.$^{])[\w.][\w./-]*', text)
    in_folder = {word for word in words if '/' in word and word.split('/')[0] in FOLDERS}
    return in_folder | {word for word in words if Path(word).suffix in SUFFIXES}


def test_there_are_workflows():
    assert {path.name for path in WORKFLOWS} == {'gazebo.yml', 'tests.yml'}


@pytest.mark.parametrize('path', WORKFLOWS, ids=lambda path: path.name)
def test_workflow_names_what_exists(path):
    named = set()
    for job in jobs(path).values():
        assert {'runs-on', 'steps'} <= set(job)
        for step in job['steps']:
            assert ('run' in step) != ('uses' in step)
        for text in texts(job):
            named |= paths(text) - MADE
    assert 'scripts/setup_env' in named
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []


def test_each_supported_python_and_each_extra_has_a_job():
    tests = jobs(ROOT / '.github/workflows/tests.yml')
    assert tests['python']['strategy']['matrix']['python'] == ['3.11', '3.12', '3.13']
    rows = [row['extra'].split(',') for row in tests['extra']['strategy']['matrix']['include']]
    alone = {extra for row in rows for extra in row}
    # Neither what developers need, nor the variant of onnxruntime that needs a GPU.
    assert alone == set(tiers.setup_arguments()['extras_require']) - {'dev', 'gpu'}
    assert all(row[-1] == 'test' and len(row) <= 2 for row in rows)
