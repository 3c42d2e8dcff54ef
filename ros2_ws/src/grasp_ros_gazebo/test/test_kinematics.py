# SPDX-License-Identifier: Apache-2.0
"""Link poses to joint positions, on a chain with turned joints."""

from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from grasp_ros.types import BadInput
from grasp_ros_gazebo import kinematics, urdf

CHAIN = ElementTree.fromstring("""
<robot name="arm">
  <link name="base"/><link name="upper"/><link name="slider"/>
  <joint name="turn" type="revolute">
    <parent link="base"/><child link="upper"/>
    <origin xyz="0.1 0 0.2" rpy="0.3 -0.2 0.5"/><axis xyz="0 0 2"/>
    <limit lower="-1" upper="1" velocity="1" effort="1"/>
  </joint>
  <joint name="slide" type="prismatic">
    <parent link="upper"/><child link="slider"/>
    <origin xyz="0 0.3 0" rpy="0 0 -1"/><axis xyz="0 1 0"/>
    <limit lower="-1" upper="1" velocity="1" effort="1"/>
  </joint>
</robot>
""")


def placed(turn, slide):
    """The links' poses at joint positions, computed forwards."""
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_rotvec([0, 0, turn]).as_matrix()
    moved = np.eye(4)
    moved[1, 3] = slide
    first, second = (urdf.origin(joint) for joint in CHAIN.findall('joint'))
    base = np.eye(4)
    base[:3, :3] = Rotation.from_euler('xyz', [0.1, 0.2, 0.3]).as_matrix()
    upper = base @ first @ turned
    return {'base': base, 'upper': upper, 'slider': upper @ second @ moved}


@pytest.mark.parametrize(('turn', 'slide'), [(0.0, 0.0), (0.7, -0.2), (-2.0, 0.5)])
def test_positions_are_found_from_poses(turn, slide):
    joints = kinematics.joints(CHAIN, ('slide', 'turn'))
    found = [joint.position(placed(turn, slide)) for joint in joints]
    assert found == pytest.approx([slide, turn])


def test_the_model_stands_as_the_urdf_at_zero():
    model = urdf.model(CHAIN, 0.0)
    for name, frame in placed(0.0, 0.0).items():
        pose = [float(word) for word in model.find(f"link[@name='{name}']/pose").text.split()]
        expected = np.linalg.inv(placed(0.0, 0.0)['base']) @ frame
        assert pose[:3] == pytest.approx(expected[:3, 3], abs=1e-9)
        turn = Rotation.from_euler('xyz', pose[3:]).as_matrix()
        assert turn == pytest.approx(expected[:3, :3], abs=1e-9)


def test_a_missing_joint_is_named():
    with pytest.raises(BadInput, match="no joint .'lift'. in the URDF, it has .*slide"):
        kinematics.joints(CHAIN, ('lift',))


def test_a_link_without_a_joint_is_named():
    text = ElementTree.tostring(CHAIN, encoding='unicode')
    text = text.replace('link="base" />', 'link="nowhere" />')
    with pytest.raises(BadInput, match=r"\['slider', 'upper'\] hang on no joint"):
        urdf.model(ElementTree.fromstring(text), 0.0)
