# SPDX-License-Identifier: Apache-2.0
"""Writes a model bundle: all files, then the manifest with their hashes."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save
from torch import nn

from grasp_ros.types import BadInput
from grasp_ros.world_model.bundle import sha256
from grasp_ros.world_model.dynamics import Dynamics
from grasp_ros.world_model.inputs import Input, JointsInput
from grasp_ros.world_model.joint_head import JointHead
from grasp_ros.world_model.manifest import FILES, MANIFEST, Manifest
from grasp_ros.world_model.memory import Memory


def write_bundle(
    path: Path,
    manifest: Manifest,
    encoder: nn.Module,
    head: JointHead,
    dynamics: Dynamics,
    memory: Memory,
) -> None:
    """Write the bundle to the new folder `path`; the manifest's hashes are filled in here.

    encoder: takes a batch of each of the manifest's inputs, in their order. Raises BadInput when
    the folder already holds a bundle: none is ever overwritten.
    """
    if (path / MANIFEST).exists():
        raise BadInput(f'{path} holds a bundle already; remove it or choose another name')
    path.mkdir(parents=True, exist_ok=True)
    export_encoder(path / 'encoder.onnx', encoder, manifest.inputs)
    (path / 'joint_head.safetensors').write_bytes(save(head.tensors()))
    (path / 'dynamics.safetensors').write_bytes(save(dynamics.state_dict()))
    (path / 'memory.safetensors').write_bytes(save(memory.tensors()))
    hashes = {name: sha256(path / name) for name in FILES}
    (path / MANIFEST).write_text(replace(manifest, files=hashes).to_yaml())


def export_encoder(path: Path, encoder: nn.Module, inputs: dict[str, Input]) -> None:
    """Write the encoder as ONNX, weights inside, with inputs of these names."""
    examples = tuple(torch.zeros(1, *one.shape, dtype=_element(one)) for one in inputs.values())
    with warnings.catch_warnings():
        # The exporter by tracing is enough for a plain network and needs no further package.
        warnings.simplefilter('ignore', DeprecationWarning)
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
