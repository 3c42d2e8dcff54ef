# SPDX-License-Identifier: Apache-2.0
"""What ros2_control is told: the URDF's <ros2_control> part, and the controllers' settings."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import SubElement

import yaml

from grasp_ros.config import RobotConfig
from grasp_ros.sim.urdf import read_urdf
from grasp_ros.sim.worlds import World
from grasp_ros.types import FloatArray

HARDWARE = 'gz_ros2_control/GazeboSimSystem'


def describe(path: Path, robot: RobotConfig, start: FloatArray) -> str:
    """The URDF's text: velocity commands, measured state, joints at `start` (J,)."""
    root = read_urdf(path, robot.joints)
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


def controllers(template: Path, world: World) -> str:
    """The controllers' settings: config/controllers.yaml with the joints of the world's robot.

    A joint further from its reference than five times its tracking tolerance aborts a trajectory:
    a wall stops a joint without that.
    """
    robot, settings = world.robot, yaml.safe_load(template.read_text())
    jtc = settings['joint_trajectory_controller']['ros__parameters']
    jtc['joints'] = list(robot.joints)
    jtc['gains'], constraints = {}, jtc['constraints']
    gains = world.description.body.position_gain
    for name, gain, tolerance in zip(robot.joints, gains, robot.tracking_tolerance, strict=True):
        jtc['gains'][name] = {'p': gain, 'i': 0.0, 'd': 0.0, 'ff_velocity_scale': 1.0}
        constraints[name] = {'trajectory': 5 * tolerance, 'goal': 2 * tolerance}
    return str(yaml.safe_dump(settings, sort_keys=False))
