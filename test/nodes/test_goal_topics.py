# SPDX-License-Identifier: Apache-2.0
"""Goals of two cameras, without ROS: what the node does with each picture."""

from types import SimpleNamespace

import numpy as np
import pytest

from grasp_ros.nodes import messages
from grasp_ros.nodes.planner import PlannerNode
from grasp_ros.observation.goal_pictures import GoalPictures
from grasp_ros.types import BadInput, nanoseconds


def decode(camera, message):
    """Only pictures of 4 x 4."""
    if message.width != 4:
        raise BadInput(f'{camera} is {message.width} wide')
    return messages.to_rgb(message)


@pytest.fixture
def node():
    """A node's goals; everything around them is put down in `did`."""
    did = []
    pictures = GoalPictures(['left', 'right'], nanoseconds(0.05), lambda text: did.append('note'))
    return SimpleNamespace(
        did=did,
        _goal_pictures=pictures,
        _cameras=SimpleNamespace(decode=decode),
        _config=SimpleNamespace(robot=SimpleNamespace(joints=('a',))),
        _pilot=SimpleNamespace(
            refuse_goal=lambda reason: did.append(reason),
            cancel=lambda: True,
            forget=lambda what, other_clock: None,
        ),
        _pairing=SimpleNamespace(newest='seen', clear=lambda: None),
        _out=SimpleNamespace(note=lambda text: None),
        _lacking=lambda: None,
        _aim=lambda goal: did.append(goal) or len(did),
    )


def show(node, camera, at=1.0, width=4) -> None:
    rgb = np.full((4, width, 3), round(at), np.uint8)
    message = messages.from_rgb(rgb, nanoseconds(at), camera)
    PlannerNode._on_goal_image(node, camera, message, None)


def test_two_pictures_of_one_time_are_a_goal(node):
    show(node, 'left')
    assert node.did == []
    show(node, 'right', 1.04)
    (goal,) = node.did
    assert list(goal.images) == ['left', 'right'] and np.isnan(goal.position).all()


def test_pictures_of_two_goals_are_none_and_that_is_told(node):
    show(node, 'left', 1.0)
    show(node, 'right', 2.0)
    assert node.did == ['its pictures are 1.000 s apart, at most 0.050 s']


ANSWER = SimpleNamespace(success=False, message='')


@pytest.mark.parametrize(
    'change',
    [
        lambda node: show(node, 'right', width=3),
        lambda node: PlannerNode._on_cancel(node, None, ANSWER),
        lambda node: PlannerNode._on_teach_goal(node, None, ANSWER),
        lambda node: PlannerNode._forget(node, 'the clock jumped', False),
    ],
    ids=['refusal', 'cancel', 'teach_goal', 'clock'],
)
def test_half_a_goal_does_not_outlive(node, change):
    show(node, 'left')
    change(node)
    assert 'note' in node.did
    node.did.clear()
    show(node, 'right')
    assert node.did == []
