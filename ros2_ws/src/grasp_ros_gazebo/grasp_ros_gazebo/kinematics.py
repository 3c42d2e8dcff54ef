# SPDX-License-Identifier: Apache-2.0
"""Joint positions from the poses of links."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np
from scipy.spatial.transform import Rotation

from grasp_ros.types import BadInput, FloatArray
from grasp_ros_gazebo import urdf


@dataclass(frozen=True)
class Joint:
    """A joint of the URDF: origin is the 4 x 4 pose of its frame in the parent link."""

    kind: str
    parent: str
    child: str
    origin: FloatArray
    axis: FloatArray

    def position(self, links: Mapping[str, FloatArray]) -> float:
        """m or rad, from the links' 4 x 4 poses; a link that is not there lies at the origin."""
        parent, child = links.get(self.parent, np.eye(4)), links.get(self.child, np.eye(4))
        moved = np.linalg.inv(parent @ self.origin) @ child
        if self.kind == 'prismatic':
            return float(self.axis @ moved[:3, 3])
        return float(self.axis @ Rotation.from_matrix(moved[:3, :3]).as_rotvec())


def joints(robot: Element, names: tuple[str, ...]) -> list[Joint]:
    """The joints `names` of a URDF, in that order. Raises BadInput when one is not there."""
    found = {joint.get('name'): joint for joint in robot.findall('joint')}
    if missing := [name for name in names if name not in found]:
        raise BadInput(f'no joint {missing} in the URDF, it has {sorted(map(str, found))}')
    return [_joint(found[name]) for name in names]


def _joint(joint: Element) -> Joint:
    axis = np.array(urdf.numbers(joint.find('axis'), 'xyz', (1.0, 0.0, 0.0)))
    return Joint(
        joint.get('type', ''),
        urdf.attribute(joint, 'parent', 'link'),
        urdf.attribute(joint, 'child', 'link'),
        urdf.origin(joint),
        axis / np.linalg.norm(axis),
    )
