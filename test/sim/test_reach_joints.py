# SPDX-License-Identifier: Apache-2.0
"""Problems of an arm among things: what touches, what is blocked, what pictures show."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import dijkstra

from grasp_ros.share import share_directory
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import BadInput

CONFIG = share_directory() / 'config'
UPPER, FORE = 0.28, 0.22  # m
POST, RADIUS, TIP = np.array([0.39, 0.05]), 0.03, 0.024  # m


@pytest.fixture(scope='module')
def task():
    return load_world('arm2').task


def tip(joints):
    """Where the arm's end is in the plane, m."""
    a, b = np.cumsum(joints)
    return UPPER * np.array([np.cos(a), np.sin(a)]) + FORE * np.array([np.cos(b), np.sin(b)])


def folded(distance, side):
    """Joints (2,) that put the tip at a distance from the shoulder, in the post's direction."""
    cosine = (distance**2 - UPPER**2 - FORE**2) / (2 * UPPER * FORE)
    elbow = side * np.arccos(cosine)
    turn = np.arctan2(FORE * np.sin(elbow), UPPER + FORE * np.cos(elbow))
    return np.array([np.arctan2(POST[1], POST[0]) - turn, elbow])


@pytest.mark.parametrize('side', [-1, 1])
@pytest.mark.parametrize('gap', [-0.002, 0.002])
def test_the_arm_touches_the_post_where_it_stands(task, side, gap):
    place = folded(np.linalg.norm(POST) - RADIUS - TIP - gap, side)
    assert np.linalg.norm(tip(place) - POST) == pytest.approx(RADIUS + TIP + gap)
    assert task.geometry.near(place, 0.0) == (gap < 0)
    assert task.touches(np.stack([place, folded(0.28, side)])).tolist() == [gap < 0, False]
    assert task.geometry.near(place, 0.01), 'nearer than a clearance of 10 mm'
    assert not task.geometry.near(folded(0.28, side), 0.01)


def test_every_problems_straight_way_is_blocked(task):
    problems = task.sample(12, seed=3)
    ratios = []
    for problem in problems:
        line = np.linspace(problem.start, problem.goal, 300)
        assert any(task.geometry.near(place, 0.0) for place in line)
        for end in (problem.start, problem.goal):
            assert not task.geometry.near(end, task.clearance)
            assert (end >= task.robot.position_min).all()
            assert (end <= task.robot.position_max).all()
        straight = task.space.time(problem.start, problem.goal)
        assert problem.shortest_time >= max(task.min_time, straight - 1e-9)
        ratios.append(problem.shortest_time / straight)
    assert np.median(ratios) > 1.2, 'most need a detour'


def test_shortest_times_are_those_of_a_fine_grid(task):
    """Eight neighbours are exact where the slowest joint counts: the grid's error is its cell."""
    space, cell = task.space, 0.04  # s
    low, high = space.low / space.speed, space.high / space.speed
    axes = [np.arange(a, b, cell) for a, b in zip(low, high, strict=True)]
    free = np.array(
        [[space.free(np.array([a, b]) * space.speed) for b in axes[1]] for a in axes[0]]
    )
    nodes = np.arange(free.size).reshape(free.shape)
    n, m = free.shape
    edges = []
    for dx, dy in ((1, 0), (0, 1), (1, 1), (1, -1)):
        here = (slice(0, n - dx), slice(max(0, -dy), m - max(0, dy)))
        there = (slice(dx, n), slice(max(0, dy), m + min(0, dy)))
        both = free[here] & free[there]
        edges.append(np.stack([nodes[here][both], nodes[there][both]]))
    rows, columns = np.concatenate(edges, axis=1)
    graph = coo_matrix((np.full(len(rows), cell), (rows, columns)), shape=(free.size,) * 2).tocsr()
    for problem in task.sample(6, seed=4):
        ends = (
            np.round((end / space.speed - low) / cell) for end in (problem.start, problem.goal)
        )
        first, last = (
            nodes[tuple(np.minimum(end, np.array(free.shape) - 1).astype(int))] for end in ends
        )
        best = dijkstra(graph, directed=False, indices=first)[last]
        assert problem.shortest_time == pytest.approx(best, rel=0.06, abs=2 * cell)


