# SPDX-License-Identifier: Apache-2.0
"""What tests share: the gantry as it is configured, a bundle, and hypothesis' profiles."""

import signal
from pathlib import Path

import absent_extras
import pytest
import torch
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

from grasp_ros.config import RobotConfig, load_robot
from grasp_ros.robot.command import Command, make_command
from grasp_ros.robot.limits import Limits

# As the node does: more threads than the small models need cost time, and much of it under load.
torch.set_num_threads(1)

# A shell that runs the tests in the background, or nohup, has these ignored; the processes that
# the tests start and signal would inherit that.
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        default = signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL
        signal.signal(number, default)

ROOT = Path(__file__).resolve().parent.parent

# The same examples in each run, so that a red test is red for everyone. Others are searched for by
# `pytest --hypothesis-profile search`. See pytest_sessionstart, too.
settings.register_profile('fixed', deadline=None, derandomize=True, max_examples=60)
settings.register_profile('search', deadline=None, max_examples=2000)
settings.load_profile('fixed')


def pytest_configure(config: pytest.Config) -> None:
    """A plugin of its own: a folder's broken conftest.py is not told to this file's hooks."""
    config.pluginmanager.register(absent_extras)


def pytest_sessionstart() -> None:
    """Keep hypothesis from drawing the constants of whatever modules are imported.

    They make the examples of a test depend on the tests beside it, and no setting turns them off.
    """
    if settings.get_current_profile_name() == 'fixed':
        providers._get_local_constants = Constants


@pytest.fixture(autouse=True)
def one_thread():
    """Undo what a command that was tried in this process has set."""
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope='session')
def bundle() -> Path:
    """The folder of a trained world model of the gantry."""
    return ROOT / 'models/gantry_maze'


@pytest.fixture(scope='session')
def robot_file() -> Path:
    """The gantry's parameter file."""
    return ROOT / 'config/robots/gantry.yaml'


@pytest.fixture(scope='session')
def robot(robot_file: Path) -> RobotConfig:
    """The gantry: two joints, +-0.27 m, 0.15 m/s, 3 m/s²."""
    return load_robot(robot_file)


@pytest.fixture(scope='session')
def limits(robot: RobotConfig) -> Limits:
    """The gantry's limits."""
    return Limits.of(robot)


@pytest.fixture(scope='session')
def space(robot: RobotConfig) -> Command:
    """Joint velocities up to the gantry's limits, in steps of 0.1 s."""
    bounds = robot.max_velocity
    return make_command('joint_velocity', tuple(-b for b in bounds), tuple(bounds), 0.1)
