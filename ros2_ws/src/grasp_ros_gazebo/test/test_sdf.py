# SPDX-License-Identifier: Apache-2.0
"""The world files hold what the MuJoCo model of the same descriptions holds."""

import ctypes
import math
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from grasp_ros.sim.robot import build_model
from grasp_ros.sim.shapes import Shape
from grasp_ros.sim.tasks.reach_gantry import TABLE, WALL
from grasp_ros.sim.urdf import read_urdf
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import BadInput
from grasp_ros_gazebo import sdf

PHYSICS = sdf.Physics(step=0.001, rate=1000.0)
WORLDS = ('wall', 'maze', 'arm2', 'ur5', 'so101')
KINDS = {'prismatic': mujoco.mjtJoint.mjJNT_SLIDE, 'revolute': mujoco.mjtJoint.mjJNT_HINGE}
FLAVOURS = ('classic', 'gz')


def numbers(element, path):
    return np.array([float(word) for word in element.findtext(path).split()])


@pytest.fixture(params=[(w, f) for w in WORLDS for f in FLAVOURS], ids='-'.join)
def both(request):
    """(world element, MuJoCo model, world)."""
    name, flavour = request.param
    world = load_world(name)
    text = sdf.build(world, PHYSICS, flavour)
    root = ElementTree.fromstring(text)
    assert root.get('version') == sdf.VERSIONS[flavour]
    return root.find('world'), build_model(world), world


def called(world):
    """The robot's model, as its description names it."""
    return read_urdf(world.description.urdf).get('name')


def boxes(element, kind):
    """{name: (pose, size)} of the boxes that stand around."""
    return {
        box.get('name').removesuffix(f'_{kind}'): (
            numbers(box, 'pose'),
            numbers(box, 'geometry/box/size'),
        )
        for box in element.findall(f"model[@name='surroundings']/link/{kind}")
        if box.find('geometry/box') is not None
    }


@pytest.mark.parametrize('kind', ['collision', 'visual'])
def test_walls_and_table_are_where_mujoco_has_them(both, kind):
    element, model, world = both
    found = boxes(element, kind)
    assert len(found) == sum(shape.kind == 'box' for shape in world.task.shapes()) > 0
    for name, (pose, size) in found.items():
        geom = model.geom(name)
        assert pose == pytest.approx(np.append(geom.pos, (0, 0, 0)), abs=1e-9)
        assert size == pytest.approx(2 * geom.size, abs=1e-9)


def test_joints_are_mujocos(both):
    element, model, world = both
    for name in world.robot.joints:
        joint = element.find(f"model[@name='{called(world)}']/joint[@name='{name}']")
        theirs = model.joint(name)
        assert theirs.type[0] == KINDS[joint.get('type')]
        assert numbers(joint, 'axis/xyz') == pytest.approx(theirs.axis)
        limits = [float(joint.findtext(f'axis/limit/{end}')) for end in ('lower', 'upper')]
        assert limits == pytest.approx(theirs.range)
        assert numbers(joint, 'axis/dynamics/damping') == pytest.approx(theirs.damping)
        assert numbers(joint, 'axis/dynamics/friction') == pytest.approx(theirs.frictionloss)
        child = element.find(
            f"model[@name='{called(world)}']/link[@name='{joint.findtext('child')}']"
        )
        body = model.body(joint.findtext('child'))
        assert model.jnt_bodyid[theirs.id] == body.id
        assert float(child.findtext('inertial/mass')) == pytest.approx(body.mass[0])
        assert numbers(child, 'inertial/pose')[:3] == pytest.approx(body.ipos)


def test_camera_sees_what_mujocos_sees(both):
    element, model, world = both
    camera, (sim, *_) = model.camera('image'), world.description.cameras
    pose = numbers(element, "model[@name='camera_image']/pose")
    assert pose[:3] == pytest.approx(camera.pos)
    # Gazebo's camera looks along its x, with y to the left of the image and z up.
    away, left, up = Rotation.from_euler('xyz', pose[3:]).as_matrix().T
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    theirs = data.cam_xmat[camera.id].reshape(3, 3).T  # right, up, back
    assert np.stack([-left, up, -away]) == pytest.approx(theirs, abs=1e-9)
    view = element.find("model[@name='camera_image']/link/sensor/camera")
    width, height = (int(view.findtext(f'image/{side}')) for side in ('width', 'height'))
    assert (width, height) == (sim.width, sim.height)
    horizontal = 2 * math.atan(math.tan(math.radians(camera.fovy[0]) / 2) * width / height)
    assert float(view.findtext('horizontal_fov')) == pytest.approx(horizontal)


