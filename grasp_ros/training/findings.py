# SPDX-License-Identifier: Apache-2.0
"""What a look at the data found: how grave it is, in words, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal['error', 'warning', 'note']


@dataclass(frozen=True)
class Finding:
    """error: the data contradict the robot's file, so nothing is trained on them.

    warning: the model will be worse for it. note: worth knowing. text: the value seen, the one
    expected, and what to do.
    """

    severity: Severity
    text: str
