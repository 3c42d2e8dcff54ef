# SPDX-License-Identifier: Apache-2.0
"""What the latent holds is read from it by the joint head, and what it does not is measured."""

import numpy as np
import pytest
import torch

from grasp_ros.training.joint_fit import fit_joint_head, joint_error, joint_spread

RNG = np.random.default_rng(0)
MIX = RNG.normal(size=(2, 6))


def world(count: int):
    """Latents (count, 6) that hold two of three joints, in five dimensions; one is dead."""
    positions = RNG.uniform(-1, 1, (count, 3)) + (0.0, 5.0, 0.0)
    latents = (positions[:, :2] - (0.0, 5.0)) @ MIX + RNG.normal(0, 0.02, (count, 6))
    latents[:, 5] = 0.0
    return torch.from_numpy(latents).float(), positions


def test_joints_are_read_where_the_latent_holds_them():
    head = fit_joint_head(*world(2000))
    latents, positions = world(500)
    errors, spread = joint_error(head, latents, positions), joint_spread(positions)
    assert max(errors.p95[:2]) < 0.06 and errors.median < errors.p95
    assert errors.p95[2] > 0.9 * spread[2]  # as good as a blind guess
    assert spread == pytest.approx((0.95,) * 3, abs=0.05)
    assert head.positions(latents[None]).shape == (1, 500, 3)
    assert head.positions(latents[0]).shape == (3,)
