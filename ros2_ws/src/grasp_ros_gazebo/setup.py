# SPDX-License-Identifier: Apache-2.0
"""Installs the package, for colcon and for pip. Version, description and licence: package.xml."""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

NAME = 'grasp_ros_gazebo'
SHARE = Path('share') / NAME
manifest = ElementTree.parse('package.xml').getroot()


def text(tag: str) -> str:
    return manifest.findtext(tag).strip()


def installed(folder: str) -> tuple[str, list[str]]:
    files = sorted(path.as_posix() for path in Path(folder).glob('*') if path.is_file())
    return (SHARE / folder).as_posix(), files


setup(
    name=NAME,
    version=text('version'),
    description=text('description'),
    license=text('license'),
    maintainer=text('maintainer'),
    maintainer_email=manifest.find('maintainer').get('email'),
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (SHARE.as_posix(), ['package.xml']),
        installed('config'),
        installed('launch'),
    ],
    zip_safe=True,
    python_requires='>=3.11',
    # What Gazebo 11 needs; with gz-sim, ROS brings everything. grasp_ros brings NumPy and SciPy.
    extras_require={'classic': ['protobuf>=7.36,<8', 'pyzmq>=27.3,<28']},
    entry_points={
        'console_scripts': [
            'world = grasp_ros_gazebo.sdf:main',
            'gazebo_root = grasp_ros_gazebo.classic.root:main',
        ]
    },
)
