# SPDX-License-Identifier: Apache-2.0
"""A thinned map: few landmarks, joined as the old map's travel times say, the memory whole."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from grasp_ros.config import ModelConfig
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.roadmap import Roadmap
from grasp_ros.training.thinning import thinned
from grasp_ros.training.verdict import connected_share
from grasp_ros.types import BadInput
from grasp_ros.world_model.bundle import load_bundle
from grasp_ros.world_model.memory import Memory

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / 'test' / 'world_model'))

import synthetic  # noqa: E402

SPEED = 0.05


def ring(count: int = 60) -> Memory:
    """Landmarks on a circle of radius 1, each two steps from both of its neighbours."""
    index = torch.arange(count)
    angle = index * 2 * torch.pi / count
    latents = torch.stack([angle.cos(), angle.sin()], dim=1)
    following = torch.stack([index, index.roll(-1)], dim=1)
    edges = torch.cat([following, following.flip(1)])
    return Memory(latents, latents.clone(), edges, torch.full((len(edges),), 2.0), {})


def test_the_few_are_spread_and_joined_as_far_as_travel_allows():
    thin = thinned(ring(), 12, connect_steps=14)
    used = torch.unique(thin.edges)
    assert len(used) == 12
    assert torch.pdist(ring().latents[used]).min() > 0.3  # 12 on a circle: 0.52, were it even
    assert thin.edge_steps.max() <= 14
    apart = (thin.edges[:, 0] - thin.edges[:, 1]).abs()
    torch.testing.assert_close(thin.edge_steps, 2.0 * torch.minimum(apart, 60 - apart))
    assert connected_share(60, thin.edges.numpy()) == 12 / 60


def test_memory_stays_whole():
    thin = thinned(ring(), 12, connect_steps=12)
    assert torch.equal(thin.latents, ring().latents)


def test_landmarks_off_the_largest_part_are_not_taken():
    memory = ring()
    far = torch.tensor([[9.0, 9.0], [9.1, 9.0]])
    both = torch.tensor([[60, 61], [61, 60]])
    more = replace(
        memory,
        latents=torch.cat([memory.latents, far]),
        positions=torch.cat([memory.positions, far]),
        edges=torch.cat([memory.edges, both]),
        edge_steps=torch.cat([memory.edge_steps, torch.ones(2)]),
    )
    assert thinned(more, 12, 12).edges.max() < 60


@pytest.mark.parametrize('count', [1, 61])
def test_numbers_that_cannot_be_are_refused(count):
    with pytest.raises(BadInput, match=f'{count} landmarks asked for; .* holds 60'):
        thinned(ring(), count, 12)


def test_roadmap_uses_only_the_landmarks_that_are_left():
    memory = thinned(ring(), 12, connect_steps=14)
    roadmap = Roadmap(memory, lambda z, a: z + SPEED * a, 2, connect_steps=15, neighbours=4)
    roadmap.set_goal(Goal.of(memory.latents[30], 0.1))
    path = roadmap.path(memory.latents[1])
    assert path is not None
    assert set(path.landmarks) <= set(torch.unique(memory.edges).tolist())


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / 'scripts/thin_map', *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_copy_of_a_bundle_trusts_as_the_original(tmp_path: Path):
    whole, out = tmp_path / 'whole', tmp_path / 'thin'
    synthetic.make(whole)
    done = run(whole, '--landmarks', 10, '--out', out)
    assert done.returncode == 0 and '10 landmarks' in done.stdout, done.stderr
    robot = synthetic.robot()
    before, after = (
        load_bundle(ModelConfig(bundle=str(path), device='cpu'), robot) for path in (whole, out)
    )
    assert after.manifest.training['commands'][-1].startswith('scripts/thin_map')
    assert after.manifest.training['map_landmarks'] == 10
    assert len(torch.unique(after.memory.edges)) == 10
    for landmark in range(len(before.memory.latents)):
        seen = before.remembered(landmark)
        latent = before.encode(seen)
        assert after.trust.judge(latent, seen) == before.trust.judge(latent, seen)
    again = run(whole, '--landmarks', 10, '--out', out)
    assert again.returncode == 2 and 'never overwritten' in again.stderr
