# SPDX-License-Identifier: Apache-2.0
"""Meshes as fine as simulators need: drawing what CAD programs export takes longer than moving."""

from __future__ import annotations

import hashlib
import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from grasp_ros.share import cache_directory
from grasp_ros.types import BadInput

if TYPE_CHECKING:
    from trimesh import Trimesh

HEAVY = 250_000  # bytes, some 5000 triangles; meshes up to this are taken as they are
CELL = 0.002  # m: corners nearer than this become one, which no camera of a simulator shows


def light(path: Path, scale: float = 1.0) -> Path:
    """A mesh as it is, or where it is heavy a coarser copy of it, in the user's cache.

    scale: m in the mesh's unit. Where trimesh is not installed, as beside a ROS distribution's
    Gazebo, all are as they are. Raises BadInput where a heavy mesh cannot be read.
    """
    if not path.is_file() or path.stat().st_size <= HEAVY or find_spec('trimesh') is None:
        return path
    content = path.read_bytes()
    name = hashlib.sha256(content + f'{CELL / scale:g}'.encode()).hexdigest()
    coarse = cache_directory() / 'meshes' / f'{path.stem}_{name[:16]}.stl'
    if not coarse.exists():
        import trimesh

        try:
            mesh = trimesh.load_mesh(path)
        except Exception as error:  # whatever trimesh raises for a damaged file
            raise BadInput(f'{path}: not a mesh that can be read: {error!r}') from error
        if not len(mesh.faces):
            raise BadInput(f'{path}: not a mesh that can be read: no triangles in it')
        coarse.parent.mkdir(parents=True, exist_ok=True)
        # Written beside and moved: several simulators may start at once.
        beside = coarse.with_suffix(f'.{os.getpid()}')
        _coarse(mesh, CELL / scale).export(beside, file_type='stl')
        beside.replace(coarse)
    return coarse


def _coarse(mesh: Trimesh, cell: float) -> Trimesh:
    """Corners in one cell of a grid become one; triangles that shrink to a line go."""
    mesh.apply_scale(1 / cell)
    mesh.merge_vertices(merge_tex=True, merge_norm=True, digits_vertex=0)
    mesh.update_faces(mesh.nondegenerate_faces(height=1e-6))
    mesh.update_faces(mesh.unique_faces())
    mesh.remove_unreferenced_vertices()
    return mesh.apply_scale(cell)
