# SPDX-License-Identifier: Apache-2.0
"""Joints beside the picture: which ones need it, and what a bundle can hold of their scales."""

import numpy as np
import pytest

from grasp_ros.training.dataset import Dataset
from grasp_ros.training.joints_part import balanced, needed
from grasp_ros.world_model.joint_head import JointError

STEP = np.array([0.01, 0.1])


@pytest.mark.parametrize(
    'spread, asked',
    [
        ((0.2, 1.5), True),  # the picture shows nothing of the second joint
        ((0.2, 0.05), False),  # which nobody could tell: it never moves
    ],
)
def test_joints_are_needed_that_move_and_that_no_picture_tells(spread, asked):
    errors = JointError((0.005, 0.02), (0.01, spread[1]))
    assert needed(errors, spread, STEP) is asked


@pytest.mark.parametrize('picture_step', [0.0, 1e-5, 0.5, 100.0])
@pytest.mark.parametrize('noise', [0.0, 1e-9, 1e-4])
def test_scales_are_such_that_a_bundle_holds_them_whatever_stands(picture_step, noise):
    rng = np.random.default_rng(0)
    moving = 0.1 * np.cumsum(rng.choice([-1, 1], 1000))
    positions = np.c_[0.3 + rng.normal(0, noise, 1000), np.clip(moving, -2, 2)]
    follows = np.append(np.ones(999, dtype=bool), False)
    of = np.zeros(1000, np.int64)
    data = Dataset({}, positions, 0 * positions, follows, of, {}, STEP)
    factor, joints = balanced(data, 32, picture_step)
    assert all(1e-6 <= one <= 1e6 for one in joints.scale) and 1e-3 < factor < 1e3
    # A full step of either joint counts the same.
    assert joints.scale * STEP == pytest.approx([joints.scale[1] * STEP[1]] * 2, rel=0.01)
