# SPDX-License-Identifier: Apache-2.0
"""Descriptions of other packages are found, and read as MuJoCo needs them."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from grasp_ros.sim.urdf import find_urdf, for_mujoco, package_path, read_urdf
from grasp_ros.types import BadInput

ARM = """
<robot name="r">
  <link name="base"/>
  <link name="arm">
    <visual><geometry><mesh filename="package://parts/arm.dae"/></geometry></visual>
    <visual><geometry><mesh filename="package://parts/arm.STL"/></geometry></visual>
    <visual><geometry><box size="1 1 1"/></geometry></visual>
    <collision><geometry><mesh filename="arm.stl"/></geometry></collision>
  </link>
  <joint name="j" type="fixed"><parent link="base"/><child link="arm"/></joint>
</robot>
"""


@pytest.fixture
def arm(tmp_path: Path, monkeypatch) -> Path:
    """A description whose meshes lie in another package."""
    parts = tmp_path / 'install/share/parts'
    parts.mkdir(parents=True)
    for name in ('arm.dae', 'arm.STL'):
        (parts / name).touch()
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'/nowhere:{tmp_path / "install"}')
    path = tmp_path / 'arm.urdf'
    path.write_text(ARM)
    return path


def test_package_is_found_where_the_workspace_was_sourced(arm: Path):
    found = package_path('package://parts/arm.dae')
    assert found == arm.parent / 'install/share/parts/arm.dae'
    assert find_urdf('package://parts/arm.dae', arm) == found
    assert find_urdf('arm.urdf', arm.with_name('other.yaml')) == arm


def test_package_that_is_nowhere_is_named_with_all_places(arm: Path):
    with pytest.raises(BadInput, match=r'/nowhere/share/lost/x.*cmeel.*workspace of lost'):
        package_path('package://lost/x')
    arm.write_text(ARM.replace('package://parts/arm.dae', 'package://lost/arm.dae'))
    with pytest.raises(BadInput, match='package://lost/arm.dae: none of'):
        read_urdf(arm)


def test_meshes_lie_at_absolute_paths(arm: Path):
    names = [mesh.get('filename') for mesh in read_urdf(arm).iter('mesh')]
    parts = arm.parent / 'install/share/parts'
    assert names == [str(parts / 'arm.STL'), str(arm.parent / 'arm.stl')]


def test_what_not_all_simulators_draw_is_left_out(arm: Path):
    (link,) = (one for one in read_urdf(arm).iter('link') if one.get('name') == 'arm')
    assert len(link.findall('visual')) == 2 and len(link.findall('collision')) == 1


def test_joints_that_nobody_commands_are_fixed(arm: Path):
    two = '<joint name="k" type="revolute"/><joint name="gripper" type="prismatic"/></robot>'
    arm.write_text(ARM.replace('</robot>', two))
    for commanded, kinds in (
        (None, ['fixed', 'revolute', 'prismatic']),
        (('k',), ['fixed', 'revolute', 'fixed']),
    ):
        joints = read_urdf(arm, commanded).findall('joint')
        assert [joint.get('type') for joint in joints] == kinds


def test_description_that_says_nothing_is_read_with_all_its_links(arm: Path):
    root = ElementTree.fromstring(for_mujoco(arm, ()))
    (compiler,) = root.findall('mujoco/compiler')
    assert compiler.get('fusestatic') == 'false'


def test_description_says_itself_how_mujoco_reads_it(arm: Path):
    own = '<mujoco><compiler fusestatic="true"/></mujoco></robot>'
    arm.write_text(ARM.replace('</robot>', own))
    (compiler,) = ElementTree.fromstring(for_mujoco(arm, ())).findall('mujoco/compiler')
    assert compiler.attrib == {'fusestatic': 'true'}


def test_broken_file_is_named(tmp_path: Path):
    path = tmp_path / 'broken.urdf'
    path.write_text('<robot>')
    with pytest.raises(BadInput, match=r'broken\.urdf: cannot be read as XML'):
        read_urdf(path)
