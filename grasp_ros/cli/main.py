# SPDX-License-Identifier: Apache-2.0
"""grasp-ros VERB: every command of the package."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import shlex
import signal
import sys

from grasp_ros import __version__
from grasp_ros.types import BadInput

VERBS = {
    'demo': 'simulator and planner as ROS nodes: episodes, table, picture, film',
    'sim': 'the simulator node',
    'plan': 'the planner node',
    'collect': 'explore in simulation into a rosbag',
    'explore': 'the explorer node: move a robot about, to record what a model is trained on',
    'check': 'do rosbags agree with the robot, and are they enough to train on',
    'train': 'rosbags to a model bundle',
    'convert': 'a LeRobotDataset (v3) to a rosbag, or a rosbag to a LeRobotDataset',
    'bench': 'measure planning times',
}

# What a verb needs beside the package's own dependencies, and one module by which it is known.
EXTRAS: dict[str, tuple[str, ...]] = {
    'demo': ('sim', 'ros'),
    'sim': ('sim', 'ros'),
    'plan': ('ros',),
    'collect': ('sim',),
    'explore': ('ros',),
    'check': ('train',),
    'train': ('train',),
    'convert': ('lerobot',),
    'bench': (),
}
KNOWN_BY = {'ros': 'rclpy', 'sim': 'mujoco', 'train': 'onnx', 'lerobot': 'pyarrow'}

INTERRUPTED = 128 + signal.SIGINT  # exit code


def main(arguments: list[str] | None = None) -> int:
    """Run a verb. Returns 0 on success, 1 on failure, 2 for bad arguments or bad input.

    And 130 after SIGINT.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = argparse.ArgumentParser(prog='grasp-ros', description=__doc__)
    parser.add_argument('--version', action='version', version=__version__)
    verbs = parser.add_subparsers(dest='verb', required=True, metavar='VERB')
    # Only the verb that runs is imported: --help must not wait for torch.
    verb = next((word for word in arguments if word in VERBS), None)
    for name, summary in VERBS.items():
        sub = verbs.add_parser(name, help=summary, description=summary)
        if name == verb:
            module = importlib.import_module(f'grasp_ros.cli.{name}')
            module.add_arguments(sub)
    options = parser.parse_args(arguments)
    options.command_line = shlex.join(['grasp-ros', *arguments])
    try:
        return int(module.run(options))
    except BadInput as error:
        print(f'grasp-ros {options.verb}: {error}', file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if (error.name or 'grasp_ros').split('.')[0] == 'grasp_ros':
            raise  # the package itself is broken
        print(f'grasp-ros {options.verb}: {error}; {_install(options.verb)}', file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED


def _install(verb: str) -> str:
    """What to do when a module that the verb needs is not there."""
    needed = EXTRAS[verb]
    missing = [extra for extra in needed if importlib.util.find_spec(KNOWN_BY[extra]) is None]
    extras = ','.join(missing or needed)
    advice = f"pip install 'grasp_ros[{extras}]'" if extras else 'pip install grasp_ros'
    if 'ros' in missing:
        advice += ', or for [ros] source the setup file of a ROS installation'
    return advice


if __name__ == '__main__':
    sys.exit(main())
