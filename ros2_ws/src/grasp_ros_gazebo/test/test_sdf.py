# SPDX-License-Identifier: Apache-2.0
"""The world files hold what the MuJoCo model of the same descriptions holds."""

import ctypes
import math
from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest

from grasp_ros.share import find
from grasp_ros.sim.robot import build_model
from grasp_ros.sim.worlds import TABLE, WALL, load_world
from grasp_ros.types import BadInput
from grasp_ros_gazebo import sdf, urdf

PHYSICS = sdf.Physics(step=0.001, rate=1000.0)
WORLDS = ('wall', 'maze')
FLAVOURS = ('classic', 'gz')


def numbers(element, path):
    return np.array([float(word) for word in element.findtext(path).split()])


@pytest.fixture(params=[(w, f) for w in WORLDS for f in FLAVOURS], ids='-'.join)
def both(request, config):
    """(world element, MuJoCo model, world)."""
    name, flavour = request.param
    world = load_world(name)
    text = sdf.build(config.robot, config.simulator, world, PHYSICS, flavour)
    root = ElementTree.fromstring(text)
    assert root.get('version') == sdf.VERSIONS[flavour]
    return root.find('world'), build_model(config.robot, config.simulator, world), world


def boxes(element, model, kind):
    """{name: (pose, size)} of a static model's boxes."""
    return {
        box.get('name').removesuffix(f'_{kind}'): (
            numbers(box, 'pose'),
            numbers(box, 'geometry/box/size'),
        )
        for box in element.findall(f"model[@name='{model}']/link/{kind}")
    }


@pytest.mark.parametrize('kind', ['collision', 'visual'])
def test_walls_and_table_are_where_mujoco_has_them(both, kind):
    element, model, world = both
    found = boxes(element, 'walls', kind) | boxes(element, 'table', kind)
    assert len(found) == len(world.walls) + 1
    for name, (pose, size) in found.items():
        geom = model.geom(name)
        assert pose == pytest.approx(np.append(geom.pos, (0, 0, 0)), abs=1e-9)
        assert size == pytest.approx(2 * geom.size, abs=1e-9)


def test_joints_are_mujocos(both, config):
    element, model, _ = both
    for name in config.robot.joints:
        joint = element.find(f"model[@name='gantry']/joint[@name='{name}']")
        theirs = model.joint(name)
        assert joint.get('type') == 'prismatic' and theirs.type[0] == mujoco.mjtJoint.mjJNT_SLIDE
        assert numbers(joint, 'axis/xyz') == pytest.approx(theirs.axis)
        limits = [float(joint.findtext(f'axis/limit/{end}')) for end in ('lower', 'upper')]
        assert limits == pytest.approx(theirs.range)
        assert numbers(joint, 'axis/dynamics/damping') == pytest.approx(theirs.damping)
        assert numbers(joint, 'axis/dynamics/friction') == pytest.approx(theirs.frictionloss)
        child = element.find(f"model[@name='gantry']/link[@name='{joint.findtext('child')}']")
        body = model.body(joint.findtext('child'))
        assert model.jnt_bodyid[theirs.id] == body.id
        assert float(child.findtext('inertial/mass')) == pytest.approx(body.mass[0])
        assert numbers(child, 'inertial/pose')[:3] == pytest.approx(body.ipos)


def test_camera_sees_what_mujocos_sees(both, config):
    element, model, _ = both
    camera, sim = model.camera('overhead'), config.simulator
    pose = numbers(element, "model[@name='overhead']/pose")
    assert pose[:3] == pytest.approx(camera.pos)
    # Gazebo's camera looks along its x, with y to the left of the image and z up.
    roll, pitch, yaw = pose[3:]
    assert (roll, pitch, yaw) == pytest.approx((0, math.pi / 2, 0))
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    right, up, back = data.cam_xmat[camera.id].reshape(3, 3).T
    assert right == pytest.approx([0, -1, 0]) and up == pytest.approx([1, 0, 0])
    assert back == pytest.approx([0, 0, 1])
    view = element.find("model[@name='overhead']/link/sensor/camera")
    width, height = (int(view.findtext(f'image/{side}')) for side in ('width', 'height'))
    assert (width, height) == (sim.image_width, sim.image_height)
    horizontal = 2 * math.atan(math.tan(math.radians(camera.fovy[0]) / 2) * width / height)
    assert float(view.findtext('horizontal_fov')) == pytest.approx(horizontal)


