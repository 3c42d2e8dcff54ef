# SPDX-License-Identifier: Apache-2.0
"""A robot, a task and a world that the package does not know: three files and this module.

One revolute joint swings an arm over a floor; a puck that slides along x may be pushed by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from grasp_ros.sim.shapes import Shape
from grasp_ros.sim.tasks import Problem, Task

LENGTH = 0.3  # m
PUCK = 0.02  # m, its radius
URDF = f"""<robot name="swing">
  <link name="base"/>
  <link name="arm">
    <inertial><origin xyz="0.15 0 0.05"/><mass value="0.5"/>
      <inertia ixx="0.001" iyy="0.004" izz="0.004" ixy="0" ixz="0" iyz="0"/></inertial>
    <collision><origin xyz="0.15 0 0.05"/>
      <geometry><box size="{LENGTH} 0.02 0.02"/></geometry></collision>
  </link>
  <joint name="hinge" type="revolute">
    <parent link="base"/><child link="arm"/><axis xyz="0 0 1"/>
    <limit lower="-1.5" upper="1.5" velocity="1.0" effort="50"/>
  </joint>
</robot>
"""
ROBOT = """/**:
  ros__parameters:
    robot:
      name: swing
      joints: [hinge]
      position_min: [-1.5]
      position_max: [1.5]
      max_velocity: [1.0]
      max_acceleration: [8.0]
      tracking_tolerance: [0.05]
"""
SIMULATOR = """urdf: ../swing.urdf
position_gain: [10.0]
velocity_gain: [2.0]
cameras:
  side:
    frame: side_camera
    position: [0.15, -0.6, 0.5]
    target: [0.15, 0.0, 0.0]
    up: [0.0, 0.0, 1.0]
    fovy: 0.9
    width: 96
    height: 64
    rate: 10.0
  above:
    frame: above_camera
    position: [0.1, 0.0, 0.9]
    target: [0.1, 0.0, 0.0]
    up: [1.0, 0.0, 0.0]
    fovy: 0.8
    width: 32
    height: 32
    rate: 5.0
"""
WORLD = """name: yard
robot: robots/swing
simulator: simulators/swing
task: swing
post: [-0.2, 0.2]
"""


@dataclass(frozen=True)
class Swing(Task):
    """Bring the arm to an angle; where the puck lies is part of the state, not of the error."""

    post: tuple[float, float]
    tolerance: float = 0.05
    objects: tuple[str, ...] = ('puck_x',)

    def shapes(self):
        """The floor, and a post that stands where the arm does not reach."""
        floor = Shape('floor', 'box', (1.0, 1.0, 0.02), (0.0, 0.0, -0.01), (0.8, 0.8, 0.8, 1.0))
        post = Shape('post', 'cylinder', (0.02, 0.2), (*self.post, 0.1), (0.1, 0.3, 0.6, 1.0))
        return [floor, post]

    def add_objects(self, spec):
        """The puck, on a rail along x."""
        import mujoco

        puck = spec.worldbody.add_body(name='puck', pos=[0.0, 0.15, 0.05])
        puck.add_joint(name='puck_x', type=mujoco.mjtJoint.mjJNT_SLIDE, axis=[1, 0, 0], damping=2)
        puck.add_geom(
            type=mujoco.mjtGeom.mjGEOM_SPHERE, size=[PUCK, 0, 0], mass=0.1, rgba=[1, 0.8, 0, 1]
        )

    def sample(self, count, seed):
        """The puck always lies where it is out of the way."""
        rng = np.random.default_rng(seed)
        angles = rng.uniform(-1.4, 0.4, (count, 2))
        return [
            Problem(np.array([start, 0.3]), np.array([goal, 0.3]), abs(goal - start))
            for start, goal in angles
        ]

    def error(self, state, goal):
        """rad."""
        return float(abs(state[0] - goal[0]))

    def words(self, error):
        """In rad."""
        return f'{error:.2f} rad'

    def touches(self, states):
        """The puck is out of the way."""
        return np.zeros(len(states), dtype=bool)

    def tool_position(self, states):
        """The arm's end."""
        angle = np.asarray(states)[..., 0]
        x, y = LENGTH * np.cos(angle), LENGTH * np.sin(angle)
        return np.stack([x, y, np.full_like(x, 0.05)], axis=-1)

    def outline(self, state):
        """The arm, as a line."""
        return [np.stack([np.array([0.0, 0.0, 0.05]), self.tool_position(state)])]


def make(settings, robot, description) -> Swing:
    """The task of the world's file."""
    return Swing(tuple(settings['post']))


def write(folder: Path) -> Path:
    """All files of the world; returns the world's."""
    texts = {
        'swing.urdf': URDF,
        'robots/swing.yaml': ROBOT,
        'simulators/swing.yaml': SIMULATOR,
        'yard.yaml': WORLD,
    }
    for name, text in texts.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return folder / 'yard.yaml'
