# SPDX-License-Identifier: Apache-2.0
"""A world file for Gazebo: table, walls, light, camera, robot, as grasp_ros describes them."""

from __future__ import annotations

import argparse
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from grasp_ros.config import RobotConfig, SimulatorConfig, SimulatorNodeConfig, load
from grasp_ros.share import find
from grasp_ros.sim.worlds import TABLE, WALL, World, load_world
from grasp_ros.types import BadInput
from grasp_ros_gazebo import urdf
from grasp_ros_gazebo.urdf import paint, surface, text

TABLE_THICKNESS = 0.02  # m; its top is at height 0
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
    robot: RobotConfig,
    sim: SimulatorConfig,
    world: World,
    physics: Physics,
    flavour: str = 'classic',
    controllers: Path | None = None,
) -> str:
    """The world file: for Gazebo 11 (`classic`) or for gz-sim Harmonic and newer (`gz`).

    controllers: parameters of the controller manager that gz_ros2_control starts in the robot;
    None leaves the robot without one, as in Gazebo 11, where the caller drives the joints.
    Raises BadInput when the URDF lacks a joint of the robot.
    """
    if flavour not in VERSIONS:
        raise BadInput(f'flavour {flavour!r} is not one of {list(VERSIONS)}')
    description = urdf.read(find('urdf', sim.urdf))
    names = {joint.get('name') for joint in description.findall('joint')}
    if missing := [name for name in robot.joints if name not in names]:
        raise BadInput(f'{sim.urdf}: no joint {missing}, the file has {sorted(map(str, names))}')
    root = Element('sdf', version=VERSIONS[flavour])
    out = SubElement(root, 'world', name=world.name)
    _physics(out, physics)
    if flavour == 'gz':
        _systems(out)
    _light(out)
    out.append(_table(world))
    out.append(_walls(world))
    out.append(_camera(sim, flavour))
    model = urdf.model(description)
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


def _light(world: Element) -> None:
    """As bright as in MuJoCo, from the same side; nothing saturates and nothing casts a shadow."""
    scene = SubElement(world, 'scene')
    text(scene, 'ambient', (0.7, 0.7, 0.7, 1))
    text(scene, 'background', (0, 0, 0, 1))
    text(scene, 'shadows', False)
    light = SubElement(world, 'light', name='sun', type='directional')
    text(light, 'cast_shadows', False)
    text(light, 'pose', (0.3, 0.3, 1.5, 0, 0, 0))
    text(light, 'diffuse', (0.3, 0.3, 0.3, 1))
    text(light, 'specular', (0, 0, 0, 1))
    text(light, 'direction', (-0.2, -0.2, -1.0))


def _table(world: World) -> Element:
    model = _static('table')
    centre = (0, 0, -TABLE_THICKNESS / 2)
    size = (*world.table_size, TABLE_THICKNESS)
    _box(SubElement(model, 'link', name='table'), 'table', centre, size, TABLE)
    return model


def _walls(world: World) -> Element:
    """All walls in one model, which can be moved away at once."""
    model = _static('walls')
    link = SubElement(model, 'link', name='walls')
    for index, wall in enumerate(world.walls):
        centre = (*wall.center, world.wall_height / 2)
        _box(link, f'wall_{index}', centre, (*wall.size, world.wall_height), WALL)
    return model


def _static(name: str) -> Element:
    model = Element('model', name=name)
    text(model, 'static', True)
    return model


def _box(
    link: Element,
    name: str,
    centre: tuple[float, ...],
    size: tuple[float, ...],
    rgba: tuple[float, ...],
) -> None:
    for kind in ('collision', 'visual'):
        shape = SubElement(link, kind, name=f'{name}_{kind}')
        text(shape, 'pose', (*centre, 0, 0, 0))
        text(SubElement(SubElement(shape, 'geometry'), 'box'), 'size', size)
        if kind == 'collision':
            surface(shape)
        else:
            paint(shape, rgba)


def _camera(sim: SimulatorConfig, flavour: str) -> Element:
    model = _static('overhead')
    # A camera looks along x with z up in the image: pitched down, image up = +x, left = +y.
    text(model, 'pose', (*sim.camera_position, 0, math.pi / 2, 0))
    sensor = SubElement(
        SubElement(model, 'link', name='camera'), 'sensor', name='image', type='camera'
    )
    text(sensor, 'always_on', True)
    text(sensor, 'update_rate', sim.camera_rate)
    if flavour == 'gz':
        text(sensor, 'topic', 'image')
    camera = SubElement(sensor, 'camera', name='image')
    # Square pixels: the width follows from the height.
    half = math.tan(sim.camera_fovy / 2) * sim.image_width / sim.image_height
    text(camera, 'horizontal_fov', 2 * math.atan(half))
    image = SubElement(camera, 'image')
    SubElement(image, 'width').text = str(sim.image_width)
    SubElement(image, 'height').text = str(sim.image_height)
    text(image, 'format', 'R8G8B8')
    clip = SubElement(camera, 'clip')
    text(clip, 'near', 0.05)
    text(clip, 'far', 10.0)
    return model


def main(arguments: list[str] | None = None) -> int:
    """Write a world file to stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--robot', default='gantry', help='robot: a name in config/robots/')
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
        robot_file = find('config/robots', f'{options.robot}.yaml')
        config = load(SimulatorNodeConfig, robot_file, simulator__world=options.world)
        physics = Physics(options.step, options.rate)
        world = load_world(options.world)
        print(build(config.robot, config.simulator, world, physics, options.flavour))
    except BadInput as error:
        print(f'sdf: {error}', file=sys.stderr)
        return 2
    return 0


if __name__ == '__main__':
    sys.exit(main())
