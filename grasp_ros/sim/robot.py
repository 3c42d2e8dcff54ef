# SPDX-License-Identifier: Apache-2.0
"""The robot in MuJoCo: its URDF in a world, velocity servos, an overhead camera."""

from __future__ import annotations

import os

# MuJoCo picks its GL library on import; EGL renders without a screen.
os.environ.setdefault('MUJOCO_GL', 'egl')

import mujoco
import numpy as np

from grasp_ros.config import RobotConfig, SimulatorConfig
from grasp_ros.robot.jtc import JointTrajectoryController
from grasp_ros.share import find
from grasp_ros.sim.worlds import TABLE, WALL, World
from grasp_ros.types import BadInput, FloatArray, ImageArray, JointSample, nanoseconds

PHYSICS_STEP = 0.002  # s
CONTROL_STEP = 0.01  # s, one update of the joint trajectory controller


def build_model(robot: RobotConfig, sim: SimulatorConfig, world: World) -> mujoco.MjModel:
    """The URDF with table, walls, servos, camera and light added."""
    spec = mujoco.MjSpec.from_file(str(find('urdf', sim.urdf)))
    spec.option.timestep = PHYSICS_STEP
    spec.visual.global_.offwidth = spec.visual.global_.offheight = 1024
    names = {joint.name for joint in spec.joints}
    if missing := [name for name in robot.joints if name not in names]:
        raise BadInput(f'{sim.urdf}: no joint {missing}, the file has {sorted(names)}')

    body = spec.worldbody
    x, y = world.table_size
    box = mujoco.mjtGeom.mjGEOM_BOX
    body.add_geom(name='table', type=box, size=[x / 2, y / 2, 0.01], pos=[0, 0, -0.01], rgba=TABLE)
    for index, wall in enumerate(world.walls):
        half = [wall.size[0] / 2, wall.size[1] / 2, world.wall_height / 2]
        body.add_geom(
            name=f'wall_{index}',
            type=box,
            size=half,
            pos=[*wall.center, world.wall_height / 2],
            rgba=WALL,
            friction=[0.0, 0.0, 0.0],
        )
    for geom in spec.geoms:
        geom.friction = [0.0, 0.0, 0.0]
    body.add_camera(
        name='overhead',
        pos=sim.camera_position,
        fovy=np.degrees(sim.camera_fovy),
        # Looking down, image up = +x, image left = +y.
        xyaxes=[0, -1, 0, 1, 0, 0],
    )
    body.add_light(
        pos=[0.3, 0.3, 1.5], dir=[-0.2, -0.2, -1.0], diffuse=[0.35] * 3, castshadow=False
    )
    spec.visual.headlight.ambient = [0.35] * 3
    spec.visual.headlight.diffuse = [0.15] * 3
    for name in robot.joints:
        servo = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        servo.set_to_velocity(sim.velocity_gain)
    return spec.compile()


class MujocoRobot:
    """The simulated robot and its joint trajectory controller, stepped by the caller.

    Time starts at one control step, never at 0: a stamp of zero means "no clock" in ROS.
    """

    def __init__(self, robot: RobotConfig, sim: SimulatorConfig, world: World):
        self.config, self.world, self.control_step = robot, world, CONTROL_STEP
        self._gain = sim.position_gain
        self._max_velocity = np.array(robot.max_velocity)
        self.model = build_model(robot, sim, world)
        self.data = mujoco.MjData(self.model)
        self._qpos = [self.model.joint(name).qposadr[0] for name in robot.joints]
        self._qvel = [self.model.joint(name).dofadr[0] for name in robot.joints]
        self._image_shape = (sim.image_height, sim.image_width)
        self._renderer: mujoco.Renderer | None = None
        self.now_ns = nanoseconds(CONTROL_STEP)
        self.controller = JointTrajectoryController(robot.joints, np.zeros(len(robot.joints)))
        self.reset(np.zeros(len(robot.joints)))

    @property
    def low(self) -> FloatArray:
        """Lowest joint positions (J,)."""
        return np.array(self.config.position_min)

    @property
    def high(self) -> FloatArray:
        """Highest joint positions (J,)."""
        return np.array(self.config.position_max)

    @property
    def tool_radius(self) -> float:
        """Radius of the part that touches walls, m: its only colliding geom, a cylinder."""
        moving = (self.model.geom_bodyid > 0) & (self.model.geom_contype > 0)
        return float(self.model.geom_size[moving][0, 0])

    def reset(self, position: FloatArray) -> None:
        """Place the joints at `position` (J,), at rest, controller holding; the clock goes on."""
        position = np.asarray(position, dtype=float)
        low, high = self.low, self.high
        if position.shape != low.shape or not ((position >= low) & (position <= high)).all():
            raise BadInput(f'reset to {position.tolist()}: not within {low} and {high}')
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[self._qpos] = position
        mujoco.mj_forward(self.model, self.data)
        self.controller.activate(position)

    def step(self) -> None:
        """Advance by CONTROL_STEP: sample the controller, drive the servos, integrate."""
        reference = self.controller.reference(self.now_ns)
        error = reference.position - self.data.qpos[self._qpos]
        command = reference.velocity + self._gain * error
        self.data.ctrl[:] = np.clip(command, -self._max_velocity, self._max_velocity)
        mujoco.mj_step(self.model, self.data, nstep=round(CONTROL_STEP / PHYSICS_STEP))
        self.now_ns += nanoseconds(CONTROL_STEP)

    def joints(self) -> JointSample:
        """The measured joints now."""
        position, velocity = self.data.qpos[self._qpos], self.data.qvel[self._qvel]
        return JointSample(self.now_ns, np.array(position), np.array(velocity))

    def render(self) -> ImageArray:
        """The overhead camera's image now, (H, W, 3) uint8 rgb."""
        if self._renderer is None:
            self._renderer = mujoco.Renderer(self.model, *self._image_shape)
        self._renderer.update_scene(self.data, camera='overhead')
        return self._renderer.render().copy()

    def close(self) -> None:
        """Free the GL context."""
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None