def test_colours_are_mujocos(both):
    element, model, _ = both
    for path in ("model[@name='walls']", "model[@name='table']"):
        for visual in element.findall(f'{path}/link/visual'):
            geom = model.geom(visual.get('name').removesuffix('_visual'))
            assert numbers(visual, 'material/diffuse') == pytest.approx(geom.rgba)
    for link in ('bridge', 'pusher'):
        visual = element.find(f"model[@name='gantry']/link[@name='{link}']/visual")
        colour = numbers(visual, 'material/diffuse')
        rows = [i for i in range(model.ngeom) if model.geom_bodyid[i] == model.body(link).id]
        assert any(model.geom_rgba[i] == pytest.approx(colour) for i in rows)
        assert numbers(visual, 'material/ambient') == pytest.approx(colour)
    assert TABLE != WALL


def test_nothing_rubs_and_nothing_casts_shadows(both):
    element, _, _ = both
    shapes = element.findall('model/link/collision')
    assert shapes and all(numbers(s, 'surface/friction/ode/mu') == 0 for s in shapes)
    assert element.findtext('scene/shadows') == 'false'
    assert all(light.findtext('cast_shadows') == 'false' for light in element.findall('light'))


def test_a_wide_image_has_square_pixels(config):
    import dataclasses

    sim = dataclasses.replace(config.simulator, image_width=128)
    text = sdf.build(config.robot, sim, load_world('wall'), PHYSICS)
    fov = float(next(ElementTree.fromstring(text).iter('horizontal_fov')).text)
    assert math.tan(fov / 2) == pytest.approx(2 * math.tan(sim.camera_fovy / 2))


def test_only_the_new_gazebo_gets_systems_and_controllers(config, tmp_path):
    world = load_world('wall')
    old = sdf.build(config.robot, config.simulator, world, PHYSICS, 'classic')
    new = sdf.build(config.robot, config.simulator, world, PHYSICS, 'gz', tmp_path / 'c.yaml')
    assert '<plugin' not in old and '<topic>' not in old
    names = {plugin.get('name') for plugin in ElementTree.fromstring(new).iter('plugin')}
    assert {f'gz::sim::systems::{kind}' for kind in sdf.GZ_SYSTEMS.values()} < names
    assert sdf.GZ_JOINTS[1] in names
    assert sdf.CONTROL_PLUGIN in names and str(tmp_path / 'c.yaml') in new


def test_bad_input_is_named(config, tmp_path):
    import dataclasses

    world = load_world('wall')
    with pytest.raises(BadInput, match="'ignition' is not one of"):
        sdf.build(config.robot, config.simulator, world, PHYSICS, 'ignition')
    robot = dataclasses.replace(config.robot, joints=('x_joint', 'z_joint'))
    with pytest.raises(BadInput, match='no joint .*z_joint.*the file has .*y_joint'):
        sdf.build(robot, config.simulator, world, PHYSICS)
    broken = tmp_path / 'broken.urdf'
    broken.write_text('<robot')
    with pytest.raises(BadInput, match='broken.urdf: cannot be read'):
        urdf.read(broken)
    broken.write_text('<sdf/>')
    with pytest.raises(BadInput, match='<sdf>, expected a URDF'):
        urdf.read(broken)


def test_the_tool_is_mujocos(config):
    from grasp_ros.sim.robot import MujocoRobot

    robot = MujocoRobot(config.robot, config.simulator, load_world('wall'))
    description = urdf.read(find('urdf', config.simulator.urdf))
    assert urdf.tool_radius(description) == robot.tool_radius


@pytest.fixture(scope='module')
def check():
    """The check of the newest parser that Debian 12 has: libsdformat's own, behind `gz sdf -k`."""
    try:
        library = ctypes.CDLL('libsdformat12.so.12')
    except OSError:
        pytest.skip('libsdformat12 is not installed')
    return lambda path: library.cmdCheck(str(path).encode())


@pytest.mark.parametrize('name', WORLDS)
@pytest.mark.parametrize('flavour', FLAVOURS)
def test_gazebos_own_parser_takes_the_world(check, config, tmp_path, name, flavour):
    path = tmp_path / 'world.sdf'
    text = sdf.build(config.robot, config.simulator, load_world(name), PHYSICS, flavour, tmp_path)
    path.write_text(text)
    assert check(path) == 0
    path.write_text(text.replace('<child>pusher', '<child>pushed'))
    assert check(path) != 0, 'it finds a joint without its link'
