# SPDX-License-Identifier: Apache-2.0
"""A world file for Gazebo: surroundings, light, cameras, robot, as grasp_ros describes them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from grasp_ros.sim.description import Body
from grasp_ros.sim.shapes import Shape
from grasp_ros.sim.urdf import read_urdf
from grasp_ros.sim.worlds import World, load_world
from grasp_ros.types import BadInput
from grasp_ros_gazebo import cameras, urdf
from grasp_ros_gazebo.urdf import paint, surface, text

SURROUNDINGS = 'surroundings'  # the model of all that stands around the robot
VERSIONS = {'classic': '1.6', 'gz': '1.9'}
GZ_SYSTEMS = {  # of the world
    'physics': 'Physics',
    'user-commands': 'UserCommands',
    'scene-broadcaster': 'SceneBroadcaster',
    'sensors': 'Sensors',
    'contact': 'Contact',
}
GZ_JOINTS = ('gz-sim-joint-state-publisher-system', 'gz::sim::systems::JointStatePublisher')
CONTROL_PLUGIN = 'gz_ros2_control::GazeboSimROS2ControlPlugin'


@dataclass(frozen=True)
class Physics:
    """step: s of one physics step. rate: steps a second of real time at most; 0 is no limit."""

    step: float
    rate: float


def build(
    world: World,
    physics: Physics,
    flavour: str = 'classic',
    controllers: Path | None = None,
    host: str = '',
) -> str:
    """The world file: for Gazebo 11 (`classic`) or for gz-sim Harmonic and newer (`gz`).

    controllers: parameters of the controller manager that gz_ros2_control starts in the robot;
    None leaves the robot without one, as in Gazebo 11, where the caller drives the joints.
    host: where Gazebo finds this machine's root folder, for the meshes.
    Raises BadInput when the URDF lacks a joint of the robot, or the task moves objects, which only
    MuJoCo's worlds hold.
    """
    if flavour not in VERSIONS:
        raise BadInput(f'flavour {flavour!r} is not one of {list(VERSIONS)}')
    if world.task.objects:
        raise BadInput(f'world {world.name} moves {list(world.task.objects)}: not in Gazebo')
    path, body = world.description.urdf, world.description.body
    robot = read_urdf(path, world.robot.joints)
    for mesh in robot.iter('mesh'):
        mesh.set('filename', host + mesh.get('filename', ''))
    names = {joint.get('name') for joint in robot.findall('joint')}
    if missing := [name for name in world.robot.joints if name not in names]:
        raise BadInput(f'{path}: no joint {missing}, the file has {sorted(map(str, names))}')
    root = Element('sdf', version=VERSIONS[flavour])
    out = SubElement(root, 'world', name=world_name(world))
    _physics(out, physics)
    if flavour == 'gz':
        _systems(out)
    _light(out, body)
    if shapes := world.task.shapes():
        out.append(_surroundings(shapes))
    armature = dict(zip(world.robot.joints, body.armature, strict=True))
    model = urdf.model(robot, body.friction, world.description.colours, armature)
    for camera in world.description.cameras:
        if camera.link:
            cameras.mount(camera, model, flavour)
        else:
            out.append(cameras.standing(camera, flavour))
    if flavour == 'gz':
        filename, name = GZ_JOINTS
        SubElement(model, 'plugin', filename=filename, name=name)
    if controllers is not None:
        plugin = SubElement(
            model, 'plugin', filename='gz_ros2_control-system', name=CONTROL_PLUGIN
        )
        text(plugin, 'parameters', str(controllers))
    out.append(model)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding='unicode')


def _physics(world: Element, physics: Physics) -> None:
    out = SubElement(world, 'physics', name='stepped', type='ode')
    text(out, 'max_step_size', physics.step)
    text(out, 'real_time_factor', physics.step * physics.rate)
    text(out, 'real_time_update_rate', physics.rate)
    ode = SubElement(out, 'ode')
    solver = SubElement(ode, 'solver')
    text(solver, 'type', 'quick')
    SubElement(solver, 'iters').text = '50'
    text(solver, 'sor', 1.3)
    constraints = SubElement(ode, 'constraints')
    text(constraints, 'cfm', 0.0)
    text(constraints, 'erp', 0.2)
    text(constraints, 'contact_max_correcting_vel', 0.1)
    text(constraints, 'contact_surface_layer', 0.0005)


def _systems(world: Element) -> None:
    for name, kind in GZ_SYSTEMS.items():
        plugin = SubElement(
            world, 'plugin', filename=f'gz-sim-{name}-system', name=f'gz::sim::systems::{kind}'
        )
        if kind == 'Sensors':
            text(plugin, 'render_engine', 'ogre2')


def _light(world: Element, body: Body) -> None:
    """As bright as in MuJoCo, from the same side; nothing saturates and nothing casts a shadow."""
    scene = SubElement(world, 'scene')
    text(scene, 'ambient', (0.7, 0.7, 0.7, 1))
    text(scene, 'background', (0, 0, 0, 1))
    text(scene, 'shadows', False)
    light = SubElement(world, 'light', name='sun', type='directional')
    text(light, 'cast_shadows', False)
    text(light, 'pose', (*body.light_position, 0, 0, 0))
    text(light, 'diffuse', (0.3, 0.3, 0.3, 1))
    text(light, 'specular', (0, 0, 0, 1))
    text(light, 'direction', body.light_direction)


def _surroundings(shapes: Sequence[Shape]) -> Element:
    """All shapes in one model, which can be moved away at once."""
    model = Element('model', name=SURROUNDINGS)
    text(model, 'static', True)
    link = SubElement(model, 'link', name=SURROUNDINGS)
    for shape in shapes:
        for kind in ('collision', 'visual'):
            out = SubElement(link, kind, name=f'{shape.name}_{kind}')
            text(out, 'pose', (*shape.position, *shape.rpy))
            geometry = SubElement(SubElement(out, 'geometry'), shape.kind)
            if shape.kind == 'box':
                text(geometry, 'size', shape.size)
            else:
                for name, size in zip(('radius', 'length'), shape.size, strict=False):
                    text(geometry, name, size)
            if kind == 'collision':
                surface(out, shape.friction)
            else:
                paint(out, shape.rgba)
    return model


def world_name(world: World) -> str:
    """The world's name in its file: never the robot's, which Gazebo 11 would then not find."""
    return f'{world.name}_world'


def main(arguments: list[str] | None = None) -> int:
    """Write a world file to stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        '--world', default='wall', help='world: a name in config/worlds/, or a file'
    )
    parser.add_argument('--flavour', default='gz', choices=tuple(VERSIONS))
    parser.add_argument('--step', type=float, default=0.001, help='physics step, s')
    parser.add_argument(
        '--rate', type=float, default=1000.0, help='physics steps a second at most'
    )
    options = parser.parse_args(arguments)
    try:
        physics = Physics(options.step, options.rate)
        print(build(load_world(options.world), physics, options.flavour))
    except BadInput as error:
        print(f'sdf: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
