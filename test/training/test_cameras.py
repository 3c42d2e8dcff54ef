# SPDX-License-Identifier: Apache-2.0
"""Several cameras: their pictures of one moment go together, and a bundle sees them all."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from loading import load_bags

from grasp_ros.cli.main import main
from grasp_ros.config import ModelConfig, load_robot
from grasp_ros.training.bags import BagWriter
from grasp_ros.training.dataset import encoder_sizes, load_images
from grasp_ros.training.losses import Decoder, Encoder
from grasp_ros.training.recording import read_recording
from grasp_ros.training.timeline import timelines
from grasp_ros.training.topics import Topics
from grasp_ros.types import NS, BadInput, Frame, JointSample, JointTrajectory, Observation
from grasp_ros.world_model.bundle import load_bundle

ROOT = Path(__file__).resolve().parents[2]
T0 = 1_700_000_000 * NS
CAMERAS = ('front', 'cell/top')
TOPICS = Topics(tuple(f'{camera}/compressed' for camera in CAMERAS))


def write(path, joints, stamps, cameras=CAMERAS):
    """A bag of a resting robot; the n-th picture of a camera, at stamps[camera][n] s, shows n."""
    rest = JointTrajectory(joints, T0, np.array([NS]), np.zeros((1, 2)), np.zeros((1, 2)))
    with BagWriter(path, joints, cameras=cameras) as writer:
        writer.trajectory(rest, T0)
        for at in np.arange(0, 2, 0.02):
            writer.joints(JointSample(T0 + round(at * NS), np.zeros(2), np.zeros(2)))
        for camera in cameras:
            height = 8 if camera == cameras[0] else 16
            for shade, at in enumerate(stamps[camera]):
                picture = np.full((height, 8, 3), shade, np.uint8)
                writer.frame(Frame(T0 + round(at * NS), picture, camera))
    return path


def shades(pictures):
    return [int(one[0, 0, 0]) for one in pictures]


def test_pictures_of_one_moment_go_together(tmp_path, robot, space):
    """The second camera is slower and shifted: the nearest stamp, at most 50 ms off."""
    first = np.arange(10) / 10
    second = np.array([0.0, 0.22, 0.28, 0.43, 0.5, 0.61, 0.9])
    bag = write(tmp_path / 'bag', robot.joints, dict(zip(CAMERAS, (first, second), strict=True)))
    data = load_bags([bag], robot, space, 8, 8, TOPICS)
    assert shades(data.images['front']) == [0, 2, 3, 4, 5, 6, 9]
    assert shades(data.images['cell/top']) == [0, 1, 2, 3, 4, 5, 6]
    assert data.sources == {'front': (8, 8), 'cell/top': (16, 8)}
    assert data.follows.tolist() == [False, True, True, True, True, False, False]
    late, _ = data.split(0.3)
    assert shades(late.images['cell/top'][np.arange(4)]) == [0, 1, 2, 3]


def test_one_picture_of_a_slow_camera_goes_with_several_of_a_fast_one(tmp_path, robot, space):
    stamps = {'front': np.arange(8) / 20, 'cell/top': np.arange(3) * 0.15}
    bag = write(tmp_path / 'bag', robot.joints, stamps)
    seen = read_recording(bag, robot.joints, TOPICS)
    assert list(seen.cameras) == list(CAMERAS) and seen.lonely == 0
    assert seen.messages['image_2'].tolist() == [0, 0, 1, 1, 1, 2, 2, 2]
    data = load_bags([bag], robot, space, 8, 8, TOPICS)
    assert shades(data.images['front']) == [0, 2, 4, 6]
    assert shades(data.images['cell/top']) == [0, 1, 1, 2]


def test_pictures_that_no_other_camera_goes_with_are_said(tmp_path, robot, space):
    stamps = {'front': np.arange(10) / 10, 'cell/top': np.arange(5) / 10}
    bag = write(tmp_path / 'bag', robot.joints, stamps)
    recording = read_recording(bag, robot.joints, TOPICS)
    (line,), _ = timelines([recording], robot, space)
    (said,) = [one for one in line.findings if 'cameras' in one.text]
    assert said.severity == 'warning' and '5 images of 2 cameras left out' in said.text
    stamps['cell/top'] = 7 + stamps['cell/top']
    other = write(tmp_path / 'other', robot.joints, stamps)
    with pytest.raises(
        BadInput, match=r'no images of /front.*, /cell/top.* at most 0\.05 s apart'
    ):
        read_recording(other, robot.joints, TOPICS)


def test_cameras_that_cannot_be_meant_are_refused(tmp_path, robot, space):
    stamps = dict.fromkeys((*CAMERAS, 'side'), np.arange(4) / 10)
    bag = write(tmp_path / 'bag', robot.joints, stamps)
    with pytest.raises(BadInput, match='/front/compressed is named twice: see --image-topic'):
        read_recording(bag, robot.joints, Topics(('front/compressed', '/front/compressed')))
    other = write(tmp_path / 'other', robot.joints, stamps, ('front', 'side'))
    lines = [
        timelines([read_recording(path, robot.joints, Topics(topics))], robot, space)[0][0]
        for path, topics in (
            (bag, TOPICS.images),
            (other, ('front/compressed', 'side/compressed')),
        )
    ]
    with pytest.raises(BadInput, match=r"\['front', 'side'\].*has \['front', 'cell/top'\]"):
        encoder_sizes(lines, 64)
    with pytest.raises(BadInput, match=r"cameras \['front', 'cell/top'\], expected \['image'\]"):
        load_images(lines[:1], {'image': (8, 8)}, tmp_path)


def test_the_encoder_sees_every_camera():
    torch.manual_seed(0)
    encoder = Encoder(4, [(8, 16), (24, 8)])
    images = [
        torch.randint(0, 255, (2, *size, 3), dtype=torch.uint8) for size in ((8, 16), (24, 8))
    ]
    seen = encoder(*images)
    assert seen.shape == (2, 4)
    for index in (0, 1):
        other = [255 - one if at == index else one for at, one in enumerate(images)]
        assert not torch.allclose(encoder(*other), seen), 'each of them counts'


def test_all_pictures_are_drawn_from_the_latent():
    rng = np.random.default_rng(0)
    one, other = (rng.integers(0, 255, (1000, 8, 8, 3), dtype=np.uint8) for _ in range(2))
    decoder = Decoder(4, [one, other])
    assert decoder.mean.shape == (2 * 3 * 32 * 32,)
    latents, first, second = (
        torch.zeros(5, 4),
        torch.from_numpy(one[:5]),
        torch.from_numpy(other[:5]),
    )
    right = decoder.error(latents, [first, second])
    assert decoder.error(latents, [first, 255 - second]) != right


def test_a_bundle_of_two_cameras_by_the_commands_that_users_type(tmp_path):
    """The SO-101 seen from two sides: collected, trained, its map made anew, loaded."""
    pytest.importorskip('mujoco', reason='grasp_ros[sim] is not installed')
    bag, model = tmp_path / 'bag', tmp_path / 'models/so101'
    assert main(['collect', str(bag), '--world', 'so101', '--steps', '400']) == 0
    little = ['--encoder-steps', '20', '--dynamics-steps', '100', '--landmarks', '60']
    read = [str(bag), '--robot', 'so101', '--image-topic', 'image/compressed']
    read += ['--image-topic', 'left/image/compressed']
    given = ['train', *read, '--out', str(model), *little, '--image-size', '32', '--threads', '1']
    assert main([*given, '--joints-input']) == 0
    robot = load_robot(ROOT / 'config/robots/so101.yaml')
    config = ModelConfig(bundle=str(model), device='cpu', accept_bad_bundle=True)
    bundle = load_bundle(config, robot)
    assert list(bundle.manifest.inputs) == ['image', 'left/image', 'joints']
    pictures = bundle.remembered(3).images
    assert {name: one.shape for name, one in pictures.items()} == dict.fromkeys(
        ('image', 'left/image'), (120, 160, 3)
    )
    assert not np.array_equal(pictures['image'], pictures['left/image'])
    seen = Observation.pictured(pictures, 5)
    black = {**pictures, 'left/image': np.zeros((120, 160, 3), np.uint8)}
    assert not torch.equal(bundle.encode(seen), bundle.encode(Observation.pictured(black, 5)))
    again = tmp_path / 'models/again'
    done = subprocess.run(
        [
            sys.executable,
            ROOT / 'scripts/make_map',
            model,
            *read,
            '--landmarks',
            '50',
            '--out',
            again,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    made = load_bundle(replace(config, bundle=str(again)), robot)
    assert list(made.memory.thumbnails) == ['image', 'left/image']
