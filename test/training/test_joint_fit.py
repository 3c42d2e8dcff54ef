# SPDX-License-Identifier: Apache-2.0
"""What the latent holds is read from it by the joint head, and what it does not is measured."""

import numpy as np
import pytest
import torch

from grasp_ros.training.joint_fit import fit_joint_head, joint_error, joint_spread, refine
from grasp_ros.training.joints_part import beside
from grasp_ros.world_model.joint_head import JointHead

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


def test_a_small_network_reads_what_a_linear_map_does_not():
    """A latent that holds the joints bent, and mixed with each other."""
    torch.manual_seed(0)
    positions = RNG.uniform(-1.5, 1.5, (6000, 2))
    one, other = np.sin(positions).T
    mixed = np.stack([one, other, one * np.cos(positions[:, 1]), one**2 + other], axis=1)
    latents = torch.from_numpy(mixed + RNG.normal(0, 0.005, mixed.shape)).float()
    head = fit_joint_head(latents[:5000], positions[:5000])
    refined = refine(head, latents[:5000], positions[:5000])
    before, after = (joint_error(one, latents[5000:], positions[5000:]) for one in (head, refined))
    assert all(np.array(after.p95) < 0.5 * np.array(before.p95)), (before, after)
    again = JointHead.from_tensors(refined.tensors(), latent=4, joints=2)
    torch.testing.assert_close(again.positions(latents), refined.positions(latents))
    # Beside the joints' own part of a latent it reads the same, whatever the picture's scale.
    wider = torch.cat([3.0 * latents, torch.randn(6000, 2)], dim=1)
    torch.testing.assert_close(beside(refined, 3.0).positions(wider), refined.positions(latents))
