# SPDX-License-Identifier: Apache-2.0
"""What is left of the last plan, as the start of the next."""

from __future__ import annotations

import torch
from torch import Tensor

from grasp_ros.planning.problem import Plan, WarmStart


def shift(plan: Plan, steps: int, horizon: int, rest: Tensor) -> WarmStart | None:
    """The plan after `steps` of it were executed, cut or filled to `horizon` steps.

    Filled up with `rest` (A,), the action that leaves the robot where it is, and the last virtual
    state. None when nothing of the plan is left.
    """
    if steps >= len(plan.actions):
        return None
    actions, states = plan.actions[steps:], plan.states[steps:]
    missing = horizon - len(actions)
    if missing <= 0:
        return WarmStart(actions[:horizon], states[: horizon + 1])
    return WarmStart(
        torch.cat([actions, _repeat(rest, missing)]),
        torch.cat([states, _repeat(states[-1], missing)]),
    )


def _repeat(row: Tensor, count: int) -> Tensor:
    return row.expand(count, -1)
