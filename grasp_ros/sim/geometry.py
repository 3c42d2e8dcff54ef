# SPDX-License-Identifier: Apache-2.0
"""Where a robot's parts are and what they touch, asked of MuJoCo's model of its world.

Nothing moves here and no time passes: a state is put in, and looked at.
"""

from __future__ import annotations

import numpy as np

from grasp_ros.sim.worlds import World
from grasp_ros.types import BadInput, FloatArray


class Geometry:
    """The world's robot and surroundings at any state (S,).

    clearance: the largest distance that `near` is asked for, m. Raises BadInput when MuJoCo is
    not installed.
    """

    def __init__(self, world: World, clearance: float):
        try:
            import mujoco

            from grasp_ros.sim.robot import build_model
        except ImportError as error:
            raise BadInput(
                f'world {world.name}: its task asks MuJoCo what the robot touches, which is not '
                f"installed ({error}); pip install 'grasp_ros[sim]'"
            ) from error
        self._mujoco, self._model = mujoco, build_model(world)
        self._model.geom_margin[:] = clearance  # contacts are told from that distance on
        self._data = mujoco.MjData(self._model)
        self._moves = self._model.body_weldid[self._model.geom_bodyid] > 0  # (geoms,)
        self._qpos = np.array([self._model.joint(name).qposadr[0] for name in world.states])

    def near(self, state: FloatArray, clearance: float) -> bool:
        """Whether the robot is nearer to something than clearance, m, or touches itself.

        0: they touch. Parts of a wrist are always near each other.
        """
        self._place(state)
        self._mujoco.mj_collision(self._model, self._data)
        if not self._data.ncon:
            return False
        contact = self._data.contact
        itself = self._moves[contact.geom].all(axis=1)
        return bool((contact.dist < np.where(itself, 0.0, clearance)).any())

    def point(self, state: FloatArray, link: str, point: FloatArray) -> FloatArray:
        """Where a point (3,) of a link is in the world (3,), m."""
        self._place(state)
        return self._in_world(self._model.body(link).id, point)

    def chain(self, state: FloatArray, link: str, point: FloatArray) -> FloatArray:
        """The robot as a line: the origins of the links up to `link`, then its point, (N, 3) m."""
        self._place(state)
        body, places = (
            self._model.body(link).id,
            [self._in_world(self._model.body(link).id, point)],
        )
        while body > 0:
            places.append(self._data.xpos[body].copy())
            body = self._model.body_parentid[body]
        return np.array(places[::-1])

    def _in_world(self, body: int, point: FloatArray) -> FloatArray:
        turn = self._data.xmat[body].reshape(3, 3)
        return np.asarray(self._data.xpos[body] + turn @ point)

    def _place(self, state: FloatArray) -> None:
        self._data.qpos[self._qpos] = state
        self._mujoco.mj_kinematics(self._model, self._data)
