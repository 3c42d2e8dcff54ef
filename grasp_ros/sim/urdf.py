# SPDX-License-Identifier: Apache-2.0
"""Robot descriptions: where they and their meshes lie, and what MuJoCo needs to read them."""

from __future__ import annotations

import os
import sysconfig
from collections.abc import Collection
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from grasp_ros.share import find
from grasp_ros.sim.meshes import light
from grasp_ros.types import BadInput

PACKAGE = 'package://'
READABLE = ('.stl', '.obj')  # meshes that all simulators draw
# The links stay apart, as tools and pictures ask for them by name.
COMPILER = {
    'fusestatic': 'false',
    'discardvisual': 'false',
    'balanceinertia': 'true',
    'strippath': 'false',
}


def find_urdf(name: str, beside: Path) -> Path:
    """A description by its path, its name in urdf/ or beside a file, or package://NAME/PATH.

    Raises BadInput naming all places that were looked at.
    """
    return package_path(name) if name.startswith(PACKAGE) else find('urdf', name, beside=beside)


def package_path(uri: str) -> Path:
    """The file of package://NAME/PATH, in a ROS installation's packages or in those of pip."""
    relative = uri.removeprefix(PACKAGE)
    prefixes = [Path(one) for one in os.environ.get('AMENT_PREFIX_PATH', '').split(':') if one]
    prefixes.append(Path(sysconfig.get_path('purelib')) / 'cmeel.prefix')
    places = [prefix / 'share' / relative for prefix in prefixes]
    for place in places:
        if place.exists():
            return place
    name = relative.split('/')[0]
    raise BadInput(
        f'{uri}: none of {", ".join(map(str, places))} exists; source the workspace of {name}, or '
        "pip install 'grasp_ros[sim]', which brings example-robot-data"
    )


def read_urdf(path: Path, joints: Collection[str] | None = None) -> Element:
    """The <robot> of a description, the same for all simulators.

    joints: those that are commanded; others, a gripper's, say, are fixed at zero. Meshes are named
    by absolute paths, heavy ones by those of coarser copies. Visuals whose meshes only some
    programs can read are left out, and what collides is drawn. Raises BadInput where it is no
    description.
    """
    try:
        robot = ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise BadInput(f'{path}: cannot be read as XML: {error}') from error
    if robot.tag != 'robot':
        raise BadInput(f'{path}: <{robot.tag}>, expected a URDF with <robot>')
    for mesh in robot.iter('mesh'):
        name = mesh.get('filename', '').removeprefix('file://')
        found = package_path(name) if name.startswith(PACKAGE) else path.parent / name
        mesh.set('filename', str(found))
    for joint in robot.findall('joint'):
        if joints is not None and joint.get('name') not in joints:
            joint.set('type', 'fixed')
    for link in robot.findall('link'):
        for visual in link.findall('visual'):
            meshes = [mesh.get('filename', '').lower() for mesh in visual.iter('mesh')]
            if any(not mesh.endswith(READABLE) for mesh in meshes):
                link.remove(visual)
    for mesh in robot.iter('mesh'):
        file = Path(mesh.get('filename', ''))
        if file.suffix.lower() in READABLE:
            scale = max(float(one) for one in mesh.get('scale', '1').split())
            mesh.set('filename', str(light(file, scale)))
    return robot


def for_mujoco(path: Path, joints: Collection[str]) -> str:
    """The description as text that MuJoCo reads, wherever it is read from; joints: see read_urdf.

    One with a <mujoco> element of its own says itself how it is to be read.
    """
    robot = read_urdf(path, joints)
    if robot.find('mujoco') is None:
        SubElement(SubElement(robot, 'mujoco'), 'compiler', COMPILER)
    return ElementTree.tostring(robot, encoding='unicode')
