# SPDX-License-Identifier: Apache-2.0
"""Writes model bundles: all files, then the manifest with their hashes."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import nn

from grasp_ros.types import BadInput
from grasp_ros.world_model.bundle import sha256
from grasp_ros.world_model.dynamics import Dynamics
from grasp_ros.world_model.inputs import Input, JointsInput
from grasp_ros.world_model.joint_head import JointHead
from grasp_ros.world_model.manifest import (
    DYNAMICS,
    ENCODER,
    FILES,
    JOINT_HEAD,
    MANIFEST,
    MEMORY,
    OBSTACLES,
    Manifest,
)
from grasp_ros.world_model.memory import Memory
from grasp_ros.world_model.obstacles import Obstacles


def write_bundle(
    path: Path,
    manifest: Manifest,
    encoder: nn.Module,
    head: JointHead,
    dynamics: Dynamics,
    memory: Memory,
    obstacles: Obstacles | None = None,
) -> None:
    """Write the bundle to the new folder `path`; the manifest's hashes are filled in here.

    encoder: takes a batch of each of the manifest's inputs, in their order. Raises BadInput when
    the folder already holds a bundle: none is ever overwritten.
    """
    if (path / MANIFEST).exists():
        raise BadInput(f'{path} holds a bundle already; remove it or choose another name')
    path.mkdir(parents=True, exist_ok=True)
    export_encoder(path / ENCODER, encoder, manifest.inputs)
    (path / JOINT_HEAD).write_bytes(save(head.tensors()))
    (path / DYNAMICS).write_bytes(save(dynamics.state_dict()))
    (path / MEMORY).write_bytes(save(memory.tensors()))
    hashes = {name: sha256(path / name) for name in FILES}
    if obstacles is not None:
        hashes |= _write_obstacles(path, obstacles)
    (path / MANIFEST).write_text(replace(manifest, files=hashes).to_yaml())


def copy_bundle(
    bundle: Path,
    out: Path,
    command: str,
    memory: Memory | None = None,
    obstacles: Obstacles | None = None,
    report: Mapping[str, Any] | None = None,
    **changes: Any,
) -> None:
    """Write a copy with another memory or other obstacles, made by `command`.

    report: what the manifest says of the training in other words. changes: other values of the
    manifest. Raises BadInput when there is something at `out` already.
    """
    refuse_existing(out)
    manifest = Manifest.from_yaml(bundle / MANIFEST)
    shutil.copytree(bundle, out)
    files = dict(manifest.files)
    if memory is not None:
        (out / MEMORY).write_bytes(save(memory.tensors()))
        files[MEMORY] = sha256(out / MEMORY)
    if obstacles is not None:
        files |= _write_obstacles(out, obstacles)
    commands = [*manifest.training.get('commands', []), command]
    training = {**manifest.training, **(report or {}), 'commands': commands}
    copy = replace(manifest, files=files, training=training, **changes)
    (out / MANIFEST).write_text(copy.to_yaml())


def _write_obstacles(path: Path, obstacles: Obstacles) -> dict[str, str]:
    (path / OBSTACLES).write_bytes(save(obstacles.tensors()))
    return {OBSTACLES: sha256(path / OBSTACLES)}


def refuse_existing(out: Path) -> None:
    """Raise BadInput where a bundle would overwrite something; before long work, ask first."""
    if out.exists():
        raise BadInput(f'{out} exists already; bundles are never overwritten')


def export_encoder(path: Path, encoder: nn.Module, inputs: dict[str, Input]) -> None:
    """Write the encoder as ONNX, weights inside, with inputs of these names."""
    examples = tuple(torch.zeros(1, *one.shape, dtype=_element(one)) for one in inputs.values())
    with warnings.catch_warnings():
        # The exporter by tracing is enough for a plain network and needs no further package.
        warnings.simplefilter('ignore', DeprecationWarning)
        # What networks compute from the sizes of their pictures is constant, indeed.
        warnings.filterwarnings('ignore', 'Converting a tensor to a Python')
        torch.onnx.export(
            encoder.eval(),
            examples,
            str(path),
            input_names=list(inputs),
            output_names=['latent'],
            dynamic_axes={name: {0: 'n'} for name in (*inputs, 'latent')},
            opset_version=17,
            dynamo=False,
        )


def _element(one: Input) -> torch.dtype:
    return torch.float32 if isinstance(one, JointsInput) else torch.uint8
