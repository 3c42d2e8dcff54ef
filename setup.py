# SPDX-License-Identifier: Apache-2.0
"""Installs the package, for colcon and for pip. Version, description and licence: package.xml."""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import find_packages, setup

NAME = 'grasp_ros'
SHARE = Path('share') / NAME
ROSBAGS = 'rosbags>=0.11,<1'  # collect and convert write bags, check and train read them
TEST = ['hypothesis>=6.170,<7', 'pytest>=8.3,<10', 'pytest-timeout>=2.4,<3']
TRAIN = [
    'kornia>=0.9,<0.10',
    'lightning-fabric>=2.6,<3',
    'onnx>=1.23,<2',
    ROSBAGS,
    'tensorboardx>=2.6,<3',
]
manifest = ElementTree.parse('package.xml').getroot()


def text(tag: str) -> str:
    return manifest.findtext(tag).strip()


def installed(folder: str, pattern: str = '*') -> list[tuple[str, list[str]]]:
    """data_files entries for every matching file below `folder`, sub-folders kept."""
    files: dict[str, list[str]] = {}
    for path in sorted(Path(folder).rglob(pattern)):
        if path.is_file() and not path.name.startswith('.'):
            files.setdefault((SHARE / path.parent).as_posix(), []).append(path.as_posix())
    return list(files.items())


setup(
    name=NAME,
    version=text('version'),
    description=text('description'),
    license=text('license'),
    maintainer=text('maintainer'),
    maintainer_email=manifest.find('maintainer').get('email'),
    packages=find_packages(include=[NAME, f'{NAME}.*']),
    package_data={NAME: ['py.typed']},  # its annotations are for users' type checkers too
    data_files=[
        ('share/ament_index/resource_index/packages', [f'resource/{NAME}']),
        (SHARE.as_posix(), ['package.xml']),
        *installed('launch', '*.launch.py'),
        *installed('config', '*.yaml'),
        *installed('urdf'),
        *installed('models'),
    ],
    zip_safe=False,  # type checkers do not look inside archives
    python_requires='>=3.11',
    # From what Ubuntu 24.04 ships next to ROS 2 up to the next major release. The tests run with
    # requirements/constraints.txt.
    install_requires=[
        'numpy>=1.26,<3',
        'onnxruntime>=1.21,<2',
        'opencv-python-headless>=4.6,<6',
        'pyyaml>=6.0,<7',
        'rich>=13.7,<16',
        'safetensors>=0.4,<1',
        'scipy>=1.11,<2',
        'torch>=2.13,<3',
    ],
    # Which verb needs which: EXTRAS in grasp_ros/cli/main.py.
    extras_require={
        # The ROS client library, for a machine without a ROS installation.
        'ros': [
            'ros-kilted-diagnostic-msgs>=5.5,<6',
            'ros-kilted-rclpy>=9.1,<10',
            'ros-kilted-rmw-fastrtps-cpp>=9.3,<10',
            'ros-kilted-rosgraph-msgs>=2.3,<3',
            'ros-kilted-sensor-msgs>=5.5,<6',
            'ros-kilted-std-srvs>=5.5,<6',
            'ros-kilted-trajectory-msgs>=5.5,<6',
        ],
        'sim': [
            'example-robot-data>=6,<7',  # descriptions and meshes of real arms
            'imageio>=2.38,<3',
            'imageio-ffmpeg>=0.8,<1',
            'mujoco>=4.0,<5',
            ROSBAGS,
            'trimesh>=4.5,<6',
        ],
        'train': TRAIN,
        # Not the library `lerobot`: it wants a torch below 2.11.
        'lerobot': ['av>=14,<19', 'pyarrow>=18,<27', ROSBAGS],
        'timm': [*TRAIN, 'timm>=1.0,<2'],  # for train --backbone
        'gpu': ['onnxruntime-gpu>=1.31,<2'],
        'test': TEST,  # colcon test looks for pytest under this name
        'dev': [
            *TEST,
            'mkdocs-material>=9.8,<10',
            'mypy>=2.4,<3',
            'pre-commit>=4.7,<5',
            'pytest-xdist>=3.6,<4',
            'ruff>=0.17,<0.18',
        ],
    },
    entry_points={
        'console_scripts': [
            'grasp-ros = grasp_ros.cli.main:main',
            'planner_node = grasp_ros.nodes.planner_node:main',
            'explorer_node = grasp_ros.nodes.explorer_node:main',
            'simulator_node = grasp_ros.nodes.simulator_node:main',
        ],
    },
)
