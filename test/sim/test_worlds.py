# SPDX-License-Identifier: Apache-2.0
"""Worlds: what is blocked, how far the way around is, and which pairs make an episode."""

from dataclasses import replace

import numpy as np
import pytest

from grasp_ros.share import share_directory
from grasp_ros.sim.worlds import (
    CLEARANCE,
    Box,
    ShortestPaths,
    World,
    load_world,
    sample_problems,
)
from grasp_ros.types import BadInput

LOW, HIGH, RADIUS = np.array([-0.27, -0.27]), np.array([0.27, 0.27]), 0.02
EMPTY = World('empty', (0.6, 0.6), 0.05, (), 0.1)
BAR = replace(EMPTY, name='bar', walls=(Box((0.0, 0.0), (0.02, 0.2)),))
WORLDS = sorted(path.stem for path in (share_directory() / 'config/worlds').glob('*.yaml'))


def test_there_are_worlds():
    assert {'wall', 'maze'} <= set(WORLDS)


def test_blocked_is_the_distance_to_the_wall():
    corner = np.array([0.01, 0.1])
    along_diagonal = np.array([1.0, 1.0]) / np.sqrt(2)
    points = np.array([
        [0.0, 0.0],  # inside the wall
        [0.0299, 0.0],
        [0.0301, 0.0],
        corner + 0.0199 * along_diagonal,
        corner + 0.0201 * along_diagonal,
    ])  # fmt: skip
    assert BAR.blocked(points, RADIUS).tolist() == [True, True, False, True, False]


@pytest.mark.parametrize(
    'goal, length', [([0.2, 0.0], 0.2), ([0.0, -0.2], 0.2), ([0.1, 0.1], 0.1 * 2**0.5)]
)
def test_shortest_path_without_walls_is_straight(goal, length):
    paths = ShortestPaths(EMPTY, LOW, HIGH, RADIUS)
    assert paths.length(np.zeros(2), np.array(goal)) == pytest.approx(length, abs=1e-6)


def test_shortest_path_goes_around_the_end_of_a_wall():
    paths = ShortestPaths(BAR, LOW, HIGH, 0.004)
    # The wall ends at y = 0.1; a disc of 4 mm passes in the row 0.105. In the grid's eight
    # directions, each side takes 0.09 m diagonally and 0.015 m straight up; 0.02 m lie between.
    expected = 2 * (0.09 * 2**0.5 + 0.015) + 0.02
    length = paths.length(np.array([-0.1, 0.0]), np.array([0.1, 0.0]))
    assert length == pytest.approx(expected, abs=1e-6)


def test_there_is_no_way_through_a_closed_wall():
    closed = replace(EMPTY, walls=(Box((0.0, 0.0), (0.02, 0.6)),))
    paths = ShortestPaths(closed, LOW, HIGH, RADIUS)
    assert paths.length(np.array([-0.1, 0.0]), np.array([0.1, 0.0])) == float('inf')


@pytest.mark.parametrize('name', WORLDS)
def test_straight_line_of_every_problem_is_blocked(name):
    world = load_world(name)
    paths = ShortestPaths(world, LOW, HIGH, RADIUS)
    for problem in sample_problems(world, LOW, HIGH, RADIUS, 5, seed=3):
        line = np.linspace(problem.start, problem.goal, 500)
        assert world.blocked(line, RADIUS).any()
        ends = np.stack([problem.start, problem.goal])
        assert not world.blocked(ends, RADIUS + CLEARANCE).any()
        assert ((ends >= LOW) & (ends <= HIGH)).all()
        assert problem.shortest >= world.min_path
        assert problem.shortest >= np.linalg.norm(problem.goal - problem.start)
        back = paths.length(problem.goal, problem.start)
        assert back == pytest.approx(problem.shortest, abs=0.01)


def test_problems_are_those_of_their_seed():
    world = load_world('wall')
    one, same, other = (sample_problems(world, LOW, HIGH, RADIUS, 2, s) for s in (1, 1, 2))
    assert all(np.array_equal(a.goal, b.goal) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0].goal, other[0].goal)


def test_refuses_world_without_problems():
    with pytest.raises(BadInput, match='no 1 problems'):
        sample_problems(EMPTY, LOW, HIGH, RADIUS, 1, seed=0)


WORLD = 'name: w\ntable_size: [1, 1]\nwall_height: 0.1\nmin_path: 0.1\nwalls: '


@pytest.mark.parametrize(
    'text',
    [
        'walls: [1, : }',
        '',
        'name: w',
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
    with pytest.raises(BadInput, match='config/worlds/no_such.yaml'):
        load_world('no_such')
