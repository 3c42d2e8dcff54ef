# SPDX-License-Identifier: Apache-2.0
"""One truth each for version, dependencies and installed files."""

import ast
import importlib
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tiers
from packaging.utils import canonicalize_name

import grasp_ros
from grasp_ros.cli.main import KNOWN_BY

ROOT = Path(__file__).resolve().parent.parent
SHARED_FOLDERS = ('launch', 'config', 'urdf', 'models')
# Where a module to import is called otherwise than the package that brings it.
BROUGHT_BY = {
    'cv2': 'opencv-python-headless',
    'yaml': 'pyyaml',
    # rclpy brings these along.
    'ament_index_python': 'ros-kilted-rclpy',
    'builtin_interfaces': 'ros-kilted-rclpy',
    'rcl_interfaces': 'ros-kilted-rclpy',
}
# Read or loaded by what is imported: arms' descriptions, films' codec, middleware, curves.
NOT_IMPORTED = {
    'example-robot-data',
    'imageio-ffmpeg',
    'ros-kilted-rmw-fastrtps-cpp',
    'tensorboardx',
}
ROS = {'ament_index_python', 'builtin_interfaces', 'cv_bridge', 'launch', 'launch_ros'}
ROS |= {'rcl_interfaces', 'rclpy'}
ROSDEP = {'cv2': 'opencv'}  # the name that rosdep gives it


@pytest.fixture(scope='module')
def setup_arguments():
    """What setup.py hands to setuptools.setup."""
    return tiers.setup_arguments()


@pytest.fixture(scope='module')
def requirements(setup_arguments):
    """Every direct dependency, by canonical name, extras included."""
    found = {}
    for one in tiers.requirements(setup_arguments['extras_require']):
        known = found.setdefault(canonicalize_name(one.name), one)
        assert one.specifier == known.specifier, f'{one.name} has two ranges'
    return found


@pytest.fixture(scope='module')
def manifest():
    return ElementTree.parse(ROOT / 'package.xml').getroot()


def test_version_is_the_same_everywhere(setup_arguments, manifest):
    assert manifest.findtext('version') == setup_arguments['version'] == grasp_ros.__version__


def test_constraints_pin_each_dependency_inside_its_range(requirements):
    lines = (ROOT / 'requirements/constraints.txt').read_text().splitlines()
    pins = dict(line.split('==') for line in lines if line and not line.startswith('#'))
    pins = {canonicalize_name(name): version for name, version in pins.items()}
    # The GPU build is installed instead of onnxruntime, where there is a GPU.
    assert set(pins) == set(requirements) - {'onnxruntime-gpu'}
    for name, version in pins.items():
        assert version in requirements[name].specifier, f'{name}=={version}'


def imports(path):
    """Top-level module of every import in a file, the package's own and Python's left out."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module]
        else:
            continue
        for name in names:
            module = name.split('.')[0]
            if module != 'grasp_ros' and module not in sys.stdlib_module_names:
                yield module


def imported_modules():
    """(file, top-level module) of every import in the package."""
    for path in sorted((ROOT / 'grasp_ros').rglob('*.py')):
        for module in imports(path):
            yield path.relative_to(ROOT).as_posix(), module


def test_every_import_is_a_declared_dependency(requirements, manifest):
    ros = {tag.text for tag in manifest.findall('exec_depend')}
    unknown = []
    for path, module in imported_modules():
        name = canonicalize_name(BROUGHT_BY.get(module, module))
        if name in requirements:
            continue
        # What pip does not have must at least be known to rosdep, and be optional in the code.
        if f'ros-kilted-{name}' in requirements or module in ros:
            continue
        unknown.append(f'{path}: {module}')
    assert not unknown


def test_every_dependency_is_imported(setup_arguments):
    imported = {canonicalize_name(BROUGHT_BY.get(name, name)) for _, name in imported_modules()}
    imported |= {f'ros-kilted-{name}' for name in imported}
    wanted = {canonicalize_name(one.name) for one in tiers.requirements(KNOWN_BY)}
    assert wanted - imported == NOT_IMPORTED


def test_package_xml_names_what_is_imported_and_no_more(manifest):
    declared = {tag.text for tag in manifest.findall('exec_depend')}
    imported = {name for _, name in imported_modules()}
    imported |= {name for path in (ROOT / 'launch').glob('*.py') for name in imports(path)}
    # What rosdep has of the Python packages, and ROS packages.
    known = {f'python3-{ROSDEP.get(name, name)}' for name in imported} | imported
    assert declared <= known
    ros = {name for name in imported if name in ROS or name.endswith(('_msgs', '_srvs'))}
    assert ros | {f'python3-{name}' for name in ('numpy', 'opencv', 'scipy', 'yaml')} <= declared


def test_ros_messages_from_pip_are_in_package_xml_too(requirements, manifest):
    declared = {tag.text for tag in manifest.findall('exec_depend')}
    prefix = 'ros-kilted-'
    from_pip = {name.removeprefix(prefix) for name in requirements if name.startswith(prefix)}
    # Which middleware runs is for the ROS installation to choose.
    from_pip.discard('rmw-fastrtps-cpp')
    assert {name.replace('-', '_') for name in from_pip} <= declared


@pytest.mark.parametrize(
    'script', ['grasp-ros', 'planner_node', 'explorer_node', 'simulator_node']
)
def test_console_scripts_lead_to_a_function(setup_arguments, script):
    scripts = dict(
        re.split(r'\s*=\s*', line) for line in setup_arguments['entry_points']['console_scripts']
    )
    module, function = scripts[script].split(':')
    if module.startswith('grasp_ros.nodes'):
        pytest.importorskip('rclpy', reason='the ROS client library is not installed')
    assert callable(getattr(importlib.import_module(module), function))


def test_colcon_installs_every_shared_file_and_the_executables(tmp_path):
    """The command that colcon runs for an ament_python package."""
    prefix = tmp_path / 'install'
    subprocess.run(
        [sys.executable, '-W', 'ignore', 'setup.py', '-q']
        + ['egg_info', '--egg-base', str(tmp_path)]
        + ['build', '--build-base', str(tmp_path / 'build')]
        + ['install', '--prefix', str(prefix), '--record', str(tmp_path / 'record.txt')]
        + ['--single-version-externally-managed'],
        cwd=ROOT,
        check=True,
    )
    share = prefix / 'share'
    assert (share / 'ament_index/resource_index/packages/grasp_ros').is_file()
    wanted = {Path('package.xml')}
    for folder in SHARED_FOLDERS:
        wanted |= {p.relative_to(ROOT) for p in (ROOT / folder).rglob('*') if p.is_file()}
    wanted = {p for p in wanted if '__pycache__' not in p.parts and not p.name.startswith('.')}
    found = {p.relative_to(share / 'grasp_ros') for p in (share / 'grasp_ros').rglob('*')}
    assert wanted == {p for p in found if (share / 'grasp_ros' / p).is_file()}
    assert {folder.parts[0] for folder in wanted} == {'package.xml', *SHARED_FOLDERS}
    scripts = {path.name for path in (prefix / 'lib/grasp_ros').iterdir()}
    # What tells type checkers that the annotations are meant for users.
    assert len(list(prefix.rglob('grasp_ros/py.typed'))) == 1
    assert scripts == {'grasp-ros', 'planner_node', 'explorer_node', 'simulator_node'}
