# SPDX-License-Identifier: Apache-2.0
"""Any network of the timm library in place of the small one, for those with a GPU and weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from grasp_ros.training.pictures import Size
from grasp_ros.training.train_config import BackboneConfig
from grasp_ros.types import BadInput

FINEST = 16  # px of the picture that a cell of the map is wide: deeper layers lose small parts
CHANNELS = 64  # of the map that is read, as the small network has


class Backbone(nn.Module):
    """Pixels (N, 3, H, W), -1 to 1 -> a map of features (N, CHANNELS, h, w).

    Of timm's stages the deepest whose cells are at most FINEST px wide. Raises BadInput where the
    network is unknown, or the weights are of another one.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: BackboneConfig, size: Size):
        super().__init__()
        timm = _timm()
        if not timm.is_model(config.name):
            like = timm.list_models(f'*{config.name}*')[:5] or timm.list_models()[:5]
            raise BadInput(f'timm knows no {config.name}; it has {", ".join(like)} and others')
        known = timm.get_pretrained_cfg(config.name)
        given: dict[str, Any] = {'img_size': size} if known.fixed_input_size else {}
        if config.weights:
            file = {'file': config.weights}
            given |= {'pretrained': True, 'pretrained_cfg_overlay': file}
            try:  # the whole network: of stages alone timm takes whatever fits
                timm.create_model(config.name, **given)
            except (RuntimeError, KeyError) as error:
                raise BadInput(f'{config.weights} does not fit {config.name}: {error}') from None
        stages = timm.create_model(config.name, features_only=True, **given).feature_info
        fine = [stage for stage, px in enumerate(stages.reduction()) if px <= FINEST]
        if not fine:
            raise BadInput(
                f'{config.name} has no stage of at most {FINEST} px, only {stages.reduction()}'
            )
        self.network = timm.create_model(
            config.name, features_only=True, out_indices=fine[-1:], **given
        )
        self.read = nn.Sequential(nn.Conv2d(stages.channels()[fine[-1]], CHANNELS, 1), nn.ReLU())
        for name in ('mean', 'std'):
            self.register_buffer(name, torch.tensor(getattr(known, name))[:, None, None])
        self._frozen = config.frozen
        self.network.requires_grad_(not config.frozen)

    def forward(self, pixels: Tensor) -> Tensor:
        """The map of one camera's pictures."""
        return self.read(self.network(((pixels + 1) / 2 - self.mean) / self.std)[0])

    def train(self, mode: bool = True) -> Backbone:
        """What is frozen keeps its statistics, too."""
        super().train(mode)
        self.network.train(mode and not self._frozen)
        return self


def _timm() -> Any:
    try:
        import timm
    except ModuleNotFoundError as error:
        raise BadInput(f'--backbone: {error}; pip install "grasp_ros[timm]"') from None
    except RuntimeError as error:
        raise BadInput(
            f'--backbone: timm cannot be imported ({error}): install the torchvision that was '
            f'built with torch {torch.__version__}'
        ) from None
    return timm