def test_problems_are_those_of_their_seed(task):
    one, same, other = (task.sample(2, seed) for seed in (1, 1, 2))
    for a, b in zip(one, same, strict=True):
        assert np.array_equal(a.goal, b.goal) and a.shortest_time == b.shortest_time
    assert not np.array_equal(one[0].goal, other[0].goal)
    assert np.array_equal(task.sample(1, 1)[0].start, one[0].start)


def test_refuses_world_without_problems(task):
    with pytest.raises(BadInput, match='no 1 problems of 2.0 s'):
        replace(task, surroundings=()).sample(1, seed=0)


def test_error_is_the_worst_joints(task):
    error = task.error(np.array([0.1, 1.0]), np.array([0.14, 0.97]))
    assert error == pytest.approx(0.04) and task.words(error) == '0.040 rad'
    assert task.words(task.tolerance) == '0.050 rad'


def test_tool_is_where_the_joints_put_it(task):
    states = np.random.default_rng(0).uniform(-1.4, 1.4, (2, 3, 2))
    found = task.tool_position(states)
    assert found.shape == (2, 3, 3)
    np.testing.assert_allclose(found[..., :2], np.apply_along_axis(tip, -1, states), atol=1e-9)
    np.testing.assert_allclose(found[..., 2], 0.065)


def test_outline_is_the_arm_at_the_goal(task):
    goal = np.array([0.5, -1.0])
    line, ring = task.outline(goal)
    elbow = UPPER * np.array([np.cos(0.5), np.sin(0.5)])
    np.testing.assert_allclose(line[-2:, :2], [elbow, tip(goal)], atol=1e-9)
    np.testing.assert_allclose(line[0, :2], 0.0, atol=1e-9)
    np.testing.assert_allclose(ring.mean(axis=0)[:2], tip(goal), atol=1e-3)


CHAIN = """<robot name="chain">
  <link name="base"/>
  {links}
</robot>
"""
LINK = """<link name="link{n}">
    <inertial><origin xyz="0.05 0 0"/><mass value="0.5"/>
      <inertia ixx="0.01" iyy="0.01" izz="0.01" ixy="0" ixz="0" iyz="0"/></inertial>
    <collision><origin xyz="0.06 0 0"/><geometry><box size="0.1 0.02 0.02"/></geometry></collision>
  </link>
  <joint name="joint{n}" type="revolute">
    <parent link="{parent}"/><child link="link{n}"/><axis xyz="{axis}"/>
    <origin xyz="{offset} 0 0"/>
    <limit lower="-1.5" upper="1.5" velocity="1" effort="50"/>
  </joint>"""


def test_six_joints_of_any_robot_are_a_world_too(tmp_path):
    """Three files, and no line of code."""
    names = [f'joint{n}' for n in range(6)]
    links = [
        LINK.format(
            n=n,
            parent=f'link{n - 1}' if n else 'base',
            axis='0 0 1' if n % 2 == 0 else '0 1 0',
            offset=0.12 if n else 0.0,
        )
        for n in range(6)
    ]
    (tmp_path / 'chain.urdf').write_text(CHAIN.format(links='\n'.join(links)))
    robot = {
        'name': 'chain', 'joints': names, 'position_min': [-1.5] * 6, 'position_max': [1.5] * 6,
        'max_velocity': [1.0] * 6, 'max_acceleration': [8.0] * 6, 'tracking_tolerance': [0.05] * 6,
    }  # fmt: skip
    (tmp_path / 'chain.yaml').write_text(
        yaml.safe_dump({'/**': {'ros__parameters': {'robot': robot}}})
    )
    simulator = yaml.safe_load((CONFIG / 'simulators/arm2.yaml').read_text())
    simulator |= {
        'urdf': 'chain.urdf', 'position_gain': [10.0] * 6, 'velocity_gain': [5.0] * 6,
    }  # fmt: skip
    (tmp_path / 'chain_simulator.yaml').write_text(yaml.safe_dump(simulator))
    world = {
        'name': 'ball', 'robot': 'chain', 'simulator': 'chain_simulator', 'task': 'reach_joints',
        'tool': {'link': 'link5', 'point': [0.1, 0, 0]}, 'tolerance': 0.05, 'clearance': 0.01,
        'min_time': 0.5,
        'shapes': [
            {'name': 'ball', 'kind': 'sphere', 'size': [0.15], 'position': [0.4, 0, 0.1],
             'rgba': [0, 0, 1, 1]},
        ],
    }  # fmt: skip
    (tmp_path / 'ball.yaml').write_text(yaml.safe_dump(world))
    loaded = load_world(str(tmp_path / 'ball.yaml'))
    assert loaded.bundle == 'chain_ball'
    for problem in loaded.task.sample(2, seed=0):
        assert problem.start.shape == (6,) and 0.5 <= problem.shortest_time < 6


