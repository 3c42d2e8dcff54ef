# SPDX-License-Identifier: Apache-2.0
"""A URDF as an SDF model, colours and contact surfaces included.

Gazebo's own conversion drops the colours and leaves surfaces at their defaults; and this one runs
where no Gazebo is, so that both simulators' models can be compared.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from scipy.spatial.transform import Rotation

from grasp_ros.types import BadInput, FloatArray

Rgba = tuple[float, ...]
GREY: Rgba = (0.5, 0.5, 0.5, 1.0)  # of a visual without a colour, in MuJoCo too
FIELDS = {'box': ('size',), 'cylinder': ('radius', 'length'), 'sphere': ('radius',)}
KINDS = [*FIELDS, 'mesh']
LEAST_MASS, LEAST_INERTIA = 1e-3, 1e-5  # kg, kg m²: Gazebo takes no link with less
NOTHING: Mapping[str, Any] = MappingProxyType({})
JOINT_TYPES = {
    'fixed': 'fixed',
    'prismatic': 'prismatic',
    'revolute': 'revolute',
    'continuous': 'revolute',
}


def model(
    robot: Element,
    friction: float,
    colours: Mapping[str, Rgba] = NOTHING,
    armature: Mapping[str, float] = NOTHING,
) -> Element:
    """The <model> element, joints at zero, links free of gravity; friction: of its surfaces.

    colours: of links, instead of the URDF's. armature: inertia that the motors of revolute joints
    add, kg m²; it turns with the link here. A link `world` stands for the world itself, and
    without one the first link stands still in it, as in MuJoCo. What collides is drawn where
    nothing else is.
    """
    out = Element('model', name=robot.get('name', 'robot'))
    text(out, 'allow_auto_disable', False)  # a robot at rest must still be heard of
    materials = {
        material.get('name'): numbers(material.find('color'), 'rgba', GREY)
        for material in robot.findall('material')
    }
    frames, rotors = _frames(robot), _rotors(robot, armature)
    for link in robot.findall('link'):
        name = link.get('name', '')
        if name != 'world':
            shown = _link(link, frames[name], materials, colours.get(name), friction)
            if (given := link.find('inertial')) is not None:
                shown.append(_inertial(given, rotors.get(name, np.zeros((3, 3)))))
            out.append(shown)
    for joint in robot.findall('joint'):
        out.append(_joint(joint))
    for root in _roots(robot):
        if root != 'world':
            fixed = SubElement(out, 'joint', name=f'world_to_{root}', type='fixed')
            text(fixed, 'parent', 'world')
            text(fixed, 'child', root)
    for joint in out.findall("joint[parent='world'][@type='fixed']"):
        # Else the base, fixed there and lifted by the table under it, jams the joints it bears.
        base = out.find(f"link[@name='{joint.findtext('child')}']")
        assert base is not None
        text(base, 'kinematic', True)
    return out


def text(
    parent: Element, tag: str, value: str | bool | float | Sequence[float] | FloatArray
) -> Element:
    """Append <tag>value</tag>; sequences are written with spaces between, numbers in full."""
    child = SubElement(parent, tag)
    if isinstance(value, bool):
        child.text = str(value).lower()
    elif isinstance(value, str):
        child.text = value
    else:
        child.text = ' '.join(repr(round(float(entry), 12)) for entry in np.atleast_1d(value))
    return child


def paint(visual: Element, rgba: Rgba) -> None:
    """A matt colour, the same in every light."""
    material = SubElement(visual, 'material')
    text(material, 'ambient', rgba)
    text(material, 'diffuse', rgba)
    text(material, 'specular', (0, 0, 0, 1))


def surface(collision: Element, friction: float) -> None:
    """No bounce, and a contact that neither tilts nor pushes the tool back."""
    out = SubElement(collision, 'surface')
    ode = SubElement(SubElement(out, 'friction'), 'ode')
    text(ode, 'mu', friction)
    text(ode, 'mu2', friction)
    contact = SubElement(SubElement(out, 'contact'), 'ode')
    text(contact, 'max_vel', 0.1)
    text(contact, 'min_depth', 0.0005)


def _frames(robot: Element) -> dict[str, FloatArray]:
    """The 4 x 4 pose of every link in the model, joints at zero."""
    joints = robot.findall('joint')
    links = [link.get('name', '') for link in robot.findall('link')]
    frames = {name: np.eye(4) for name in _roots(robot)}
    while len(frames) < len(links):
        before = len(frames)
        for joint in joints:
            parent, child = attribute(joint, 'parent', 'link'), attribute(joint, 'child', 'link')
            if parent in frames and child not in frames:
                frames[child] = frames[parent] @ origin(joint)
        if len(frames) == before:
            raise BadInput(f'links {sorted(set(links) - set(frames))} hang on no joint')
    return frames


def _roots(robot: Element) -> list[str]:
    """The links that hang on no other."""
    children = {attribute(joint, 'child', 'link') for joint in robot.findall('joint')}
    links = [link.get('name', '') for link in robot.findall('link')]
    return [name for name in links if name not in children]


def _link(
    link: Element,
    frame: FloatArray,
    materials: dict[str | None, Rgba],
    colour: Rgba | None,
    friction: float,
) -> Element:
    out = Element('link', name=link.get('name', ''))
    text(out, 'pose', _pose(frame))
    text(out, 'gravity', False)
    solid = link.findall('collision')
    drawn = {'visual': link.findall('visual') or solid, 'collision': solid}
    for kind, shapes in drawn.items():
        for index, given in enumerate(shapes):
            shape = SubElement(out, kind, name=f'{kind}_{index}')
            text(shape, 'pose', _pose(origin(given)))
            shape.append(_geometry(given))
            if kind == 'collision':
                surface(shape, friction)
                continue
            material = given.find('material')
            named = materials.get(material.get('name'), GREY) if material is not None else GREY
            own = material.find('color') if material is not None else None
            paint(shape, colour or numbers(own, 'rgba', named))
    return out


def _inertial(given: Element, added: FloatArray) -> Element:
    """added (3, 3): more inertia, in the link's frame."""
    frame, out = origin(given), Element('inertial')
    text(out, 'pose', _pose(frame))
    mass = float(attribute(given, 'mass', 'value'))
    text(out, 'mass', max(mass, LEAST_MASS))
    more = frame[:3, :3].T @ added @ frame[:3, :3]
    if mass < LEAST_MASS:
        more += LEAST_INERTIA * np.eye(3)
    inertia = SubElement(out, 'inertia')
    for i, j in itertools.combinations_with_replacement(range(3), 2):
        name = f'i{"xyz"[i]}{"xyz"[j]}'
        text(inertia, name, float(attribute(given, 'inertia', name)) + float(more[i, j]))
    return out


