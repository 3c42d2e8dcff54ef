# SPDX-License-Identifier: Apache-2.0
"""Each extra alone brings what its verbs need, and the package itself needs none."""

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest
import tiers

import grasp_ros
from grasp_ros.cli.main import EXTRAS, KNOWN_BY, VERBS

ROOT = Path(__file__).resolve().parent.parent
# The extra that a module or a whole folder needs; all else needs none.
NEEDS = {
    'grasp_ros.lerobot': 'lerobot',
    'grasp_ros.nodes': 'ros',
    'grasp_ros.nodes.arguments': '',
    'grasp_ros.nodes.simulator_node': 'ros',
    'grasp_ros.sim.robot': 'sim',
    'grasp_ros.training': 'train',
    'grasp_ros.viz': 'sim',
}

HELP = """
import contextlib, io
from grasp_ros.cli.main import VERBS, main
for verb in VERBS:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main([verb, '--help'])
    assert f'usage: grasp-ros {verb}' in out.getvalue(), verb
assert 'torch' not in sys.modules, 'help waits for torch'
"""
VERB = """
from grasp_ros.cli.main import main
sys.exit(main(arguments))
"""
# Before what a tier does: its modules can be imported, and the other extras' packages cannot.
ALONE = """
import importlib, importlib.util
count = int(arguments.pop(0))
for name in arguments[:count]:
    importlib.import_module(name)
arguments = arguments[count:]
from grasp_ros.cli.main import KNOWN_BY
seen = [extra for extra, module in KNOWN_BY.items() if importlib.util.find_spec(module)]
assert seen == list(filter(None, [sys.argv[1]])), seen
"""
EXPORT = """
from pathlib import Path
import torch
from grasp_ros.training.augmentation import photometric
from grasp_ros.training.export import export_encoder
from grasp_ros.training.losses import Encoder
from grasp_ros.world_model.inputs import ImageInput
assert photometric()(torch.zeros(2, 16, 16, 3)).shape == (2, 16, 16, 3)
inputs = {'image': ImageInput(16, 16, 16, 16)}
export_encoder(Path(arguments[0]), Encoder(4, [(16, 16)]), inputs)
"""
CONVERT = """
from pathlib import Path
import numpy as np
from grasp_ros.cli.main import main
from grasp_ros.training.bags import BagWriter
from grasp_ros.types import Frame, JointSample, JointTrajectory
folder, names = Path(arguments[0]), ('x_joint', 'y_joint')
with BagWriter(folder / 'bag', names) as bag:
    for now in range(10**9, 2 * 10**9, 10**8):
        bag.frame(Frame(now, np.zeros((64, 64, 3), np.uint8)))
        bag.joints(JointSample(now, np.full(2, now / 1e10), np.zeros(2)))
        bag.trajectory(JointTrajectory(names, 0, np.array([10**8]), np.zeros((1, 2))), now)
assert main(['convert', str(folder / 'bag'), str(folder / 'data')]) == 0
assert main(['convert', str(folder / 'data'), str(folder / 'back')]) == 0
"""


