# SPDX-License-Identifier: Apache-2.0
"""One node, one process: start, run until a signal comes, end in order."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from typing import TypeVar

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from grasp_ros.sim.interface import SimulatorFailed
from grasp_ros.types import BadInput

SIGNALS = (signal.SIGINT, signal.SIGTERM)
AnyNode = TypeVar('AnyNode', bound=Node)


def run(
    make: Callable[[], AnyNode],
    work: Callable[[AnyNode, threading.Event], None],
    arguments: list[str] | None,
) -> int:
    """Make the node and let it `work` until SIGINT or SIGTERM sets the event.

    Returns the exit code: 0, or with the reason on stderr 2 for bad parameters or files and 1 for
    a simulator that has died. rclpy's own signal handlers would end the context at once, and the
    robot could not be stopped any more.
    """
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # RCLError, such as a file that is no YAML
        print(f'grasp_ros: {error}', file=sys.stderr)
        return 2
    stopping = threading.Event()
    for number in SIGNALS:
        signal.signal(number, lambda *_: stopping.set())
    try:
        node = make()
        work(node, stopping)
        node.destroy_node()
    except BadInput as error:
        print(f'grasp_ros: {error}', file=sys.stderr)
        return 2
    except SimulatorFailed as error:
        print(f'grasp_ros: {error}', file=sys.stderr)
        return 1
    finally:
        # launch may send the signal twice; the second must not kill a node that ends in order.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        rclpy.try_shutdown()
    return 0
