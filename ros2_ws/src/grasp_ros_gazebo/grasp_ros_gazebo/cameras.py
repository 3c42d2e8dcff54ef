# SPDX-License-Identifier: Apache-2.0
"""Cameras in a world file for Gazebo: those that stand in the world, and those on the robot."""

from __future__ import annotations

import math
import warnings
from xml.etree.ElementTree import Element, SubElement

import numpy as np
from scipy.spatial.transform import Rotation

from grasp_ros.sim.camera import Camera
from grasp_ros.types import BadInput
from grasp_ros_gazebo.urdf import text

NEAREST, FURTHEST = 0.02, 10.0  # m from a camera; what is nearer or further is not drawn


def topic(camera: Camera, robot: str) -> str:
    """Model, link and sensor of a camera, by which Gazebo 11 names its topics.

    robot: the name of the robot's model.
    """
    name = _name(camera)
    return f'{robot}/{camera.link}/{name}' if camera.link else f'{name}/{name}/{name}'


def standing(camera: Camera, flavour: str) -> Element:
    """A model of nothing but a camera."""
    model = Element('model', name=_name(camera))
    text(model, 'static', True)
    text(model, 'pose', _pose(camera))
    SubElement(model, 'link', name=_name(camera)).append(_sensor(camera, flavour))
    return model


def mount(camera: Camera, robot: Element, flavour: str) -> None:
    """Put a camera on its link of the robot's model. Raises BadInput where there is none."""
    link = robot.find(f"link[@name='{camera.link}']")
    if link is None:
        there = [one.get('name') for one in robot.findall('link')]
        raise BadInput(f'camera {camera.name}: no link {camera.link!r}, the robot has {there}')
    sensor = _sensor(camera, flavour)
    text(sensor, 'pose', _pose(camera))
    link.append(sensor)


def _name(camera: Camera) -> str:
    return f'camera_{camera.name.replace("/", "_")}'


def _pose(camera: Camera) -> tuple[float, ...]:
    """In its frame; a camera looks along x with z up in the image."""
    right, up, away = camera.axes()
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # straight down, roll and yaw are the same turn
        turn = Rotation.from_matrix(np.stack([away, -right, up], axis=1)).as_euler('xyz')
    return (*camera.position, *turn)


def _sensor(camera: Camera, flavour: str) -> Element:
    sensor = Element('sensor', name=_name(camera), type='camera')
    text(sensor, 'always_on', True)
    text(sensor, 'update_rate', camera.rate)
    if flavour == 'gz':
        text(sensor, 'topic', camera.name)
    out = SubElement(sensor, 'camera', name=_name(camera))
    # Square pixels: the width follows from the height.
    half = math.tan(camera.fovy / 2) * camera.width / camera.height
    text(out, 'horizontal_fov', 2 * math.atan(half))
    image = SubElement(out, 'image')
    SubElement(image, 'width').text = str(camera.width)
    SubElement(image, 'height').text = str(camera.height)
    text(image, 'format', 'R8G8B8')
    clip = SubElement(out, 'clip')
    text(clip, 'near', NEAREST)
    text(clip, 'far', FURTHEST)
    return sensor
