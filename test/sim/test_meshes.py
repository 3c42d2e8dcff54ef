# SPDX-License-Identifier: Apache-2.0
"""What is drawn and collides is as fine as it needs to be, and of the same shape."""

import numpy as np
import pytest
import trimesh

from grasp_ros.sim.meshes import CELL, HEAVY, light
from grasp_ros.types import BadInput


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
    return tmp_path / 'cache'


def ball(path, radius, subdivisions):
    trimesh.creation.icosphere(subdivisions=subdivisions, radius=radius).export(path)
    return path


@pytest.mark.parametrize('unit', [1.0, 0.001])
def test_heavy_mesh_becomes_coarse_and_keeps_its_shape(tmp_path, unit):
    fine = ball(tmp_path / 'ball.stl', 0.05 / unit, 6)
    coarse = light(fine, unit)
    before, after = trimesh.load_mesh(fine), trimesh.load_mesh(coarse)
    assert len(after.faces) < len(before.faces) / 4
    assert np.abs(after.bounds - before.bounds).max() <= CELL / unit
    assert after.convex_hull.volume == pytest.approx(before.volume, rel=0.05)


def test_coarse_copy_is_made_once(tmp_path, cache):
    fine = ball(tmp_path / 'ball.stl', 0.05, 6)
    first = light(fine)
    written = first.stat().st_mtime_ns
    assert light(fine) == first and first.stat().st_mtime_ns == written
    ball(fine, 0.06, 6)  # another mesh by the same name
    assert light(fine) != first
    assert [path.suffix for path in cache.rglob('ball*')] == ['.stl', '.stl']


def test_light_and_missing_meshes_are_taken_as_they_are(tmp_path, cache):
    small = ball(tmp_path / 'small.stl', 0.05, 3)
    assert light(small) == small and light(tmp_path / 'none.stl') == tmp_path / 'none.stl'
    assert not cache.exists()


def test_damaged_heavy_mesh_is_named(tmp_path):
    damaged = tmp_path / 'arm.stl'
    damaged.write_bytes(b'\xff' * (HEAVY + 1))
    with pytest.raises(BadInput, match='arm.stl: not a mesh that can be read'):
        light(damaged)


def test_without_trimesh_meshes_are_as_they_are(tmp_path, monkeypatch, cache):
    fine = ball(tmp_path / 'ball.stl', 0.05, 6)
    monkeypatch.setattr('grasp_ros.sim.meshes.find_spec', lambda name: None)
    assert light(fine) == fine and not cache.exists()
