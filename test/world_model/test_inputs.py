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
        bundle.check(replace(seen, images={'front': seen.images['front']}))
    with pytest.raises(BadInput, match='a picture alone is no goal for it'):
        bundle.check(Observation.pictured(seen.images, 3))
    with pytest.raises(BadInput, match='3 measured ones'):
        bundle.check(replace(seen, position=np.zeros(2)))
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


def test_latent_shows_the_joints_as_well_as_the_manifest_says(made):
    bundle, rng = made[1], np.random.default_rng(7)
    poses = [synthetic.pose(one) for one in rng.uniform(-1, 1, (40, 3))]
    apart = [np.abs(bundle.joints_shown(bundle.encode(one)) - one.position) for one in poses]
    # Read at places that neither the head nor its errors were made from.
    promised = np.array(bundle.manifest.joint_error.median)
    assert (promised < 0.3).all()  # of +-1 rad
    np.testing.assert_allclose(np.median(apart, axis=0), promised, rtol=0.6)


def test_either_camera_alone_is_reason_enough_to_refuse(made):
    bundle, seen = made[1], synthetic.pose(POSITION)
    assert bundle.trust.judge(bundle.encode(seen), seen) is None
    for camera, picture in seen.images.items():
        covered = replace(seen, images={**seen.images, camera: np.zeros_like(picture)})
        refused = bundle.trust.judge(bundle.encode(covered), covered)
        assert refused is not None and f'the picture ({camera})' in refused.reason
