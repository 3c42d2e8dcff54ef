# SPDX-License-Identifier: Apache-2.0
"""Writes a model bundle: all files, then the manifest with their hashes."""

from __future__ import annotations

import warnings
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save

from grasp_ros.training.losses import Encoder
from grasp_ros.types import BadInput
from grasp_ros.world_model.bundle import FILES, sha256
from grasp_ros.world_model.dynamics import ResidualMLP
from grasp_ros.world_model.manifest import MANIFEST, Manifest
from grasp_ros.world_model.memory import Memory


def write_bundle(
    path: Path, manifest: Manifest, encoder: Encoder, dynamics: ResidualMLP, memory: Memory
) -> None:
    """Write the bundle to the new folder `path`; the manifest's hashes are filled in here.

    Raises BadInput when the folder already holds a bundle: none is ever overwritten.
    """
    if (path / MANIFEST).exists():
        raise BadInput(f'{path} holds a bundle already; remove it or choose another name')
    path.mkdir(parents=True, exist_ok=True)
    _export_encoder(path / 'encoder.onnx', encoder, manifest)
    (path / 'dynamics.safetensors').write_bytes(save(dynamics.state_dict()))
    (path / 'memory.safetensors').write_bytes(save(memory.tensors()))
    hashes = {name: sha256(path / name) for name in FILES}
    (path / MANIFEST).write_text(replace(manifest, files=hashes).to_yaml())


def _export_encoder(path: Path, encoder: Encoder, manifest: Manifest) -> None:
    size = manifest.image
    example = torch.zeros(1, size.height, size.width, 3, dtype=torch.uint8)
    with warnings.catch_warnings():
        # The exporter by tracing is enough for a plain network and needs no further package.
        warnings.simplefilter('ignore', DeprecationWarning)
        torch.onnx.export(
            encoder.eval(),
            (example,),
            str(path),
            input_names=['image'],
            output_names=['latent'],
            dynamic_axes={'image': {0: 'n'}, 'latent': {0: 'n'}},
            opset_version=17,
            dynamo=False,
        )
