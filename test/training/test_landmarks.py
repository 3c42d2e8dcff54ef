# SPDX-License-Identifier: Apache-2.0
"""The map that comes of recordings, where the truth about the world is known."""

import numpy as np
import pytest
import torch

from grasp_ros.training.contact import fit_obstacles
from grasp_ros.training.dataset import Dataset
from grasp_ros.training.landmarks import _enough, build_memory
from grasp_ros.training.places import evenly, places
from grasp_ros.training.verdict import connected_share
from grasp_ros.training.ways import ways
from grasp_ros.world_model.manifest import RoadmapSettings

SPEED, SETTINGS = 0.05, RoadmapSettings(15, 24)


def walled(z, a):
    """A point in the plane, SPEED a step and axis, and a wall along x = 0 below y = 0.5."""
    after = z + SPEED * a[:, :2]
    through = (after[:, 0] > 0) != (z[:, 0] > 0)
    blocked = (through & (after[:, 1] < 0.5))[:, None] & torch.tensor([True, False])
    return torch.where(blocked, z, after)


def explored(count: int, seed: int = 0) -> tuple[Dataset, torch.Tensor]:
    """A robot that goes to and fro in [-1, 1] squared; its latents are the places (m)."""
    rng = np.random.default_rng(seed)
    z, target, seen, told = torch.tensor([[-0.5, 0.0]]), None, [], []
    for _ in range(count):
        if target is None or (target - z).norm() < SPEED or rng.random() < 0.03:
            target = torch.from_numpy(rng.uniform(-1, 1, (1, 2))).float()
        action = ((target - z) / SPEED).clamp(-1, 1)
        seen.append(z)
        told.append(action)
        z = walled(z, action).clamp(-1, 1)
    latents, actions = torch.cat(seen), torch.cat(told).double().numpy()
    images = rng.integers(0, 255, (count, 8, 8, 3), dtype=np.uint8)
    follows = np.append(np.ones(count - 1, dtype=bool), False)
    of, sizes = np.zeros(count, np.int64), {'image': (8, 8)}
    places, travel = latents.double().numpy(), np.full(2, SPEED)
    data = Dataset({'image': images}, places, actions, follows, of, sizes, travel)
    return data, latents


@pytest.fixture(scope='module')
def world():
    return explored(6000), explored(600, seed=1)[1]


@pytest.fixture(scope='module')
def memory(world):
    return build(world)


def build(world, step=walled, count=None):
    (data, latents), unseen = world
    rng = np.random.default_rng(0)
    obstacles = fit_obstacles(data, 0)
    return build_memory(data, latents, unseen, step, SETTINGS, obstacles, rng, count)


def test_map_joins_all_places_and_no_edge_goes_through_the_wall(memory):
    assert connected_share(len(memory.latents), memory.edges.numpy()) > 0.99
    before, after = (memory.latents[memory.edges[:, one]] for one in (0, 1))
    crossing = (before[:, 0] > 0) != (after[:, 0] > 0)
    # What is nearer to the wall counts as arrived from its other side.
    crossing &= torch.minimum(before[:, 0].abs(), after[:, 0].abs()) > 0.8 * SPEED
    assert crossing.any()
    share = before[:, 0].abs() / (before[:, 0] - after[:, 0]).abs().clamp(min=1e-9)
    height = before[:, 1] + share * (after[:, 1] - before[:, 1])
    assert height[crossing].min() > 0.5 - 4 * SPEED
    assert len(memory.thumbnails['image']) == len(memory.latents)


def test_edges_at_the_wall_count_more(memory, world):
    (data, _), _ = world
    ends = memory.positions[memory.edges].double().numpy()
    middle = ends.mean(axis=1)
    at_the_wall = (np.abs(middle[:, 0]) < SPEED) & (np.abs(middle[:, 1]) < 0.4)
    in_the_open = np.abs(np.abs(middle[:, 0]) - 0.5) < 0.5 - 4 * SPEED
    in_the_open &= np.abs(middle[:, 1]) < 1 - 4 * SPEED
    more = fit_obstacles(data, 0).tolls(ends[:, 0], ends[:, 1]) / memory.edge_steps.numpy()
    assert np.median(more[at_the_wall]) > 0.5 > 0.05 > np.median(more[in_the_open])


