# SPDX-License-Identifier: Apache-2.0
"""Ways over the map without their detours, but near what is blocked."""

import numpy as np
import pytest
import torch
from told import stuck, told

from grasp_ros.control.recovery import Recovery
from grasp_ros.control.way import Shortener, Way
from grasp_ros.planning.shortcuts import onward, passing_times
from grasp_ros.types import NS
from grasp_ros.world_model.obstacles import Obstacles

STEP = np.array([0.015, 0.015])  # m a model step
CORNERS = np.array([[-0.3, -0.3], [0.3, 0.3]])
LAST = 2.5  # model steps that the model foresees for the last move


def free() -> Obstacles:
    """Obstacles nowhere."""
    sizes = ((8, 2), (8, 8), (1, 8))
    layers = tuple((torch.zeros(size), torch.full(size[:1], -20.0)) for size in sizes)
    return Obstacles(layers, torch.from_numpy(STEP).float())


def zigzag(end: float = 0.2) -> Way:
    """Up and down along x, from -0.2 m on, a stop each 2 cm."""
    along = np.arange(-0.2, end + 0.001, 0.02)
    stops = np.stack([along, 0.02 * (-1.0) ** np.arange(len(along))], axis=1)
    times = passing_times(stops, STEP)
    times[-1] = times[-2] + LAST
    return Way(stops, times)


@pytest.fixture
def recovery() -> Recovery:
    return Recovery(CORNERS, STEP, np.ones(2))


@pytest.fixture
def shortener(recovery) -> Shortener:
    return Shortener(free(), recovery, CORNERS, STEP)


def straight_steps(way: Way) -> float:
    """Model steps of the straight line to the last landmark."""
    return float(np.abs((way.stops[-2] - way.stops[0]) / STEP).max())


def test_detours_are_left_out_but_not_of_the_last_move(shortener):
    way = zigzag()
    new = shortener.shorten(way, NS)
    assert new.times[-2] == pytest.approx(straight_steps(way))
    assert new.times[-1] - new.times[-2] == pytest.approx(LAST)
    np.testing.assert_array_equal(new.stops[[0, -2, -1]], way.stops[[0, -2, -1]])
    assert new.steps < 0.8 * way.steps


def test_only_what_comes_soon_is_shortened(shortener, monkeypatch):
    """A way of hundreds of steps must not cost a plan its time."""
    monkeypatch.setattr('grasp_ros.control.way.FAR', 12.0)
    way = zigzag()
    new = shortener.shorten(way, NS)
    later = way.stops[way.times > 15]
    np.testing.assert_array_equal(new.stops[-len(later) :], later)
    np.testing.assert_allclose(
        np.diff(new.times)[-len(later) + 1 :], np.diff(way.times)[-len(later) + 1 :]
    )
    assert new.steps < way.steps


def test_near_what_is_blocked_the_way_stays(recovery, shortener):
    recovery.blocked(stuck([-0.2, 0.0], told([-0.3, 0.0], [-0.1, 0.0])))
    way = zigzag()
    new = shortener.shorten(way, 2 * NS)
    near = recovery.near(way.stops, way.stops)
    assert 3 < near.sum() < len(way.stops) - 5
    np.testing.assert_array_equal(new.stops[: near.sum()], way.stops[near])
    beyond = new.stops[near.sum() :]
    assert len(beyond) < (~near).sum()
    assert np.abs(np.diff(beyond[:-1], axis=0) / STEP).max(axis=1).sum() == pytest.approx(
        np.abs((beyond[-2] - beyond[0]) / STEP).max()
    )


def test_no_shortcut_comes_near_what_is_blocked(recovery, shortener):
    """Half an ellipse around it; straight across would pass behind the plate that is known."""
    recovery.blocked(stuck([0.0, 0.0], told([0.0, -0.2], [0.0, 0.2])))
    angles = np.linspace(np.pi, 0, 12)
    stops = np.stack([0.12 * np.cos(angles), 0.28 * np.sin(angles)], axis=1)
    way = Way(stops, passing_times(stops, STEP))
    new = shortener.shorten(way, 2 * NS)
    assert not recovery.near(new.stops[:-1], new.stops[1:]).any()
    recovery.begin()
    shortener.forget()
    assert shortener.shorten(way, 2 * NS).steps < 0.9 * new.steps


@pytest.fixture
def no_shortcuts(monkeypatch):
    """To be called when no more are to be found."""
    return lambda: monkeypatch.setattr('grasp_ros.control.way.shortened', lambda way, *_: way)


def test_the_next_way_goes_on_from_what_is_left_of_the_last(shortener, no_shortcuts):
    first = shortener.shorten(zigzag(), NS)
    no_shortcuts()
    here = np.array([-0.1, 0.01])
    ahead = zigzag().stops[6:]
    way = Way(np.concatenate([here[None], ahead]), np.arange(1.0 + len(ahead)))
    second = shortener.shorten(way, NS)
    np.testing.assert_allclose(second.stops, onward(first.stops, here, STEP))
    assert second.times[-1] - second.times[-2] == pytest.approx(LAST)
    shortener.forget()
    np.testing.assert_array_equal(shortener.shorten(way, NS).stops, way.stops)


def test_a_last_way_that_costs_more_than_the_maps_is_left(shortener, no_shortcuts):
    no_shortcuts()
    way = zigzag()
    detour = np.insert(way.stops, 1, way.stops[0] + [0.0, 0.3], axis=0)
    longer = Way(detour, passing_times(detour, STEP))
    assert shortener.shorten(longer, NS).steps > way.steps + 30
    np.testing.assert_array_equal(shortener.shorten(way, NS).stops, way.stops)
    np.testing.assert_array_equal(shortener.shorten(longer, NS).stops[1:], way.stops)


def test_who_was_stopped_keeps_off_known_obstacles_the_more(recovery, no_shortcuts):
    """Through one, two thirds of 27 steps, or 800 steps around."""
    no_shortcuts()
    below = ((torch.tensor([[0.0, -3000.0]]), torch.tensor([-300.0])),)  # y = -0.1 m
    shortener = Shortener(
        Obstacles(below, torch.from_numpy(STEP).float()), recovery, CORNERS, STEP
    )
    ends = [[-0.2, -0.09], [0.2, -0.09]]
    through, around = (
        Way(np.insert(ends, 1, [0.0, y], axis=0), np.arange(3.0)) for y in (-0.12, 6.0)
    )
    shortener.shorten(through, NS)
    assert shortener.shorten(around, NS).stops[:, 1].max() < 0
    recovery.blocked(stuck([10.0, 0.0], told([9.9, 0.0], [10.1, 0.0])))
    assert shortener.shorten(around, 2 * NS).stops[:, 1].max() == 6.0