def test_colours_are_mujocos(both):
    element, model, world = both
    for visual in element.findall("model[@name='surroundings']/link/visual"):
        geom = model.geom(visual.get('name').removesuffix('_visual'))
        assert numbers(visual, 'material/diffuse') == pytest.approx(geom.rgba)
    drawn = 0
    for link in element.findall(f"model[@name='{called(world)}']/link"):
        body = model.body(link.get('name')).id
        seen = (model.geom_bodyid == body) & (model.geom_rgba[:, 3] > 0)
        colours = [numbers(visual, 'material/diffuse') for visual in link.findall('visual')]
        assert np.array(colours).reshape(-1, 4) == pytest.approx(model.geom_rgba[seen])
        drawn += len(colours)
        for visual, colour in zip(link.findall('visual'), colours, strict=True):
            assert numbers(visual, 'material/ambient') == pytest.approx(colour)
    assert drawn > 1


def test_what_rubs_is_mujocos_and_nothing_casts_shadows(both):
    element, model, world = both
    for shape in element.findall("model[@name='surroundings']/link/collision"):
        theirs = model.geom(shape.get('name').removesuffix('_collision')).friction[0]
        assert numbers(shape, 'surface/friction/ode/mu') == theirs
    own = element.findall(f"model[@name='{called(world)}']/link/collision")
    assert own and all(
        numbers(s, 'surface/friction/ode/mu') == world.description.body.friction for s in own
    )
    assert element.findtext('scene/shadows') == 'false'
    assert all(light.findtext('cast_shadows') == 'false' for light in element.findall('light'))


def with_cameras(world, *cameras):
    """The same world seen by others."""
    return replace(world, description=replace(world.description, cameras=cameras))


def test_a_wide_image_has_square_pixels():
    world = load_world('wall')
    (camera,) = world.description.cameras
    sim = replace(camera, width=128)
    text = sdf.build(with_cameras(world, sim), PHYSICS)
    fov = float(next(ElementTree.fromstring(text).iter('horizontal_fov')).text)
    assert math.tan(fov / 2) == pytest.approx(2 * math.tan(sim.fovy / 2))


def test_several_cameras_look_where_mujocos_do():
    world = load_world('wall')
    (camera,) = world.description.cameras
    side = replace(
        camera, name='side', position=(-0.5, 0.6, 0.4), target=(0.1, 0.0, 0.0), up=(0.1, 0.0, 1.0)
    )
    world = with_cameras(world, camera, side)
    model = build_model(world)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    element = ElementTree.fromstring(sdf.build(world, PHYSICS, 'gz')).find('world')
    pose = numbers(element, "model[@name='camera_side']/pose")
    right, up, back = data.cam_xmat[model.camera('side').id].reshape(3, 3).T
    turned = Rotation.from_euler('xyz', pose[3:]).as_matrix().T
    np.testing.assert_allclose(turned, [-back, -right, up], atol=1e-9)
    topics = [sensor.findtext('topic') for sensor in element.iter('sensor')]
    assert topics == ['image', 'side']


def on_the_wrist(world, link):
    """A camera on the arm."""
    return replace(
        world.description.cameras[0],
        name='wrist',
        link=link,
        position=(0.0, 0.08, 0.06),
        target=(0.1, 0.5, 0.06),
    )


@pytest.mark.parametrize(('name', 'wrist'), [('ur5', 'wrist_3_link'), ('so101', 'gripper_link')])
def test_a_wrists_camera_looks_where_mujocos_does(name, wrist):
    world = load_world(name)
    camera = on_the_wrist(world, wrist)
    world = with_cameras(world, world.description.cameras[0], camera)
    element = ElementTree.fromstring(sdf.build(world, PHYSICS, 'gz')).find('world')
    link = element.find(f"model[@name='{called(world)}']/link[@name='{camera.link}']")
    (sensor,) = link.findall('sensor')
    assert sensor.findtext('topic') == camera.name
    model = build_model(world)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)  # all joints at 0, as in the file
    frames = [numbers(link, 'pose'), numbers(sensor, 'pose')]
    (bearer, bearers), (place, turn) = (
        (pose[:3], Rotation.from_euler('xyz', pose[3:])) for pose in frames
    )
    theirs = data.cam(camera.name)
    assert bearer + bearers.apply(place) == pytest.approx(theirs.xpos, abs=1e-6)
    right, up, back = theirs.xmat.reshape(3, 3).T
    turned = (bearers * turn).as_matrix().T
    np.testing.assert_allclose(turned, [-back, -right, up], atol=1e-6)


def test_a_camera_on_a_link_that_is_not_there_is_refused():
    world = load_world('ur5')
    lost = on_the_wrist(world, 'sixth_finger')
    with pytest.raises(BadInput, match="no link 'sixth_finger', the robot has"):
        sdf.build(with_cameras(world, world.description.cameras[0], lost), PHYSICS)


