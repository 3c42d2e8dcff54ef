# SPDX-License-Identifier: Apache-2.0
"""World, robot and simulator files: read where they lie, refused with file and reason."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from grasp_ros.share import share_directory
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import BadInput

CONFIG = share_directory() / 'config'
WORLD = (
    'name: w\nrobot: gantry\ntask: reach_gantry\n'
    'table_size: [1, 1]\nwall_height: 0.1\nmin_path: 0.1\nwalls: '
)


@pytest.mark.parametrize(
    'text',
    [
        'walls: [1, : }',
        '',
        'name: w',
        WORLD + '[]\nplanet: mars',
        WORLD.replace('robot: gantry\n', '') + '[]',
        WORLD.replace('reach_gantry', 'no_such_task') + '[]',
        WORLD.replace('reach_gantry', 'grasp_ros.types') + '[]',
        WORLD + '5',
        WORLD + '[{center: [0, 0]}]',
        WORLD + '[{center: [0, 0], size: [0.1]}]',
        WORLD + '[{center: [0, 0, 0], size: [0.1, 0.1]}]',
        WORLD + '[{center: [a, b], size: [0.1, 0.1]}]',
        WORLD.replace('0.1\nmin', 'tall\nmin') + '[]',
        '\xff\xfe',
    ],
)
def test_refuses_unreadable_world(tmp_path, text):
    file = tmp_path / 'world.yaml'
    file.write_bytes(text.encode('latin-1'))
    with pytest.raises(BadInput, match='world.yaml'):
        load_world(str(file))


def test_refuses_folder_for_a_world(tmp_path):
    folder = tmp_path / 'folder.yaml'
    folder.mkdir()
    with pytest.raises(BadInput, match='folder.yaml'):
        load_world(str(folder))


def test_refuses_unknown_world_naming_where_it_looked():
    with pytest.raises(BadInput, match='no_such.yaml, .*config/worlds/no_such.yaml'):
        load_world('no_such')


@pytest.fixture
def files(tmp_path) -> Path:
    """The gantry's three files in a folder of their own: returns the world's."""
    for kind, name in (('worlds', 'wall'), ('robots', 'gantry'), ('simulators', 'gantry')):
        text = (CONFIG / kind / f'{name}.yaml').read_text()
        if kind == 'worlds':
            text = text.replace('robot: gantry', 'robot: my_robot\nsimulator: my_simulator')
        target = {'worlds': 'my_world', 'robots': 'my_robot', 'simulators': 'my_simulator'}[kind]
        (tmp_path / f'{target}.yaml').write_text(text)
    return tmp_path / 'my_world.yaml'


def test_files_may_lie_beside_the_worlds(files):
    world = load_world(str(files))
    assert world.robot_file == files.with_name('my_robot.yaml')
    assert world.bundle == 'gantry_wall' and world.states == ('x_joint', 'y_joint')


def test_gantrys_camera_looks_straight_down():
    (camera,) = load_world('wall').description.cameras
    np.testing.assert_array_equal(camera.axes(), [[0, -1, 0], [1, 0, 0], [0, 0, -1]])
    np.testing.assert_allclose(camera.pixels(np.zeros(3)), [32, 32])
    column, row = camera.pixels(np.array([0.1, 0.05, 0.0]))
    focal = 32 / np.tan(0.34)
    assert (32 - row, 32 - column) == pytest.approx((focal * 0.1 / 0.9, focal * 0.05 / 0.9))


@pytest.mark.parametrize(
    ('name', 'value', 'rule'),
    [
        ('urdf', 'nowhere.urdf', 'nowhere.urdf'),
        ('position_gain', [20.0], 'position_gain: 1 values for 2 joints'),
        ('velocity_gain', [-1.0, 1.0], '-1.0 is below 0.0'),
        ('light_position', [0.0], 'light_position: 1 values, expected 3'),
        ('cameras', {}, 'expected at least one'),
        ('cameras', 'none', 'expected urdf, servos and'),
        ('planet', 'mars', 'planet: no such parameter'),
    ],
)
def test_refuses_bad_simulator_file(files, name, value, rule):
    simulator = files.with_name('my_simulator.yaml')
    simulator.write_text(yaml.safe_dump({**yaml.safe_load(simulator.read_text()), name: value}))
    with pytest.raises(BadInput, match='my_world.yaml') as refused:
        load_world(str(files))
    assert rule in str(refused.value) and (name == 'urdf' or 'my_simulator' in str(refused.value))


@pytest.mark.parametrize(
    ('name', 'value', 'rule'),
    [
        ('position', [0.0, 0.0], 'position: 2 values, expected 3'),
        ('target', [0.0, 0.0, 0.9], 'is where the camera is'),
        ('up', [0.0, 0.0, 1.0], 'is the direction in which the camera looks'),
        ('fovy', 4.0, '4.0 is above 3.0'),
        ('rate', 0, '0.0 is below 1.0'),
    ],
)
def test_refuses_bad_camera(files, name, value, rule):
    simulator = files.with_name('my_simulator.yaml')
    values = yaml.safe_load(simulator.read_text())
    values['cameras']['image'][name] = value
    simulator.write_text(yaml.safe_dump(values))
    with pytest.raises(BadInput, match='camera image') as refused:
        load_world(str(files))
    assert rule in str(refused.value)


def test_the_first_camera_stands_in_the_world(files):
    simulator = files.with_name('my_simulator.yaml')
    values = yaml.safe_load(simulator.read_text())
    values['cameras']['image']['link'] = 'tool'
    simulator.write_text(yaml.safe_dump(values))
    with pytest.raises(BadInput, match='camera image: on link tool; the first one is what people'):
        load_world(str(files))


def test_a_room_stands_around_an_arms_world(tmp_path):
    (tmp_path / 'cellar.yaml').write_text(
        '- {name: far, kind: sphere, size: [0.2], position: [9, 0, 0], rgba: [1, 1, 1, 1]}'
    )
    text = (CONFIG / 'worlds/arm2.yaml').read_text()
    world = tmp_path / 'my_world.yaml'
    world.write_text(f'room: cellar\n{text}')
    assert [one.name for one in load_world(str(world)).task.shapes()] == ['table', 'post', 'far']
    world.write_text(f'room: attic\n{text}')
    with pytest.raises(BadInput, match='attic'):
        load_world(str(world))
    (tmp_path / 'attic.yaml').write_text('shapes: []')
    with pytest.raises(BadInput, match='attic.yaml holds a dict, expected a list of shapes'):
        load_world(str(world))


def test_refuses_robot_with_another_number_of_joints(files):
    robot = files.with_name('my_robot.yaml')
    text = robot.read_text().replace('x_joint, y_joint', 'x_joint')
    for pair in ('-0.27, -0.27', '0.27, 0.27', '0.15, 0.15', '3.0, 3.0', '0.01, 0.01'):
        text = text.replace(f'[{pair}]', f'[{pair.split(",")[0]}]')
    robot.write_text(text)
    simulator = files.with_name('my_simulator.yaml')
    text = simulator.read_text().replace('20.0, 20.0', '20.0').replace('200.0, 200.0', '200.0')
    simulator.write_text(text)
    with pytest.raises(BadInput, match='has 1 joints, reach_gantry needs 2'):
        load_world(str(files))
