# SPDX-License-Identifier: Apache-2.0
"""The process of the planner node. Signals are looked after before anything large is imported."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

from grasp_ros.nodes.signals import end_quietly_on_signal


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the node until a signal comes, and end with the exit code of nodes.process.run."""
    end_quietly_on_signal()
    from grasp_ros.nodes.planner import PlannerNode
    from grasp_ros.nodes.process import run

    given = sys.argv if arguments is None else arguments
    code = run(lambda: PlannerNode(given), PlannerNode.work, arguments)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # all is in order now, and Python would take seconds to unload torch


if __name__ == '__main__':
    main()
