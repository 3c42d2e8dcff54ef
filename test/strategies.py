# SPDX-License-Identifier: Apache-2.0
"""hypothesis strategies: robots, states from which they can still stop, and actions."""

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from grasp_ros.control.trajectory import from_actions
from grasp_ros.robot.command import Command, make_command
from grasp_ros.robot.limits import Limits
from grasp_ros.types import FloatArray, JointTrajectory, Motion

START_NS = 1_700_000_000_123_456_789
RAMP = 1e-3  # s; a ramp may be this much longer than the acceleration limit asks for


@dataclass(frozen=True)
class Case:
    """A robot in a state, and what it is told to do."""

    limits: Limits
    space: Command
    start: Motion
    actions: FloatArray

    @property
    def joints(self) -> tuple[str, ...]:
        """Names for the robot's joints."""
        return tuple(f'joint_{i}' for i in range(self.space.size))

    def trajectory(self) -> JointTrajectory:
        """What from_actions makes of it."""
        case = (self.actions, self.start, START_NS, self.space, self.limits, self.joints)
        return from_actions(*case)


def each(count: int, low: float, high: float) -> st.SearchStrategy[np.ndarray]:
    """An array (count,) of floats, both ends included."""
    return st.lists(st.floats(low, high), min_size=count, max_size=count).map(np.array)


@st.composite
def cases(draw: st.DrawFn, meaning: str = 'joint_velocity', steps: int = 12) -> Case:
    """Slow and fast robots of 1 to 7 joints; actions may ask for more than the robot can do."""
    joints = draw(st.integers(1, 7))
    half = draw(each(joints, 0.05, 3.0))
    limits = Limits(
        -half, half.copy(), draw(each(joints, 0.02, 3.0)), draw(each(joints, 0.1, 20.0))
    )
    dt = draw(st.sampled_from([0.02, 0.05, 0.1, 0.25]))
    bounds = 2 * (half if meaning == 'joint_position' else limits.velocity)
    bounds = bounds * dt if meaning == 'joint_delta' else bounds
    space = make_command(meaning, tuple(-bounds), tuple(bounds), dt)
    count = draw(st.integers(1, steps))
    actions = np.stack([draw(each(joints, -1.0, 1.0)) for _ in range(count)])
    return Case(limits, space, draw(states(limits)), actions)


@st.composite
def states(draw: st.DrawFn, limits: Limits) -> Motion:
    """A state within limits from which the robot can stop within limits."""
    joints = len(limits.velocity)
    position = draw(each(joints, -1.0, 1.0)) * limits.position_max
    velocity = draw(each(joints, -1.0, 1.0)) * limits.velocity
    # The fastest speed v from which v (v / a + RAMP) / 2 still fits into the room that is left.
    room = np.where(velocity > 0, limits.position_max - position, position - limits.position_min)
    a = limits.acceleration
    fastest = a * (np.sqrt(RAMP**2 / 4 + 2 * np.maximum(room, 0) / a) - RAMP / 2)
    return Motion(position, np.clip(velocity, -fastest, fastest))


def dense(trajectory: JointTrajectory, per_segment: int = 20) -> np.ndarray:
    """Times (N,) in ns, all points included, with `per_segment` between each two of them."""
    times = trajectory.start_ns + trajectory.times_ns
    share = np.linspace(0, 1, per_segment, endpoint=False)
    inner = times[:-1, None] + (np.diff(times)[:, None] * share).astype(np.int64)
    return np.append(np.unique(inner), times[-1])
