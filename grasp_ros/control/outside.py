# SPDX-License-Identifier: Apache-2.0
"""What the pilot has around it: the controller, and people who want to know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from grasp_ros.control.receding_horizon import Replan
from grasp_ros.control.states import Verdict
from grasp_ros.control.statistics import Statistics
from grasp_ros.types import JointTrajectory


@dataclass(frozen=True)
class Report:
    """All there is to say. goal: its running number. last: the last plan to it."""

    verdict: Verdict
    goal: int
    last: Replan | None
    statistics: Statistics


class Outside(Protocol):
    """The robot's side and the people's, as the node has them. Called with the lock held."""

    def send(self, trajectory: JointTrajectory) -> None:
        """To the controller."""

    def tell(self, report: Report) -> None:
        """To people; called often, also when nothing is new."""

    def note(self, text: str) -> None:
        """An event for people that is no state: a goal refused, a planner that threw."""

    def controller(self) -> tuple[str, int, Sequence[str]]:
        """The controller's topic, how many listen to it, and who else publishes on it."""
