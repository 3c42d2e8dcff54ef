# SPDX-License-Identifier: Apache-2.0
"""The states of the planner node, as ~/status says them."""

from __future__ import annotations

from dataclasses import dataclass

WAITING, PLANNING, HOLDING = 'WAITING', 'PLANNING', 'HOLDING'
REACHED, FAULT = 'REACHED', 'FAULT'
STATES = (WAITING, PLANNING, HOLDING, REACHED, FAULT)


@dataclass(frozen=True)
class Verdict:
    """The state, why, and whether the robot has to be brought to rest now.

    reason is never empty in WAITING, HOLDING and FAULT.
    """

    state: str
    reason: str
    stop: bool
