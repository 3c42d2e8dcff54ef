# SPDX-License-Identifier: Apache-2.0
"""The URDF with the <ros2_control> part that gz_ros2_control reads."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import SubElement

from grasp_ros.config import RobotConfig
from grasp_ros.types import FloatArray
from grasp_ros_gazebo import urdf

HARDWARE = 'gz_ros2_control/GazeboSimSystem'


def describe(path: Path, robot: RobotConfig, start: FloatArray) -> str:
    """The URDF's text: velocity commands, measured state, joints at `start` (J,)."""
    root = urdf.read(path)
    control = SubElement(root, 'ros2_control', name='gazebo', type='system')
    SubElement(SubElement(control, 'hardware'), 'plugin').text = HARDWARE
    for name, limit, position in zip(robot.joints, robot.max_velocity, start, strict=True):
        joint = SubElement(control, 'joint', name=name)
        command = SubElement(joint, 'command_interface', name='velocity')
        SubElement(command, 'param', name='min').text = str(-limit)
        SubElement(command, 'param', name='max').text = str(limit)
        state = SubElement(joint, 'state_interface', name='position')
        SubElement(state, 'param', name='initial_value').text = str(round(float(position), 6))
        SubElement(joint, 'state_interface', name='velocity')
    return ElementTree.tostring(root, encoding='unicode')
