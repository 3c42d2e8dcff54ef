# SPDX-License-Identifier: Apache-2.0
"""A bundle of two cameras and joints is written, loaded and encoded by names."""

from dataclasses import replace

import numpy as np
import pytest
import synthetic
import torch

from grasp_ros.config import ModelConfig
from grasp_ros.types import BadInput, Observation
from grasp_ros.world_model.bundle import load_bundle
from grasp_ros.world_model.joint_head import JointError
from grasp_ros.world_model.manifest import RoadmapSettings

POSITION = np.array([0.3, -0.5, 0.8])


@pytest.fixture(scope='module')
def made(tmp_path_factory):
    """The encoder as it was made, and the bundle as it is loaded."""
    path = tmp_path_factory.mktemp('models') / 'arm3'
    encoder = synthetic.make(path)
    config = ModelConfig(bundle=str(path), device='cpu')
    return encoder, load_bundle(config, synthetic.robot())


def test_names_reach_the_encoder(made):
    encoder, bundle = made
    seen = synthetic.pose(POSITION)
    expected = encoder(*synthetic.inputs(seen))[0]
    torch.testing.assert_close(bundle.encode(seen), expected, atol=1e-4, rtol=1e-4)
    # By name: the order in which cameras come is nothing.
    images = dict(reversed(list(seen.images.items())))
    assert torch.equal(bundle.encode(replace(seen, images=images)), bundle.encode(seen))


def test_manifest_holds_what_belongs_to_the_robot(made):
    manifest = made[1].manifest
    assert list(manifest.inputs) == ['front', 'wrist/image', 'joints']
    assert manifest.inputs == synthetic.INPUTS
    assert manifest.roadmap == RoadmapSettings(12, 6)
    assert manifest.dynamics.architecture == 'residual_mlp'
    assert manifest.goal_tolerance == 0.05


def test_each_input_must_be_there(made):
    bundle, seen = made[1], synthetic.pose(POSITION)
    with pytest.raises(BadInput, match=r"camera 'wrist/image' among \['front'\]"):
        bundle.encode(replace(seen, images={'front': seen.images['front']}))
    with pytest.raises(BadInput, match='3 measured ones'):
        bundle.encode(replace(seen, position=np.zeros(2)))
    small = {**seen.images, 'front': seen.images['front'][:12]}
    with pytest.raises(BadInput, match=r'image is 32x12 \(front\).*trained on 32x24'):
        bundle.encode(replace(seen, images=small))


def test_remembered_places_are_observations_of_the_cameras_own_sizes(made):
    bundle = made[1]
    for landmark in range(len(bundle.memory.latents)):
        seen = bundle.remembered(landmark)
        assert seen.images['front'].shape == (24, 32, 3)
        assert seen.images['wrist/image'].shape == (16, 16, 3)
        latent = bundle.encode(seen)
        # But for what a JPEG loses.
        assert (latent - bundle.memory.latents[landmark]).norm() < 0.2
        assert bundle.trust.judge(latent, seen) is None


def test_joints_that_were_measured_are_known_exactly(made):
    bundle, seen = made[1], synthetic.pose(POSITION)
    latent = bundle.encode(seen)
    np.testing.assert_allclose(bundle.joints_shown(latent), POSITION, atol=1e-6)
    assert bundle.certainty(seen) is None


def test_joints_of_a_picture_alone_are_those_it_shows_as_well_as_the_manifest_says(made):
    bundle, rng = made[1], np.random.default_rng(7)
    poses = [synthetic.pose(one) for one in rng.uniform(-1, 1, (40, 3))]
    pictures = [Observation.pictured(one.images, 3) for one in poses]
    shown = [bundle.joints_shown(bundle.encode(one)) for one in pictures]
    apart = np.abs(shown - np.stack([one.position for one in poses]))
    # Read at places that neither the head nor its errors were made from.
    promised = np.array(bundle.manifest.joint_error.median)
    assert (promised < 0.3).all()  # of +-1 rad
    np.testing.assert_allclose(np.median(apart, axis=0), promised, rtol=0.6)


def test_joints_of_a_picture_alone_count_the_less_the_less_it_tells_them(made):
    manifest = made[1].manifest
    told = JointError(p95=(3.0, 3.0, 3.0), median=(0.0, 0.05 / 2, 1.0))
    bundle = replace(made[1], manifest=replace(manifest, joint_error=told))
    weight = bundle.certainty(Observation.pictured(synthetic.pose(POSITION).images, 3))
    # Off by nothing, by as much as counts as reached (0.05, where 2 is a radian), and by far more.
    expected = torch.tensor([1.0] * synthetic.SHOWN + [1.0, 0.5, 1 / (1 + 80**2)])
    torch.testing.assert_close(weight, expected)


def test_either_camera_alone_is_reason_enough_to_refuse(made):
    bundle, seen = made[1], synthetic.pose(POSITION)
    assert bundle.trust.judge(bundle.encode(seen), seen) is None
    for camera, picture in seen.images.items():
        covered = replace(seen, images={**seen.images, camera: np.zeros_like(picture)})
        refused = bundle.trust.judge(bundle.encode(covered), covered)
        assert refused is not None and f'the picture ({camera})' in refused.reason
