# SPDX-License-Identifier: Apache-2.0
"""The gantry's task: what is blocked, how far the way around is, which pairs make an episode."""

from dataclasses import replace

import numpy as np
import pytest

from grasp_ros.share import share_directory
from grasp_ros.sim.tasks.reach_gantry import CLEARANCE, Box, ReachGantry
from grasp_ros.sim.tasks.shortest_paths import GRID
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import BadInput

LOW, HIGH = np.array([-0.27, -0.27]), np.array([0.27, 0.27])
EMPTY = replace(load_world('wall').task, walls=(), min_path=0.1)
BAR = replace(EMPTY, walls=(Box((0.0, 0.0), (0.02, 0.2)),))
WORLDS = sorted(
    path.stem
    for path in (share_directory() / 'config/worlds').glob('*.yaml')
    if isinstance(load_world(path.stem).task, ReachGantry)
)


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
    assert BAR.blocked(points).tolist() == [True, True, False, True, False]
    assert BAR.touches(points).tolist() == [True, True, False, True, False]


@pytest.mark.parametrize(
    'goal, length', [([0.2, 0.0], 0.2), ([0.0, -0.2], 0.2), ([0.1, 0.1], 0.1 * 2**0.5)]
)
def test_shortest_path_without_walls_is_straight(goal, length):
    paths = EMPTY.paths()
    assert paths.between(np.zeros(2), np.array(goal)) == pytest.approx(length, abs=1e-6)


def test_shortest_path_goes_around_the_end_of_a_wall():
    paths = replace(BAR, radius=0.004).paths()
    # The wall ends at y = 0.1; a disc of 4 mm passes in the row 0.105. In the grid's eight
    # directions, each side takes 0.09 m diagonally and 0.015 m straight up; 0.02 m lie between.
    expected = 2 * (0.09 * 2**0.5 + 0.015) + 0.02
    length = paths.between(np.array([-0.1, 0.0]), np.array([0.1, 0.0]))
    assert length == pytest.approx(expected, abs=1e-6)


def test_both_joints_move_at_once_as_fast_as_they_can():
    quick = replace(EMPTY, speed=(0.1, 0.2))
    start, goal = np.array([-0.1, 0.0]), np.array([0.1, 0.1])
    assert quick.times().between(start, goal) == pytest.approx(2.0)
    # Up the bar's side and down again, 0.1 m each while x moves on, and 0.02 m over its end.
    around = replace(BAR, radius=0.004, speed=(0.1, 0.1)).times()
    assert around.between(start, goal * [1, 0]) == pytest.approx(2 * 1.05 + 0.2, abs=1e-6)


def test_there_is_no_way_through_a_closed_wall():
    closed = replace(EMPTY, walls=(Box((0.0, 0.0), (0.02, 0.6)),))
    paths = closed.paths()
    assert paths.between(np.array([-0.1, 0.0]), np.array([0.1, 0.0])) == float('inf')


@pytest.mark.parametrize('name', WORLDS)
def test_straight_line_of_every_problem_is_blocked(name):
    task = load_world(name).task
    paths, times = task.paths(), task.times()
    for problem in task.sample(5, seed=3):
        line = np.linspace(problem.start, problem.goal, 500)
        assert task.blocked(line).any()
        ends = np.stack([problem.start, problem.goal])
        assert not task.blocked(ends, CLEARANCE).any()
        assert ((ends >= LOW) & (ends <= HIGH)).all()
        shortest = paths.between(problem.start, problem.goal)
        assert shortest >= task.min_path
        assert shortest >= np.linalg.norm(problem.goal - problem.start)
        straight = (np.abs(problem.goal - problem.start) / task.speed).max()
        assert straight <= problem.shortest_time + GRID / max(task.speed)
        assert problem.shortest_time <= shortest / max(task.speed)
        back = times.between(problem.goal, problem.start)
        assert back == pytest.approx(problem.shortest_time, abs=0.07)


def test_problems_are_those_of_their_seed():
    task = load_world('wall').task
    one, same, other = (task.sample(2, seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a.goal, b.goal) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0].goal, other[0].goal)


def test_refuses_world_without_problems():
    with pytest.raises(BadInput, match='no 1 problems'):
        EMPTY.sample(1, seed=0)


def test_error_is_the_distance_in_words_of_mm():
    error = EMPTY.error(np.array([0.1, 0.0]), np.array([0.13, 0.04]))
    assert error == pytest.approx(0.05) and EMPTY.words(error) == '50 mm'
    assert EMPTY.words(EMPTY.tolerance) == '25 mm'


def test_outline_is_the_pusher_around_the_goal():
    circle, *_ = EMPTY.outline(np.array([0.1, -0.2]))
    away = np.linalg.norm(circle - EMPTY.tool_position(np.array([0.1, -0.2])), axis=1)
    np.testing.assert_allclose(away, EMPTY.radius)


def test_what_was_closed_looks_like_the_table_and_stands_in_the_way():
    open_, closed = load_world('two_ways'), load_world('two_ways_closed')
    assert closed.bundle == open_.bundle == 'gantry_two_ways'
    assert replace(closed.task, closed=()) == open_.task
    plate, table = closed.task.shapes()[-1], closed.task.shapes()[0]
    assert plate.rgba == table.rgba and plate.size[2] == closed.task.wall_height
    middle = np.array([plate.position[:2]])
    assert closed.task.blocked(middle).all() and not open_.task.blocked(middle).any()


def test_problems_of_a_closed_world_led_through_what_was_closed():
    task = load_world('two_ways_closed').task
    before = replace(task, closed=()).times()
    for problem in task.sample(20, seed=1):
        # The shortest time is that of the way which is left.
        assert before.between(problem.start, problem.goal) < problem.shortest_time