def test_round_shapes_stand_where_mujocos_do():
    world = load_world('wall')
    post = Shape('post', 'cylinder', (0.03, 0.4), (0.1, 0.2, 0.2), WALL, (0.3, -0.4, 0.5), 0.6)
    ball = Shape('ball', 'sphere', (0.05,), (0.0, 0.0, 0.1), TABLE)

    class Post(type(world.task)):
        def shapes(self):
            return [post, ball]

    world = replace(world, task=Post(**vars(world.task)))
    model = build_model(world)
    element = ElementTree.fromstring(sdf.build(world, PHYSICS)).find('world')
    shapes = {s.get('name'): s for s in element.findall('model/link/collision')}
    found, geom = shapes['post_collision'], model.geom('post')
    pose = numbers(found, 'pose')
    assert pose[:3] == pytest.approx(geom.pos)
    turn = Rotation.from_quat(geom.quat, scalar_first=True).as_matrix()
    np.testing.assert_allclose(Rotation.from_euler('xyz', pose[3:]).as_matrix(), turn, atol=1e-9)
    size = [float(found.findtext(f'geometry/cylinder/{name}')) for name in ('radius', 'length')]
    assert size == pytest.approx([geom.size[0], 2 * geom.size[1]])
    assert numbers(found, 'surface/friction/ode/mu') == geom.friction[0] == 0.6
    assert numbers(shapes['ball_collision'], 'geometry/sphere/radius') == 0.05


def test_only_the_new_gazebo_gets_systems_and_controllers(tmp_path):
    world = load_world('wall')
    old = sdf.build(world, PHYSICS, 'classic')
    new = sdf.build(world, PHYSICS, 'gz', tmp_path / 'c.yaml')
    assert '<plugin' not in old and '<topic>' not in old
    names = {plugin.get('name') for plugin in ElementTree.fromstring(new).iter('plugin')}
    assert {f'gz::sim::systems::{kind}' for kind in sdf.GZ_SYSTEMS.values()} < names
    assert sdf.GZ_JOINTS[1] in names
    assert sdf.CONTROL_PLUGIN in names and str(tmp_path / 'c.yaml') in new


def test_motors_turn_with_the_links_and_every_link_weighs():
    world = load_world('ur5')
    bare = replace(world.description.body, armature=(0.0,) * 6)
    without = replace(world, description=replace(world.description, body=bare))
    models = [
        ElementTree.fromstring(sdf.build(one, PHYSICS)).find('world/model[@name="ur5"]')
        for one in (world, without)
    ]
    for name, axis in {
        'shoulder_link': 'zz',
        'upper_arm_link': 'yy',
        'wrist_3_link': 'yy',
    }.items():
        path = f"link[@name='{name}']/inertial/inertia"
        more, less = (model.find(path) for model in models)
        for entry in more:
            added = float(entry.text) - float(less.findtext(entry.tag))
            across = 0.05 if entry.tag[1] == entry.tag[2] else 0.0
            assert added == pytest.approx(0.1 if entry.tag == f'i{axis}' else across, abs=1e-9)
    assert all(float(mass.text) > 0 for mass in models[0].iter('mass'))


def test_meshes_lie_where_gazebo_sees_this_machine():
    text = sdf.build(load_world('ur5'), PHYSICS, host='/tmp/host')
    names = {uri.text for uri in ElementTree.fromstring(text).iter('uri')}
    assert len(names) == 7  # of seven links, drawn as they collide
    for name in names:
        assert Path(name.removeprefix('file:///tmp/host')).is_file()


def test_bad_input_is_named(tmp_path):
    world = load_world('wall')
    with pytest.raises(BadInput, match="'ignition' is not one of"):
        sdf.build(world, PHYSICS, 'ignition')
    robot = replace(world.robot, joints=('x_joint', 'z_joint'))
    with pytest.raises(BadInput, match='no joint .*z_joint.*the file has .*y_joint'):
        sdf.build(replace(world, robot=robot), PHYSICS)
    broken = tmp_path / 'broken.urdf'
    broken.write_text('<robot')
    with pytest.raises(BadInput, match='broken.urdf: cannot be read'):
        read_urdf(broken)
    broken.write_text('<sdf/>')
    with pytest.raises(BadInput, match='<sdf>, expected a URDF'):
        read_urdf(broken)


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
def test_gazebos_own_parser_takes_the_world(check, tmp_path, name, flavour):
    path = tmp_path / 'world.sdf'
    text = sdf.build(load_world(name), PHYSICS, flavour, tmp_path)
    path.write_text(text)
    assert check(path) == 0
    path.write_text(re.sub('<child>(?!base).*</child>', '<child>nothing</child>', text))
    assert check(path) != 0, 'it finds a joint without its link'
