# SPDX-License-Identifier: Apache-2.0
"""What is written to a bag is recorded with how it was made, and never overwritten."""

import numpy as np
import pytest

from grasp_ros.training.bags import BagWriter, recorded_command
from grasp_ros.types import BadInput, Frame, JointSample, JointTrajectory

JOINTS = ('x_joint', 'y_joint')
NOW = 1_700_000_000_000_000_001
RGB = np.random.default_rng(0).integers(0, 256, (6, 9, 3), dtype=np.uint8)
FRAME = Frame(NOW, RGB)
SAMPLE = JointSample(NOW + 1, np.array([0.1, 0.2]), np.array([0.3, -0.4]))
TRAJECTORY = JointTrajectory(
    JOINTS, NOW + 2, np.array([10**9, 3 * 10**9 + 1]), np.ones((2, 2)), np.zeros((2, 2))
)


@pytest.fixture
def bag(tmp_path):
    """A bag with one message of each topic."""
    path = tmp_path / 'bag'
    with BagWriter(path, JOINTS, command='grasp-ros collect bag') as writer:
        writer.frame(FRAME)
        writer.joints(SAMPLE)
        writer.trajectory(TRAJECTORY, NOW + 3)
    return path


def test_command_that_made_the_bag_is_kept(bag, tmp_path):
    assert recorded_command(bag) == 'grasp-ros collect bag'
    assert recorded_command(tmp_path) == ''


def test_bag_is_never_overwritten(bag):
    before = sorted((path.name, path.stat().st_size) for path in bag.iterdir())
    with pytest.raises(BadInput, match='exists already'):
        BagWriter(bag, JOINTS)
    assert sorted((path.name, path.stat().st_size) for path in bag.iterdir()) == before