@pytest.fixture
def files(tmp_path) -> Path:
    """The arm's world in a folder of its own, by its values."""
    path = tmp_path / 'my_world.yaml'
    path.write_text((CONFIG / 'worlds/arm2.yaml').read_text())
    return path


@pytest.mark.parametrize(
    ('change', 'reason'),
    [
        ({'planet': 'mars'}, r"\['planet'\] are none of"),
        ({'tool': {'link': 'hand', 'point': [0, 0, 0]}}, "no link 'hand' .* it has .*forearm"),
        ({'tool': {'link': 'forearm', 'point': [0, 0]}}, 'tool: point: .* expected 3'),
        ({'shapes': [{'name': 'a', 'kind': 'cone'}]}, "shape a: kind 'cone' is not one of .*box"),
        (
            {'shapes': [{'name': 'a', 'kind': 'box', 'size': [1], 'position': [0, 0, 0],
                         'rgba': [0, 0, 0, 1]}]},
            r'shape a: size: \[1.0\], expected 3',
        ),
        (
            {'shapes': [{'name': 'a', 'kind': 'sphere', 'size': [1], 'position': [0, 0, 0],
                         'rgba': [0, 0, 0, 1], 'colour': 'red'}]},
            r"shape a: \['colour'\]",
        ),
        ({'clearance': None}, 'not a world description'),
    ],
)  # fmt: skip
def test_refuses_bad_world(files, change, reason):
    files.write_text(yaml.safe_dump(yaml.safe_load(files.read_text()) | change))
    with pytest.raises(BadInput, match=f'my_world.yaml: .*{reason}'):
        load_world(str(files))


def test_the_world_of_the_page_is_one(tmp_path):
    page = (Path(__file__).resolve().parents[2] / 'docs/worlds.md').read_text()
    (text,) = re.findall(r'```yaml\n(name: cell\n.*?)```', page, re.DOTALL)
    for kind, name in (('robots', 'my_arm'), ('simulators', 'my_cell')):
        (tmp_path / f'{name}.yaml').write_text((CONFIG / kind / 'arm2.yaml').read_text())
    (tmp_path / 'cell.yaml').write_text(text)
    task = load_world(str(tmp_path / 'cell.yaml')).task
    assert [shape.name for shape in task.shapes()] == ['table', 'post']
    assert task.tolerance == 0.05


def test_robot_and_world_may_have_one_name():
    world = load_world('arm2')
    assert world.bundle == 'arm2' and world.robot_file == CONFIG / 'robots/arm2.yaml'


def test_goals_that_are_pictures_alone_are_judged_by_the_tool():
    """The SO-101's wrist may turn in place: no picture of it says how far."""
    task = load_world('so101').task
    seen = task.of_pictures()
    assert (seen.tolerance, task.tolerance) == (0.03, 0.1)
    goal = np.array([0.3, 0.2, -0.4, 0.5, 0.0])
    turned, raised = goal + [0, 0, 0, 0, 1.0], goal + [0, 0.3, 0, 0, 0]
    assert task.error(turned, goal) == 1.0 and seen.error(turned, goal) < 0.01
    apart = np.linalg.norm(np.subtract(*task.tool_position(np.stack([raised, goal]))))
    assert seen.error(raised, goal) == pytest.approx(apart) and apart > 0.05
    assert seen.words(0.0312) == '31 mm'
    same = zip(task.sample(2, seed=4), seen.sample(2, seed=4), strict=True)
    assert all(np.array_equal(a.goal, b.goal) for a, b in same)
    flat = load_world('arm2').task
    assert flat.of_pictures() is flat