def run(extra: str, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code as if the package were installed with this extra only."""
    start = 'import sys, tiers; arguments = sys.argv[2:]; tiers.hide(filter(None, [sys.argv[1]]))'
    return subprocess.run(
        [sys.executable, '-c', start + code, extra, *arguments],
        env={**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT / 'test'), *_python_path()])},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _python_path() -> list[str]:
    return list(filter(None, os.environ.get('PYTHONPATH', '').split(os.pathsep)))


def need(extra: str) -> None:
    """Skip unless the extra is installed, by pip or, for ROS, by a distribution."""
    missing = tiers.missing(extra) if extra else []
    if missing and not (extra == 'ros' and 'ROS_DISTRO' in os.environ):
        pytest.skip(f'grasp_ros[{extra}] is not installed: {", ".join(missing)}')


def alone(extra: str, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As run, after importing every module that needs this extra or none."""
    need(extra)
    names = modules(extra)
    return run(extra, ALONE + code, str(len(names)), *names, *arguments)


def modules(extra: str) -> list[str]:
    """The package's modules that need this extra or none."""
    found = []
    for info in pkgutil.walk_packages(grasp_ros.__path__, 'grasp_ros.'):
        folder = info.name.rsplit('.', 1)[0]
        if NEEDS.get(info.name, NEEDS.get(folder, '')) in ('', extra):
            found.append(info.name)
    return found


def test_verbs_and_extras_are_those_of_the_package():
    offered = set(tiers.setup_arguments()['extras_require'])
    assert set(EXTRAS) == set(VERBS)
    assert {extra for needed in EXTRAS.values() for extra in needed} == set(KNOWN_BY)
    # The others are for one option, a variant of a dependency, and what developers need.
    assert offered == {*KNOWN_BY, 'timm', 'gpu', 'test', 'dev'}


def test_help_needs_no_extra_and_not_even_torch():
    done = run('', HELP)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize('verb', [verb for verb, needed in EXTRAS.items() if needed])
def test_verb_without_its_extra_says_which_to_install(verb, tmp_path):
    arguments = {
        'collect': [str(tmp_path / 'bag')],
        'check': [str(tmp_path)],
        'convert': [str(tmp_path), str(tmp_path / 'new')],
        'train': [str(tmp_path), '--out', str(tmp_path / 'bundle')],
    }
    done = run('', VERB, verb, *arguments.get(verb, []))
    assert done.returncode == 2, done.stderr
    assert f"pip install 'grasp_ros[{','.join(EXTRAS[verb])}]'" in done.stderr
    assert 'Traceback' not in done.stderr


def test_train_misses_the_exporter_before_it_trains(tmp_path):
    need('sim')  # which brings what reads bags, too
    done = run('sim', VERB, 'train', str(tmp_path), '--out', str(tmp_path / 'bundle'))
    assert done.returncode == 2
    assert "pip install 'grasp_ros[train]'" in done.stderr


def test_demo_misses_the_simulator_before_it_starts_nodes():
    need('ros')
    done = run('ros', VERB, 'demo', '--no-pictures')
    assert done.returncode == 2
    assert "pip install 'grasp_ros[sim]'" in done.stderr


def test_bench_runs_without_extras():
    done = alone('', VERB, 'bench', '--horizons', '5', '--count', '1')
    assert done.returncode == 0, done.stderr


def test_collect_runs_with_sim_alone(tmp_path):
    done = alone('sim', VERB, 'collect', str(tmp_path / 'bag'), '--steps', '3')
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'bag/metadata.yaml').is_file()


def test_bag_is_converted_with_lerobot_alone(tmp_path):
    done = alone('lerobot', CONVERT, str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'back/metadata.yaml').is_file()


def test_images_are_augmented_and_an_encoder_exported_with_train_alone(tmp_path):
    done = alone('train', EXPORT, str(tmp_path / 'encoder.onnx'))
    assert done.returncode == 0, done.stderr
    assert (tmp_path / 'encoder.onnx').stat().st_size > 0


def test_planner_node_starts_with_ros_alone():
    # Far enough that the node reads its parameters and refuses one.
    done = alone('ros', VERB, 'plan', '--bundle', 'no_such_bundle')
    assert done.returncode == 2, done.stderr
    assert 'no_such_bundle' in done.stderr
    assert 'Traceback' not in done.stderr


def test_files_are_skipped_and_say_why_only_where_an_extra_is_absent(tmp_path):
    (tmp_path / 'test_needs.py').write_text('import rosbags\n')
    (tmp_path / 'nodes').mkdir()
    (tmp_path / 'nodes/conftest.py').write_text('import rclpy\n')
    (tmp_path / 'nodes/test_more.py').write_text('def test_more(): pass\n')
    (tmp_path / 'test_wrong.py').write_text('from grasp_ros import nothing\n')
    (tmp_path / 'test_fine.py').write_text('def test_fine(): pass\n')
    code = "import pytest; sys.exit(pytest.main(['-p', 'absent_extras', '-rs', *arguments]))"
    done = run('test', f'\n{code}', str(tmp_path), '--continue-on-collection-errors')
    assert '1 passed, 2 skipped, 1 error' in done.stdout, done.stdout + done.stderr
    for module in ('rosbags', 'rclpy'):
        assert f"No module named '{module}', and grasp_ros[ros,sim,train,lerobot]" in done.stdout
