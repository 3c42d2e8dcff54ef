# SPDX-License-Identifier: Apache-2.0
"""The vision encoder in onnxruntime."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from grasp_ros.types import BadInput, ImageArray


class Encoder:
    """uint8 images to float32 latents, on the first provider that runs.

    provider: the one that really runs, as onnxruntime reports it. Raises BadInput when the file is
    not a usable encoder, or when `require` is set and the first provider of the list does not run.
    """

    def __init__(self, path: Path, providers: tuple[str, ...], require: bool, threads: int):
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
        try:
            self._session = ort.InferenceSession(str(path), options, providers=usable)
        except Exception as error:  # onnxruntime raises a family of its own, outside RuntimeError
            raise BadInput(f'{path}: not a usable ONNX model: {error}') from error
        self.provider: str = self._session.get_providers()[0]
        self.fell_back = self.provider != providers[0]
        if require and self.fell_back:
            raise BadInput(wrong.format(self.provider))
        (self._input,) = [one.name for one in self._session.get_inputs()]
        self.input_shape = tuple(self._session.get_inputs()[0].shape)
        self.output_shape = tuple(self._session.get_outputs()[0].shape)

    def __call__(self, rgb: ImageArray) -> NDArray[np.float32]:
        """The latent (D,) of an image (H, W, 3) of the model's size."""
        (latents,) = self._session.run(None, {self._input: rgb[None]})
        return np.asarray(latents[0], dtype=np.float32)
