# SPDX-License-Identifier: Apache-2.0
"""One node, one process: start, run until a signal comes, end in order."""

from __future__ import annotations

import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import TypeVar

import rclpy
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from grasp_ros.nodes.signals import SIGNALS, on_signal
from grasp_ros.types import BadInput

AnyNode = TypeVar('AnyNode', bound=Node)


def run(
    make: Callable[[], AnyNode],
    work: Callable[[AnyNode, threading.Event], None],
    arguments: list[str] | None,
    plain: tuple[type[Exception], ...] = (),
) -> int:
    """Make the node and let it `work` until a signal sets the event.

    Returns the exit code: 0, or with the reason on stderr 2 for bad parameters or files and 1 for
    anything else that ended it; plain: errors whose text says all, without a traceback. rclpy's
    own signal handlers would end the context at once, and the robot could not be stopped any more.
    """
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except RuntimeError as error:  # RCLError, such as a file that is no YAML
        print(f'grasp_ros: {error}', file=sys.stderr)
        return 2
    stopping = threading.Event()
    on_signal(stopping.set)
    try:
        try:
            node = make()
        except BadInput as error:
            print(f'grasp_ros: {error}', file=sys.stderr)
            return 2
        try:
            work(node, stopping)
        finally:
            node.destroy_node()
    except plain as error:
        print(f'grasp_ros: {error}', file=sys.stderr)
        return 1
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        # launch may send the signal twice; the second must not kill a node that ends in order.
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        rclpy.try_shutdown()
    return 0
