# SPDX-License-Identifier: Apache-2.0
"""Networks of timm as encoders: built, trained, frozen, exported, and refused."""

import importlib.util
import re
import sys
from functools import partial

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import save_file

from grasp_ros.cli.main import main
from grasp_ros.training.backbone import CHANNELS, Backbone
from grasp_ros.training.dataset import Dataset
from grasp_ros.training.engine import make_engine
from grasp_ros.training.export import export_encoder
from grasp_ros.training.losses import Encoder
from grasp_ros.training.train import train
from grasp_ros.training.train_config import BackboneConfig, TrainConfig
from grasp_ros.types import BadInput
from grasp_ros.world_model.inputs import ImageInput

SIZE, FRAMES, RESNET = (48, 64), 200, 'test_resnet'
SHORT = partial(
    TrainConfig,
    latent=8,
    width=16,
    depth=1,
    encoder_steps=8,
    dynamics_steps=4,
    landmarks=20,
    encoder_batch=4,
    joints_input=False,
)


@pytest.fixture(scope='module', autouse=True)
def timm():
    """The library.

    A torchvision built for CUDA cannot load its own operators beside a torch that is not, and then
    cannot be imported. No encoder has them: here it is enough that their names are known.
    """
    if importlib.util.find_spec('timm') is None:
        pytest.skip('grasp_ros[timm] is not installed')
    try:
        import torchvision  # noqa: F401
    except RuntimeError:
        for name in [one for one in sys.modules if one.split('.')[0] == 'torchvision']:
            del sys.modules[name]
        for name in ('nms', 'qnms'):
            torch.library.define(f'torchvision::{name}', '(Tensor a, Tensor b, float c) -> Tensor')
    import timm

    return timm


@pytest.fixture(scope='module')
def weights(timm, tmp_path_factory):
    """A file of weights as users have them: of the whole network."""
    torch.manual_seed(7)
    path = tmp_path_factory.mktemp('weights') / 'resnet.safetensors'
    save_file(timm.create_model(RESNET).state_dict(), path)
    return str(path)


@pytest.fixture(scope='module')
def data():
    """Noise, and a robot that does as it is told."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (FRAMES, *SIZE, 3), dtype=np.uint8)
    actions = rng.uniform(-1, 1, (FRAMES, 2))
    follows = np.append(np.ones(FRAMES - 1, dtype=bool), False)
    of = np.zeros(FRAMES, np.int64)
    places, sizes = np.cumsum(actions, 0), {'image': SIZE}
    return Dataset({'image': images}, places, actions, follows, of, sizes, np.ones(2))


def encoder_of(data, backbone):
    progress = lambda *_: None  # noqa: E731
    trained = train(data, SHORT(backbone=backbone), make_engine('cpu'), progress)
    return trained.encoder, trained.report


@pytest.mark.parametrize('name', [RESNET, 'test_convnext', 'test_vit'])
def test_each_kind_sees_several_cameras_and_is_exported(name, tmp_path):
    encoder = Encoder(8, [SIZE, (64, 64), SIZE], BackboneConfig(name)).eval()
    assert encoder.cameras[0] is encoder.cameras[2] is not encoder.cameras[1]
    inputs = {'a': ImageInput(*SIZE, *SIZE), 'b': ImageInput(64, 64, 64, 64)}
    inputs['c'] = inputs['a']
    export_encoder(tmp_path / 'encoder.onnx', encoder, inputs)
    session = onnxruntime.InferenceSession(tmp_path / 'encoder.onnx')
    rng = np.random.default_rng(0)
    seen = {
        one: rng.integers(0, 256, (2, *size.shape), dtype=np.uint8) for one, size in inputs.items()
    }
    (found,) = session.run(None, seen)
    with torch.no_grad():
        expected = encoder(*map(torch.from_numpy, seen.values()))
    assert found.shape == (2, 8) and expected.std() > 0
    np.testing.assert_allclose(found, expected.numpy(), atol=1e-4)


def test_pixels_are_normalised_as_the_network_was_trained(timm, weights):
    backbone = Backbone(BackboneConfig(RESNET, weights), SIZE).eval()
    whole = timm.create_model(RESNET, features_only=True, out_indices=(3,)).eval()
    whole.load_state_dict(backbone.network.state_dict())
    pixels = torch.rand(1, 3, *SIZE)
    known = timm.get_pretrained_cfg(RESNET)
    mean, std = (torch.tensor(one)[:, None, None] for one in (known.mean, known.std))
    with torch.no_grad():
        expected = backbone.read(whole((pixels - mean) / std)[0])
        torch.testing.assert_close(backbone(2 * pixels - 1), expected)
    assert expected.shape == (1, CHANNELS, SIZE[0] // 16, SIZE[1] // 16)


def test_weights_begin_as_in_the_file_and_are_tuned_or_kept(timm, weights, data):
    first = Backbone(BackboneConfig(RESNET, weights), SIZE).network.state_dict()
    apart = {}
    for frozen in (True, False):
        encoder, report = encoder_of(data, BackboneConfig(RESNET, weights, frozen))
        assert report['config']['backbone'] == {
            'name': RESNET,
            'weights': weights,
            'frozen': frozen,
        }
        after = encoder.cameras[0].network.state_dict()
        apart[frozen] = max(float((after[name] - first[name]).abs().max()) for name in first)
    assert apart[True] == 0.0, 'its statistics, too'
    assert apart[False] > 0.0
    torch.manual_seed(0)
    random = Backbone(BackboneConfig(RESNET), SIZE).network.state_dict()
    assert any(not torch.equal(random[name], first[name]) for name in first)


def test_what_is_tuned_moves_less_than_what_is_new(weights, data):
    encoders = []
    for config in (BackboneConfig(RESNET, weights), BackboneConfig(RESNET)):
        encoder, _ = encoder_of(data, config)
        torch.manual_seed(0)  # as train begins
        first = Encoder(8, [SIZE], config)
        pairs = zip(encoder.cameras.parameters(), first.cameras.parameters(), strict=True)
        encoders.append(max(float((a - b).detach().abs().max()) for a, b in pairs))
    tuned, new = encoders
    assert 0 < tuned < new


@pytest.mark.parametrize(
    ('arguments', 'reason'),
    [
        (['--backbone', 'resnot'], 'timm knows no resnot'),
        (['--backbone', RESNET, '--backbone-weights', 'w.pth'], r'a \.safetensors file'),
        (['--backbone', RESNET, '--backbone-weights', 'w.safetensors'], 'no such file'),
        (['--backbone', RESNET, '--freeze-backbone'], 'would keep its random weights'),
        (['--freeze-backbone'], 'need --backbone'),
    ],
)
def test_what_cannot_be_is_refused_at_once(arguments, reason, tmp_path, capsys):
    assert main(['train', 'no_bag', '--out', str(tmp_path / 'new'), *arguments]) == 2
    assert re.search(reason, capsys.readouterr().err)


def test_weights_of_another_network_are_refused(timm, weights):
    with pytest.raises(BadInput, match='does not fit test_convnext'):
        Backbone(BackboneConfig('test_convnext', weights), SIZE)
