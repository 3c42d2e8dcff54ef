# SPDX-License-Identifier: Apache-2.0
"""The motion that the controller makes of what is sent keeps every limit, whatever happens.

Ten thousand trajectories by `scripts/check_motion`; a few hundred here. The checker is checked: it
must see what the guard is there to stop.
"""

import numpy as np
import pytest
from player import Controller
from rounds import STEP, Setting, play, settings
from scipy.interpolate import CubicHermiteSpline

from grasp_ros.bench.motion import MotionChecker
from grasp_ros.control.gate import Gate
from grasp_ros.control.guard import Guard
from grasp_ros.robot.limits import Limits
from grasp_ros.types import nanoseconds


@pytest.mark.parametrize('setting', list(settings(8, seed=4)), ids=lambda s: f'{s.robot}_{s.seed}')
def test_no_limit_is_broken(setting):
    done = play(setting, 40)
    assert done.checker.violations == []
    assert done.sent > 10


def lagging(**changes) -> Setting:
    """A gantry that lags 2 mm, with images 0.2 s old."""
    given = {'robot': 'gantry', 'lag': 0.002, 'latency': 0.2, 'from_desired': True}
    return Setting(**{**given, 'faults': False, 'seed': 5, **changes})


@pytest.mark.parametrize('from_desired', [True, False])
@pytest.mark.parametrize('latency', [0.0, 0.2, 0.4])
def test_a_robot_that_follows_gets_on(from_desired, latency):
    done = play(lagging(from_desired=from_desired, latency=latency), 60)
    assert done.checker.violations == []
    # Random plans at up to 0.15 m/s, and each about half a second's blind motion.
    assert done.travelled / done.seconds > 0.04


def test_checker_sees_motion_that_does_not_go_on_from_the_reference(monkeypatch):
    monkeypatch.setattr(Guard, 'check', lambda *_: None)
    monkeypatch.setattr(
        'grasp_ros.control.reference.Reference.before', lambda self, new, from_ns: new
    )
    assert play(lagging(latency=0.1, faults=True, lag=0.03), 60).checker.violations


def test_checker_sees_a_robot_that_is_held_too_fast(monkeypatch):
    monkeypatch.setattr(Guard, '_joins', lambda *_: None)
    done = [play(lagging(lag=0.04, faults=True, seed=seed), 40) for seed in range(3)]
    assert any(one.checker.violations for one in done)


def test_checker_sees_a_controller_that_is_not_held_again_after_an_abort(monkeypatch):
    real = Gate.observe

    def trusting(self, sample):
        real(self, sample)
        self._doubtful = False

    monkeypatch.setattr(Gate, 'observe', trusting)
    done = [play(lagging(lag=0.022, latency=0.07, faults=True, seed=s), 60) for s in range(4)]
    assert any(one.checker.violations for one in done)


@pytest.fixture
def checker():
    """One joint within 1 m, 1 m/s and 2 m/s²."""
    one = np.ones(1)
    return MotionChecker(Limits(-one, one, one, 2 * one), 0.01 * one)


@pytest.mark.parametrize('broken', ['', 'speed', 'acceleration', 'position', 'command'])
def test_checker_judges_by_differences_alone(checker, broken):
    t = np.arange(0, 0.4, STEP)
    path = t**2  # 2 m/s², up to 0.8 m/s
    path = {
        '': path,
        'speed': 1.3 * t,
        'acceleration': np.where(t < 0.2, 0.5 * t, 0.2 - 0.5 * t),
        'position': path + 0.9,
        'command': np.where(t < 0.2, path, np.nan),
    }[broken]
    for when, position in zip(t, path, strict=True):
        checker.see(np.array([position]), nanoseconds(when))
    assert any(broken in one for one in checker.violations) if broken else not checker.violations


def test_player_plays_the_cubics_of_scipy():
    times = np.array([0.1, 0.3, 0.9])
    positions, velocities = np.array([[0.1], [0.4], [0.2]]), np.array([[0.3], [-0.2], [0.0]])
    controller = Controller(np.array([0.05]), from_desired=True)
    assert controller.take(0.0, times, positions, velocities, np.zeros(1), np.zeros(1))
    spline = CubicHermiteSpline(
        np.append(0.0, times), np.append(0.05, positions), np.append(0.0, velocities)
    )
    for at in np.linspace(0, 0.89, 30):
        position, velocity = controller.at(at)
        assert position[0] == pytest.approx(spline(at))
        assert velocity[0] == pytest.approx(spline(at, 1))
    assert controller.at(2.0)[0] == positions[-1]


def test_player_starts_from_the_robot_where_it_does_not_start_from_its_command():
    controller = Controller(np.zeros(1), from_desired=False)
    goal, rest = np.array([[0.5]]), np.zeros((1, 1))
    controller.take(0.0, np.array([1.0]), goal, rest, np.array([0.2]), np.zeros(1))
    assert controller.at(0.0)[0] == pytest.approx(0.2)
