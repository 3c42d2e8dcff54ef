# SPDX-License-Identifier: Apache-2.0
"""Pictures that are none of this scene, light or moment are refused; those of the memory pass."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from grasp_ros.config import ModelConfig
from grasp_ros.types import ImageArray, Refused
from grasp_ros.world_model.bundle import Bundle, load_bundle

RNG = np.random.default_rng(0)


def noisy(rgb: ImageArray, sigma: float) -> ImageArray:
    return np.clip(rgb + RNG.normal(0, sigma, rgb.shape), 0, 255).astype(np.uint8)


def covered(rgb: ImageArray, where: tuple[slice, ...]) -> ImageArray:
    rgb = rgb.copy()
    rgb[where] = 0
    return rgb


TOP, LEFT = (slice(32),), (slice(None), slice(32))
BOTTOM, RIGHT = (slice(32, None),), (slice(None), slice(32, None))

FOREIGN: dict[str, Callable[[ImageArray], ImageArray]] = {
    'black': np.zeros_like,
    'white': lambda rgb: np.full_like(rgb, 255),
    'grey': lambda rgb: np.full_like(rgb, 128),
    'noise': lambda rgb: RNG.integers(0, 256, rgb.shape, dtype=np.uint8),
    'sensor noise': lambda rgb: noisy(rgb, 60),
    'top covered': lambda rgb: covered(rgb, TOP),
    'bottom covered': lambda rgb: covered(rgb, BOTTOM),
    'left covered': lambda rgb: covered(rgb, LEFT),
    'right covered': lambda rgb: covered(rgb, RIGHT),
    'half the light': lambda rgb: rgb // 2,
    'camera moved': lambda rgb: np.roll(rgb, 4, axis=1),
}


@pytest.fixture(scope='module')
def models(robot) -> dict[str, Bundle]:
    """The shipped bundles."""
    names = ('gantry_wall', 'gantry_maze')
    return {name: load_bundle(ModelConfig(bundle=name, device='cpu'), robot) for name in names}


def landmarks(bundle: Bundle) -> range:
    """Every fifth."""
    return range(0, len(bundle.memory.latents), 5)


def judged(bundle: Bundle, seen, joints: bool) -> Refused | None:
    """With measured joints, as an observation, or without, as a goal."""
    if not joints:
        seen = replace(seen, position=np.full(2, np.nan))
    return bundle.trust.judge(bundle.encode(seen), seen)


@pytest.mark.parametrize('name', ['gantry_wall', 'gantry_maze'])
def test_what_the_memory_holds_is_trusted(models, name):
    bundle = models[name]
    for landmark in landmarks(bundle):
        seen = bundle.remembered(landmark)
        assert judged(bundle, seen, True) is None and judged(bundle, seen, False) is None


@pytest.mark.parametrize('what', FOREIGN)
@pytest.mark.parametrize('name', ['gantry_wall', 'gantry_maze'])
def test_foreign_pictures_are_refused_even_as_goals(models, name, what):
    bundle = models[name]
    for landmark in landmarks(bundle):
        seen = bundle.remembered(landmark)
        other = replace(seen, images={'image': FOREIGN[what](seen.images['image'])})
        assert judged(bundle, other, False) is not None


@pytest.mark.parametrize('name', ['gantry_wall', 'gantry_maze'])
def test_a_turned_camera_is_refused_as_an_observation(models, name):
    # Both worlds look much the same when turned by half: only the joints tell.
    bundle = models[name]
    for landmark in landmarks(bundle):
        seen = bundle.remembered(landmark)
        turned = replace(seen, images={'image': seen.images['image'][::-1, ::-1].copy()})
        assert judged(bundle, turned, True) is not None


def test_a_picture_of_another_world_is_refused_with_distance_and_bound(models):
    wall, maze = models.values()
    for landmark in landmarks(maze):
        refused = judged(wall, maze.remembered(landmark), False)
        assert refused is not None
        assert 'unlike anything in the memory of gantry_wall' in refused.reason
        assert f'at most {wall.manifest.trust.pictures["image"]:.1f}' in refused.reason


def test_a_picture_of_another_moment_is_refused_by_the_joint_that_differs(models):
    bundle = models['gantry_maze']
    seen = bundle.remembered(0)
    assert judged(bundle, seen, True) is None
    for joint, name in enumerate(bundle.manifest.joints):
        apart = np.zeros(2)
        apart[joint] = 1.2 * bundle.manifest.trust.joints[joint]
        refused = judged(bundle, replace(seen, position=seen.position + apart), True)
        assert refused is not None
        assert f'the picture shows {name} at' in refused.reason
        assert 'joint_states says' in refused.reason
    swapped = replace(seen, position=seen.position[::-1] + 0.1)
    assert judged(bundle, swapped, True) is not None
