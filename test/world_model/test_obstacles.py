# SPDX-License-Identifier: Apache-2.0
"""Obstacles in a bundle's file: what is read, and what is refused."""

import numpy as np
import pytest
import torch

from grasp_ros.types import BadInput
from grasp_ros.world_model.obstacles import LEAST, LONG, TOLL, Obstacles

JOINTS, STEP = 2, 0.1


def half_space() -> Obstacles:
    """All with a first joint above 0 is blocked; nothing else matters."""
    up = torch.tensor([[100.0, 0.0], [-100.0, 0.0]])
    keep, last = torch.eye(2), torch.tensor([[1.0, -1.0]])
    layers = ((up, torch.zeros(2)), (keep, torch.zeros(2)), (last, torch.zeros(1)))
    return Obstacles(layers, torch.full((JOINTS,), STEP))


def test_tolls_are_by_the_share_of_a_way_that_is_blocked():
    start = np.array([[-1.0, 0.0], [-1.0, 0.0], [0.5, 0.0], [0.5, 0.5]])
    end = np.array([[-0.5, 1.0], [1.0, 0.0], [1.0, 0.0], [0.5, 0.5]])
    tolls = half_space().tolls(start, end)
    np.testing.assert_allclose(tolls, [0.0, TOLL * 10, TOLL * 5, 0.0], atol=TOLL)


def test_a_short_way_may_lead_closer_past_an_obstacle_than_a_long_one_but_not_through_it():
    obstacles = half_space()
    beside = -0.03  # m beside it: 6 % likely to lie in the obstacle
    likely = float(obstacles.inside(torch.tensor([beside, 0.0])))
    assert 0.05 < likely < 0.1
    start, end = np.array([[beside, 0.0]]), np.array([[beside, 0.1], [beside, 1.0], [1.0, 0.0]])
    short, long, through = obstacles.tolls(start, end) / np.array([1, 10, 10])
    assert long == pytest.approx(TOLL * likely)
    assert short == pytest.approx(long / LONG)
    assert obstacles.tolls(np.array([[0.0, 0.0]]), np.array([[0.1, 0.0]]))[0] > 0.8 * TOLL
    assert through > 0.8 * TOLL
    # On a straight line nobody comes nearer than it does.
    straight = obstacles.tolls(start, end, straight=True) / np.array([1, 10, 10])
    assert max(straight[:2]) < 0.001 * TOLL and straight[2] > 0.8 * TOLL


def test_joints_that_lead_out_of_no_obstacle_have_no_share_in_it():
    places = torch.rand(200, JOINTS) - 0.5
    np.testing.assert_allclose(half_space().shares(places), [1.0, LEAST])
    # A corner: what is out of it depends on the place, by the one joint or by the other.
    ways, slope = torch.tensor([[100.0, 0.0], [0.0, 100.0]]), torch.tensor([[1.0, 1.0]])
    layers = ((ways, torch.zeros(2)), (torch.eye(2), torch.zeros(2)), (slope, torch.zeros(1)))
    corner = Obstacles(layers, torch.full((JOINTS,), STEP))
    np.testing.assert_allclose(corner.shares(places), [1.0, 1.0], atol=0.02)
    nothing = Obstacles((*layers[:2], (0 * slope, torch.zeros(1))), corner.step)
    np.testing.assert_allclose(nothing.shares(places), [1.0, 1.0])


def test_what_is_written_is_read():
    written = half_space()
    read = Obstacles.from_tensors(written.tensors(), JOINTS)
    places = torch.randn(50, JOINTS)
    assert torch.equal(read.inside(places), written.inside(places))


@pytest.mark.parametrize(
    ('name', 'value', 'reason'),
    [
        ('weight_0', torch.zeros(2, 3), 'weight_0 is torch.float32'),
        ('bias_1', torch.zeros(5), 'weight_1 is torch.float32'),
        ('bias_2', torch.tensor([float('nan')]), 'bias_2'),
        ('weight_1', torch.zeros(2, 2).double(), 'torch.float64'),
        ('step', torch.tensor([0.1, 0.0]), 'more than 0'),
        ('step', None, 'expected'),
        ('other', torch.zeros(1), "'other'"),
    ],
)
def test_other_tensors_are_refused(name, value, reason):
    tensors = half_space().tensors()
    tensors = (
        {**tensors, name: value}
        if value is not None
        else {k: v for k, v in tensors.items() if k != name}
    )
    with pytest.raises(BadInput, match=reason):
        Obstacles.from_tensors(tensors, JOINTS)
