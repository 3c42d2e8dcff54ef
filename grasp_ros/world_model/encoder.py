# SPDX-License-Identifier: Apache-2.0
"""The encoder in onnxruntime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from grasp_ros.types import BadInput
from grasp_ros.world_model.inputs import Input

NOWHERE = '/dev/null'  # no folder: nothing lies in it


class Encoder:
    """Named inputs to a latent, on the first provider that runs.

    model: the bytes of an ONNX file, weights included. provider: the one that really runs, as
    onnxruntime reports it. Raises BadInput when this is no encoder of these inputs, or when
    `require` is set and the first provider of the list does not run.
    """

    def __init__(
        self,
        model: bytes,
        inputs: Mapping[str, Input],
        providers: tuple[str, ...],
        require: bool,
        threads: int,
    ):
        available = ort.get_available_providers()
        usable = [name for name in providers if name in available]
        wrong = f'encoder runs on {{}}, model.providers asks for {providers[0]}'
        if require and providers[0] not in usable:
            raise BadInput(f'{wrong.format("none")}; this onnxruntime offers {available}')
        if not usable:
            raise BadInput(
                f'model.providers {list(providers)}: this onnxruntime offers {available}'
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Spinning threads would take a core from the planner between images.
        options.add_session_config_entry('session.intra_op.allow_spinning', '0')
        # Weights in another file would not be covered by the manifest's hash. A model from bytes
        # would still look for them in the working directory.
        options.add_session_config_entry(
            'session.model_external_initializers_file_folder_path', NOWHERE
        )
        try:
            self._session = ort.InferenceSession(model, options, providers=usable)
        except Exception as error:  # onnxruntime raises a family of its own, outside RuntimeError
            hint = 'its weights must lie in the file itself; ' if NOWHERE in str(error) else ''
            raise BadInput(f'encoder.onnx is not a usable model: {hint}{error}') from error
        self.provider: str = self._session.get_providers()[0]
        self.fell_back = self.provider != providers[0]
        if require and self.fell_back:
            raise BadInput(wrong.format(self.provider))
        seen = {one.name: (one.type, tuple(one.shape[1:])) for one in self._session.get_inputs()}
        expected = {name: (one.element, one.shape) for name, one in inputs.items()}
        if seen != expected:
            raise BadInput(f'encoder.onnx takes {seen}, model.yaml says {expected}')

    def __call__(self, values: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The latent (D,) of one value for each input."""
        latents = self._session.run(None, {name: one[None] for name, one in values.items()})[0]
        return np.asarray(latents[0], dtype=np.float32)
