# SPDX-License-Identifier: Apache-2.0
"""One-step control, travel times and the roadmap, where the truth is known."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from grasp_ros.planning.greedy import boxed_step, linearise, travel_steps
from grasp_ros.planning.objective import Goal
from grasp_ros.planning.roadmap import Roadmap
from grasp_ros.world_model.memory import Memory
from grasp_ros.world_model.obstacles import Obstacles

SPEED = 0.05


def free(z, a):
    """A point in the plane that moves by SPEED a step and axis."""
    return z + SPEED * a


def sheared(z, a):
    """Actions that act on both dimensions: clamping each alone is not the best."""
    return z + SPEED * a @ torch.tensor([[1.0, 0.9], [0.0, 0.4]])


def gauss_newton(step, z, action, target):
    """The best bounded action on the model as it is linearised at `action`."""
    return boxed_step(*linearise(step, z, action), action, target)


def test_gauss_newton_hits_a_target_within_reach_in_one_step():
    target = torch.tensor([[0.02, -0.04]])
    action = gauss_newton(free, torch.zeros(1, 2), torch.zeros(1, 2), target)
    torch.testing.assert_close(free(torch.zeros(1, 2), action), target, atol=1e-4, rtol=0)


@pytest.mark.parametrize('target', [[0.3, 0.0], [0.01, 0.3], [-0.2, 0.1], [0.04, 0.02]])
def test_gauss_newton_is_the_best_action_in_the_box(target):
    target = torch.tensor([target])
    z = torch.zeros(1, 2)
    action = gauss_newton(sheared, z, torch.zeros(1, 2), target)
    grid = torch.cartesian_prod(*[torch.linspace(-1, 1, 201)] * 2)
    errors = (sheared(z, grid) - target).norm(dim=1)
    assert action.abs().max() <= 1
    assert (sheared(z, action) - target).norm() <= errors.min() + 1e-3


def test_action_without_any_effect_stays_finite():
    action = gauss_newton(
        lambda z, a: z + 0 * a, torch.zeros(1, 2), torch.zeros(1, 2), torch.ones(1, 2)
    )
    assert torch.isfinite(action).all()


def test_model_is_asked_only_for_actions_that_it_was_trained_on():
    def strict(z, a):
        assert a.abs().max() <= 1
        return free(z, a)

    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 0.0, 1.0])] * 2)
    gauss_newton(strict, torch.zeros(9, 2), corners, torch.ones(9, 2))


@pytest.mark.parametrize('steps', [1.0, 2.4, 5.5, 10.0])
def test_travel_time_is_not_rounded_to_whole_steps(steps):
    goal = torch.tensor([[steps * SPEED, 0.0]])
    seen = travel_steps(free, torch.zeros(1, 2), goal, actions=2, limit=15)
    assert float(seen[0]) == pytest.approx(steps, abs=0.3)


def test_goal_beyond_the_limit_counts_as_unreachable():
    goal = torch.tensor([[20 * SPEED, 0.0], [3 * SPEED, 0.0]])
    seen = travel_steps(free, torch.zeros(2, 2), goal, actions=2, limit=15)
    assert seen[0].isinf() and seen[1].isfinite()


def ring(count: int = 40, one_way: bool = False) -> Memory:
    """Landmarks on a circle of radius 1, each joined to the next one."""
    angle = torch.arange(count) * 2 * torch.pi / count
    latents = torch.stack([angle.cos(), angle.sin()], dim=1)
    following = torch.stack([torch.arange(count), (torch.arange(count) + 1) % count], dim=1)
    edges = following if one_way else torch.cat([following, following.flip(1)])
    steps = travel_steps(free, latents[edges[:, 0]], latents[edges[:, 1]], 2, 15)
    return Memory(latents, latents.clone(), edges, steps, {})


def roadmap_of(memory: Memory, obstacles: Obstacles | None = None) -> Roadmap:
    return Roadmap(memory, free, 2, connect_steps=15, neighbours=8, obstacles=obstacles)


def test_path_follows_the_edges_and_not_the_straight_line():
    memory = ring()
    roadmap = roadmap_of(memory)
    roadmap.set_goal(Goal.of(torch.tensor([-1.0, 0.02]), 0.1))
    path = roadmap.path(torch.tensor([1.0, 0.02]))
    assert path is not None
    assert path.latents.norm(dim=1).min() > 0.9  # along the circle, not through its middle
    torch.testing.assert_close(path.latents[0], torch.tensor([1.0, 0.02]))
    torch.testing.assert_close(path.latents[-1], torch.tensor([-1.0, 0.02]))
    # A quarter of the circle takes 1 / SPEED steps at full speed on one axis.
    assert path.steps == pytest.approx(len(path.latents) - 1, abs=1)
    assert 40 <= path.steps <= 60


def test_path_respects_the_direction_of_edges():
    roadmap = roadmap_of(ring(one_way=True))
    roadmap.set_goal(Goal.of(torch.tensor([0.0, -1.0]), 0.1))
    path = roadmap.path(torch.tensor([1.0, 0.0]))
    assert path is not None
    assert path.latents[:, 1].max() > 0.9  # three quarters of the way round, over the top


def test_path_steps_are_at_most_one_model_step_apart():
    roadmap = roadmap_of(ring())
    roadmap.set_goal(Goal.of(torch.tensor([-1.0, 0.0]), 0.1))
    path = roadmap.path(torch.tensor([1.0, 0.0]))
    assert path is not None
    assert path.latents.diff(dim=0).abs().max() < 1.3 * SPEED


def test_landmarks_that_lead_nowhere_do_not_hide_those_that_do():
    around, start = ring(), torch.tensor([1.1, 0.0])
    count = len(around.latents)
    island = start + 0.01 * torch.rand(10, 2)  # nearer than the ring, and many
    latents = torch.cat([around.latents, island])
    ends = count + torch.stack([torch.arange(10), (torch.arange(10) + 1) % 10], dim=1)
    edges, steps = torch.cat([around.edges, ends]), torch.cat([around.edge_steps, torch.ones(10)])
    roadmap = roadmap_of(Memory(latents, latents.clone(), edges, steps, {}))
    roadmap.set_goal(Goal.of(torch.tensor([-1.0, 0.0]), 0.1))
    path = roadmap.path(start)
    assert path is not None and max(path.landmarks) < count


def test_no_path_where_the_roadmap_is_out_of_reach():
    roadmap = roadmap_of(ring())
    roadmap.set_goal(Goal.of(torch.tensor([-1.0, 0.0]), 0.1))
    assert roadmap.path(torch.tensor([9.0, 9.0])) is None


def test_ways_onto_the_map_and_off_it_lead_around_obstacles():
    # Two ways of three landmarks; the upper one is shorter, and begins and ends in an obstacle.
    upper, lower = (torch.tensor([[x, y] for x in (-0.3, 0.0, 0.3)]) for y in (0.1, -0.25))
    latents = torch.cat([upper, lower])
    edges = torch.tensor([[0, 1], [1, 2], [3, 4], [4, 5]])
    steps = torch.tensor([6.0, 6.0, 7.0, 7.0])
    memory = Memory(latents, latents.clone(), edges, steps, {})
    start, goal = torch.tensor([-0.6, 0.0]), torch.tensor([0.6, 0.0])
    # Blocked are places above 0 on both sides of the landmarks.
    sides = torch.tensor([[-40.0, 0.0], [40.0, 0.0], [0.0, -200.0]])
    layers = (
        (sides, torch.tensor([-13.0, -13.0, 0.0])),
        (torch.tensor([[1.0, 1.0, -1.0]]), torch.tensor([-1.0])),
        (torch.tensor([[10.0]]), torch.tensor([-5.0])),
    )
    obstacles = Obstacles(layers, torch.full((2,), SPEED))
    for known, best in ((None, (0, 1, 2)), (obstacles, (3, 4, 5))):
        roadmap = Roadmap(memory, free, 2, 8, 8, known)
        roadmap.set_goal(Goal.of(goal, 0.1), goal.double().numpy())
        path = roadmap.path(start, start.double().numpy())
        assert path.landmarks == best
        assert path.cost >= path.steps - 1e-3


def test_dead_end_beside_the_start_hides_no_way():
    memory = ring(10)  # the next landmarks are 6 steps from a start between them
    start = memory.latents[:2].mean(dim=0)
    alone = start[None] + 0.001  # a landmark that no edge joins
    more = {name: torch.cat([getattr(memory, name), alone]) for name in ('latents', 'positions')}
    roadmap = roadmap_of(replace(memory, **more))
    roadmap.set_goal(Goal.of(torch.tensor([-1.0, 0.0]), 0.1))
    path = roadmap.path(start)
    assert path is not None and len(memory.latents) not in path.landmarks


def test_near_goal_is_reached_directly():
    roadmap = roadmap_of(ring())
    start = torch.tensor([1.0, 0.0])
    roadmap.set_goal(Goal.of(start + torch.tensor([0.0, 2 * SPEED]), SPEED / 2))
    path = roadmap.path(start)
    assert path is not None
    assert path.steps == pytest.approx(2.0, abs=0.5)


@pytest.mark.parametrize('away', [0.0, 0.2, 0.49])
def test_who_is_at_the_goal_is_led_nowhere_else(away):
    """A model that does not know small motions gets no nearer; landmarks would be a detour."""

    def sluggish(z, a):
        return free(z, a * (a.abs() > 0.6))

    roadmap = Roadmap(ring(), sluggish, actions=2, connect_steps=15, neighbours=8)
    start = torch.tensor([1.0, 0.03])
    roadmap.set_goal(Goal.of(start + torch.tensor([0.0, away * SPEED]), SPEED / 2))
    path = roadmap.path(start)
    assert path is not None and path.landmarks == () and path.steps <= 0.5
    assert path.latents.shape == (2, 2)


def test_goal_that_leaves_a_dimension_free_is_met_where_that_is_nearest():
    roadmap = roadmap_of(ring())
    roadmap.set_goal(Goal(torch.tensor([0.0, 5.0]), torch.tensor([1.0, 0.0]), 0.1))
    path = roadmap.path(torch.tensor([0.9, -0.45]))  # the bottom of the circle is the nearer side
    assert path is not None
    assert path.latents[-1, 0] == 0.0 and path.latents[-1, 1] < -0.8
    assert path.steps < 30


def toll_at(place, steps: float = 100.0):
    """So many steps for moves that pass a place nearer than 0.1."""
    place = torch.tensor(place).double().numpy()

    def toll(start, end):
        share = np.linspace(0, 1, 20)[:, None, None]
        apart = np.linalg.norm(start + share * (end - start) - place, axis=-1).min(axis=0)
        return np.where(apart < 0.1, steps, 0.0)

    return toll


def test_way_leads_around_edges_with_tolls_and_takes_no_longer_for_them():
    memory = ring()
    above = ((torch.tensor([[0.0, 60.0]]), torch.tensor([-6.0])),)  # above 0.1
    upper = Obstacles(above, torch.full((2,), SPEED))
    for obstacles, side in ((None, 1.0), (upper, -1.0)):
        roadmap = roadmap_of(memory, obstacles)
        roadmap.set_goal(Goal.of(torch.tensor([-1.0, 0.02]), 0.1))
        path = roadmap.path(torch.tensor([1.0, 0.02]))
        assert path is not None and side * path.latents[len(path.latents) // 2, 1] > 0.9
        assert path.steps == pytest.approx(len(path.latents) - 1, abs=1)
    roadmap.set_goal(Goal.of(torch.tensor([0.0, 1.0]), 0.1))
    path = roadmap.path(torch.tensor([0.05, 1.0]))
    assert path is not None and path.latents[:, 1].min() > 0.9, 'where there is no other'


def test_who_was_stopped_keeps_off_known_obstacles_the_more():
    above = ((torch.tensor([[0.0, 60.0]]), torch.tensor([-6.0])),)  # above 0.1: 500 steps
    roadmap = roadmap_of(ring(), Obstacles(above, torch.full((2,), SPEED)))
    roadmap.set_goal(Goal.of(torch.tensor([-1.0, 0.02]), 0.1))
    for toll, side in ((1000.0, -1.0), (10_000.0, 1.0)):
        roadmap.avoid(toll_at([0.0, -1.0], toll))
        path = roadmap.path(torch.tensor([1.0, 0.02]))
        assert path is not None and side * path.latents[len(path.latents) // 2, 1] > 0.9


def test_way_leads_around_where_a_toll_is_charged():
    roadmap = roadmap_of(ring())
    start, top, bottom = torch.tensor([1.0, 0.1]), [0.0, 1.0], [0.0, -1.0]
    roadmap.set_goal(Goal.of(torch.tensor([-1.0, 0.1]), 0.1))
    free_way = roadmap.path(start)
    assert free_way.latents[:, 1].max() > 0.9
    roadmap.avoid(toll_at(top))
    around = roadmap.path(start)
    assert around.latents[:, 1].min() < -0.9
    assert around.steps == pytest.approx(len(around.latents) - 1, abs=1), 'no tolls in the time'
    roadmap.avoid(lambda a, b: toll_at(top)(a, b) + toll_at(bottom, 200.0)(a, b))
    assert roadmap.path(start).landmarks == free_way.landmarks, 'no other way: it may be tried'
    roadmap.avoid(None)
    again = roadmap.path(start)
    assert again.landmarks == free_way.landmarks
    assert again.times == pytest.approx(free_way.times)


def test_first_and_last_move_are_charged_where_the_joints_are_known():
    roadmap = roadmap_of(ring())
    start, goal = torch.tensor([1.0, -0.05]), torch.tensor([1.0, 0.3])
    at = lambda latent: latent.double().numpy()  # noqa: E731
    roadmap.avoid(toll_at([1.0, 0.12], 1000.0))
    roadmap.set_goal(Goal.of(goal, 0.1))
    assert roadmap.path(start).landmarks == ()
    roadmap.set_goal(Goal.of(goal, 0.1), at(goal))
    path = roadmap.path(start, at(start))
    assert path.latents[:, 0].min() < -0.9, 'all the way round'


def test_times_are_those_at_which_landmarks_are_passed():
    roadmap = roadmap_of(ring())
    roadmap.set_goal(Goal.of(torch.tensor([-1.0, 0.0]), 0.1))
    path = roadmap.path(torch.tensor([1.0, 0.05]))
    memory = ring()
    for landmark, time in zip(path.landmarks, path.times[1:-1], strict=True):
        nearest = (path.latents - memory.latents[landmark]).norm(dim=1).argmin()
        assert int(nearest) == pytest.approx(time, abs=1.0)


def scattered(count: int = 300) -> Memory:
    """Landmarks in the square [-1, 1], joined with those within four steps, both ways."""
    latents = torch.rand(count, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    edges = ((torch.cdist(latents, latents) < 4 * SPEED) & ~torch.eye(count).bool()).nonzero()
    steps = travel_steps(free, latents[edges[:, 0]], latents[edges[:, 1]], 2, 15)
    edges, steps = edges[steps.isfinite()], steps[steps.isfinite()]
    return Memory(latents, latents.clone(), edges, steps, {})


@pytest.mark.parametrize('seed', range(5))
def test_neighbours_that_are_not_waited_for_would_not_have_been_better(seed):
    memory, neighbours = scattered(), 12
    roadmap = Roadmap(memory, free, actions=2, connect_steps=15, neighbours=neighbours)
    start, goal = torch.rand(2, 2, generator=torch.Generator().manual_seed(seed)) * 2 - 1

    def nearest(to):
        return (memory.latents - to).norm(dim=1).topk(neighbours, largest=False).indices

    near, last = nearest(start), nearest(goal)
    onto = travel_steps(free, start.expand(len(near), 2), memory.latents[near], 2, 15)
    off = travel_steps(free, memory.latents[last], goal.expand(len(last), 2), 2, 15)
    weights = (memory.edge_steps.numpy(), memory.edges.T.numpy())
    between = dijkstra(csr_array(weights, shape=(300, 300)), indices=near.numpy())[:, last.numpy()]
    direct = travel_steps(free, start[None], goal[None], 2, 15)
    best = min((onto[:, None] + torch.from_numpy(between) + off).min(), direct[0])
    roadmap.set_goal(Goal.of(goal, 0.1))
    path = roadmap.path(start)
    assert path is not None
    assert path.steps == pytest.approx(float(best), rel=0.01)


def test_neighbour_that_takes_longer_to_reach_is_taken_where_it_leads_on_faster():
    # From the start, one landmark is a step away and leads round the ring; another is 9 steps off.
    memory = ring()
    start = memory.latents[0] * 1.05
    other = torch.tensor([[0.6, 0.0]])
    goal = torch.tensor([-1.0, 0.0])
    more = replace(
        memory,
        latents=torch.cat([memory.latents, other]),
        positions=torch.cat([memory.positions, other]),
        edges=torch.cat([memory.edges, torch.tensor([[40, 20]])]),
        edge_steps=torch.cat([memory.edge_steps, torch.tensor([3.0])]),
    )
    roadmap = Roadmap(more, free, actions=2, connect_steps=15, neighbours=24)
    roadmap.set_goal(Goal.of(goal, 0.1))
    path = roadmap.path(start)
    assert path is not None and path.landmarks[0] == 40


def test_island_beside_the_goal_hides_no_way():
    memory = ring(20)
    goal = memory.latents[10] + torch.tensor([0.1, 0.0])
    angle = torch.arange(12) * torch.pi / 6
    island = goal + 0.02 * torch.stack([angle.cos(), angle.sin()], dim=1)
    inner = torch.stack([torch.arange(12), torch.arange(12).roll(1)], dim=1) + 20
    more = replace(
        memory,
        latents=torch.cat([memory.latents, island]),
        positions=torch.cat([memory.positions, island]),
        edges=torch.cat([memory.edges, inner]),
        edge_steps=torch.cat([memory.edge_steps, torch.ones(12)]),
    )
    roadmap = roadmap_of(more)
    roadmap.set_goal(Goal.of(goal, 0.1))
    path = roadmap.path(torch.tensor([1.0, 0.0]))
    assert path is not None and path.landmarks[-1] < 20


def test_travel_that_cannot_arrive_in_time_is_given_up_early():
    asked = 0

    def slow(z, a):
        nonlocal asked
        asked += len(z)
        return z + 1e-3 * a

    steps = travel_steps(slow, torch.zeros(100, 2), torch.ones(100, 2), actions=2, limit=15)
    assert steps.isinf().all() and asked <= 100 * 5  # a linearisation and two steps


def test_travel_to_where_one_is_takes_no_time():
    here = torch.tensor([[0.3, 0.2]])
    assert travel_steps(free, here, here, actions=2, limit=15).tolist() == [0.0]


def test_last_stretch_is_not_cut_short_by_a_landmark_that_arrives_first():
    goal = torch.tensor([0.0, 0.0])
    latents = torch.tensor([[3 * SPEED, 0.0], [-6 * SPEED, 0.0], [-18 * SPEED, 0.0]])
    edges = torch.tensor([[1, 0], [0, 1], [2, 1], [1, 2]])
    steps = torch.tensor([30.0, 30.0, 12.0, 12.0])
    memory = Memory(latents, latents.clone(), edges, steps, {})
    roadmap = roadmap_of(memory)
    roadmap.set_goal(Goal.of(goal, 0.1))
    path = roadmap.path(latents[2] - torch.tensor([4 * SPEED, 0.0]))
    assert path is not None and path.landmarks == (2, 1)
    assert path.steps == pytest.approx(22, abs=1)
