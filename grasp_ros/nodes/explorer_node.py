# SPDX-License-Identifier: Apache-2.0
"""The process of the explorer node. Signals are looked after before anything large is imported."""

from __future__ import annotations

import sys

from grasp_ros.nodes.signals import end_quietly_on_signal


def main(arguments: list[str] | None = None) -> int:
    """Run the node until a signal comes; the exit code of nodes.process.run."""
    end_quietly_on_signal()
    from grasp_ros.nodes.explorer import ExplorerNode
    from grasp_ros.nodes.process import run

    given = sys.argv if arguments is None else arguments
    return run(lambda: ExplorerNode(given), ExplorerNode.work, arguments)


if __name__ == '__main__':
    sys.exit(main())
