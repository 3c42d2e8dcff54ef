# SPDX-License-Identifier: Apache-2.0
"""What the tests of the planner's loop share."""

import pytest
from bed import Bed, on_its_way


@pytest.fixture
def bed(robot_file) -> Bed:
    """As shipped: pursuit follows the path."""
    return on_its_way(robot_file)