def _geometry(given: Element) -> Element:
    out = Element('geometry')
    shape = next(iter(given.find('geometry') or ()), None)
    kind = '' if shape is None else shape.tag
    if shape is not None and kind == 'mesh':
        mesh = SubElement(out, 'mesh')
        text(mesh, 'uri', f'file://{shape.get("filename", "")}')
        text(mesh, 'scale', numbers(shape, 'scale', (1.0, 1.0, 1.0)))
        return out
    if shape is None or kind not in FIELDS:
        raise BadInput(f'geometry {kind!r} in the URDF is not one of {KINDS}')
    element = SubElement(out, kind)
    for name in FIELDS[kind]:
        text(element, name, numbers(shape, name, ()))
    return out


def _joint(joint: Element) -> Element:
    kind = joint.get('type', '')
    if kind not in JOINT_TYPES:
        raise BadInput(f'joint type {kind!r} in the URDF is not one of {list(JOINT_TYPES)}')
    out = Element('joint', name=joint.get('name', ''), type=JOINT_TYPES[kind])
    text(out, 'parent', attribute(joint, 'parent', 'link'))
    text(out, 'child', attribute(joint, 'child', 'link'))
    if kind == 'fixed':
        return out
    axis = SubElement(out, 'axis')
    text(axis, 'xyz', numbers(joint.find('axis'), 'xyz', (1.0, 0.0, 0.0)))
    given, limit = joint.find('limit'), SubElement(axis, 'limit')
    for name, value in ({} if given is None else given.attrib).items():
        text(limit, name, float(value))
    given, dynamics = joint.find('dynamics'), SubElement(axis, 'dynamics')
    for name in ('damping', 'friction'):
        text(dynamics, name, 0.0 if given is None else float(given.get(name, '0')))
    return out


def _rotors(robot: Element, armature: Mapping[str, float]) -> dict[str, FloatArray]:
    """The inertia (3, 3) that motors add to the links they turn, in the links' frames.

    About their axes, and half of it across them: no body has less.
    """
    added = {}
    for joint in robot.findall('joint'):
        inertia = armature.get(joint.get('name', ''), 0.0)
        if inertia:
            axis = np.array(numbers(joint.find('axis'), 'xyz', (1.0, 0.0, 0.0)))
            along = np.outer(axis, axis) / (axis @ axis)
            added[attribute(joint, 'child', 'link')] = inertia * (np.eye(3) + along) / 2
    return added


def origin(element: Element) -> FloatArray:
    given, frame = element.find('origin'), np.eye(4)
    frame[:3, 3] = numbers(given, 'xyz', (0.0, 0.0, 0.0))
    frame[:3, :3] = Rotation.from_euler('xyz', numbers(given, 'rpy', (0.0, 0.0, 0.0))).as_matrix()
    return frame


def _pose(frame: FloatArray) -> FloatArray:
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # a right angle of pitch has many
        turn = Rotation.from_matrix(frame[:3, :3]).as_euler('xyz')
    return np.concatenate([frame[:3, 3], turn])


def numbers(element: Element | None, name: str, default: tuple[float, ...]) -> tuple[float, ...]:
    if element is None or element.get(name) is None:
        return default
    return tuple(float(word) for word in element.get(name, '').split())


def attribute(element: Element, tag: str, name: str) -> str:
    child = element.find(tag)
    value = None if child is None else child.get(name)
    if value is None:
        raise BadInput(f'<{element.tag} name="{element.get("name")}"> has no <{tag} {name}="...">')
    return value
