# SPDX-License-Identifier: Apache-2.0
"""Surprise and motion that leads nowhere, of a point whose model is known."""

import numpy as np
import torch

from grasp_ros.control.progress import FRUITLESS, Progress
from grasp_ros.control.reference import Reference
from grasp_ros.robot.command import make_command
from grasp_ros.types import NS, JointTrajectory, nanoseconds

STEP = np.array([0.015, 0.015])  # m a model step
BOUNDS = (0.15, 0.15)
COMMAND = make_command('joint_velocity', tuple(-one for one in BOUNDS), BOUNDS, 0.1)
PERIOD = nanoseconds(0.2)


def along(end, seconds: float = 10.0) -> Reference:
    """Told to go from the middle to a place in so many seconds, evenly."""
    count = round(seconds * 10) + 1
    places = np.linspace([0.0, 0.0], end, count)
    velocities = np.tile(places[1] - places[0], (count, 1)) * 10
    times = np.arange(count) * nanoseconds(0.1)
    return Reference(JointTrajectory(('x', 'y'), NS, times, places, velocities))


def progress() -> Progress:
    """Latents are places in model steps; the model moves by one a step and axis."""
    return Progress(lambda z, a: z + a, COMMAND, STEP, scale=1.0)


def surprises(reference: Reference, share: float, count: int = 8) -> list[bool]:
    """What is said while the robot makes a share of its way."""
    judge, said = progress(), []
    for stamp in range(NS, NS + count * PERIOD, PERIOD):
        here = reference.at(stamp).position * share / STEP
        latent = torch.from_numpy(here).float()
        said.append(judge.surprised(stamp, latent, reference))
    return said


def test_robot_that_goes_where_the_model_says_is_no_surprise():
    assert not any(surprises(along([1.5, 0.0]), 1.0))
    assert not any(surprises(along([1.5, 0.0]), 0.5)), 'a robot that lags is none either'


def test_what_does_not_move_as_the_model_says_is_a_surprise_within_a_second():
    said = surprises(along([1.5, 0.0]), 0.1)
    assert any(said) and said.index(True) <= 5


def test_a_block_that_the_model_knew_is_no_surprise():
    judge, reference = Progress(lambda z, a: z, COMMAND, STEP, 1.0), along([1.5, 0.0])
    for stamp in range(NS, 3 * NS, PERIOD):
        assert not judge.surprised(stamp, torch.zeros(2), reference)


def test_nothing_is_learned_from_a_robot_that_is_told_to_stand():
    assert not any(surprises(along([0.01, 0.0]), 0.0, 20))


MOVES = np.array([[0.0, 0.0], [0.05, 0.0]])  # what plans lead to
RESTS = np.array([[0.0, 0.0], [0.002, 0.0]])


def fruitless(reference: Reference, to_go, planned=MOVES, pause=1) -> float | None:
    """Model steps after which it was said, or None; so many periods between two plans."""
    judge = progress()
    for count in range(0, 60, pause):
        if judge.fruitless(NS + count * PERIOD, to_go(2 * count), reference, planned):
            return 2 * count
    return None


def test_motion_that_leads_no_nearer_is_told():
    told = along([1.5, 0.0])
    assert fruitless(told, lambda moved: 60.0 - moved) is None
    stopped = fruitless(told, lambda moved: 60.0)
    assert FRUITLESS < stopped <= FRUITLESS + 6
    assert fruitless(along([0.01, 0.0]), lambda moved: 60.0) is None, 'it has yet to set out'
    assert fruitless(told, lambda moved: 2.0) is None, 'at the goal it is no matter of the map'


def test_robot_that_rests_near_the_goal_is_told_to_be_as_near_as_it_gets():
    judge, told = progress(), along([0.01, 0.0])
    said = []
    for count in range(20):
        assert not judge.fruitless(NS + count * PERIOD, 2.0, told, RESTS)
        said.append(judge.as_near_as_it_gets)
    assert FRUITLESS < 2 * said.index(True) <= FRUITLESS + 6 and said[-1]
    judge.begin()
    assert not judge.as_near_as_it_gets, 'another goal'


def test_plans_that_rest_on_the_way_lead_nowhere_either():
    told = along([0.01, 0.0])
    stood = fruitless(told, lambda moved: 60.0, RESTS)
    assert FRUITLESS < stood <= FRUITLESS + 6
    assert fruitless(told, lambda moved: 2.0, RESTS) is None
    waited = fruitless(told, lambda moved: 60.0, RESTS, pause=10)
    assert waited > 60, 'while nothing is planned, as before a block, nothing is lost'