def test_edges_cost_the_steps_of_the_model(world):
    memory = build(world, count=200)
    before, after = (memory.latents[memory.edges[:, one]] for one in (0, 1))
    straight = (after - before).abs().amax(dim=1) / SPEED
    assert (memory.edge_steps >= 0.8 * straight - 0.5).all()
    assert memory.edge_steps.max() <= 15.5
    assert memory.edge_steps.min() > 0
    assert len(torch.unique(memory.edges, dim=0)) == len(memory.edges)


def test_as_many_landmarks_as_asked_for(world):
    assert len(build(world, count=40).latents) == 40


def test_number_opens_all_ways_shorter_than_few_do_and_is_not_all_that_fit(world, memory):
    few, (seen, unseen) = build(world, count=20), world
    all_ways, few_ways = (
        ways(one, walled, 2, SETTINGS, unseen, None, np.random.default_rng(5))[1]
        for one in (memory, few)
    )
    assert np.isfinite(all_ways).mean() > 0.98
    assert np.minimum(all_ways, 100).sum() < 0.95 * np.minimum(few_ways, 100).sum()
    assert len(memory.latents) < len(places(*seen)) / 2


@pytest.mark.parametrize(
    'tried, first',
    [
        ([[9.0, np.inf], [9.0, 9.0], [9.0, 9.0]], 1),  # opens more ways
        ([[10.0, 10.0], [9.0, 9.0], [9.1, 9.1]], 1),  # makes them shorter
        ([[9.1, 9.1], [9.0, 9.0], [12.0, 12.0]], 0),  # the first that is good enough
        ([[np.inf, np.inf], [np.inf, np.inf]], 0),
    ],
)
def test_enough_is_what_more_landmarks_hardly_improve(tried, first):
    assert _enough([np.array(steps) for steps in tried]) == first


def test_a_place_where_the_robot_rests_is_one_landmark():
    data, latents = explored(1500)
    resting = latents.clone()
    resting[300:1200] = latents[300] + 0.001 * torch.randn(900, 2)
    at_rest = Dataset(
        data.images,
        resting.double().numpy(),
        data.actions,
        data.follows,
        data.recordings,
        data.sources,
        data.travel,
    )
    chosen = resting[places(at_rest, resting)]
    assert ((chosen - latents[300]).norm(dim=1) < 0.01).sum() <= 1
    assert torch.pdist(chosen).min() > 0.4 * SPEED


def test_landmarks_are_evenly_in_time():
    assert evenly(np.arange(0, 100, 2), 5).tolist() == [0, 24, 48, 74, 98]
    assert evenly(np.array([3, 7]), 5).tolist() == [3, 7]


def test_what_was_travelled_is_kept_where_the_model_does_not_get_on(world):
    memory = build(world, step=lambda z, a: z, count=1000)
    assert len(memory.edges) > 100
    assert (memory.edges[:, 1] == memory.edges[:, 0] + 1).all()  # as it was travelled, no way back
    between = (memory.latents[memory.edges[:, 1]] - memory.latents[memory.edges[:, 0]]).norm(dim=1)
    assert (memory.edge_steps == memory.edge_steps.round()).all()
    assert (between <= 1.5 * SPEED * memory.edge_steps).all() and memory.edge_steps.max() <= 15


def test_nothing_is_taken_for_travelled_across_a_gap(world):
    (data, latents), unseen = world
    alone = Dataset(
        data.images,
        data.positions,
        data.actions,
        np.zeros(len(latents), dtype=bool) | (np.arange(len(latents)) % 2 == 0),
        data.recordings,
        data.sources,
        data.travel,
    )
    memory = build_memory(
        alone, latents, unseen, lambda z, a: z, SETTINGS, None, np.random.default_rng(0), 1000
    )
    assert len(memory.edges) == 0 or memory.edge_steps.max() <= 1
