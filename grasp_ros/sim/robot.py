# SPDX-License-Identifier: Apache-2.0
"""A robot in MuJoCo: its URDF in its world, velocity servos, cameras."""

from __future__ import annotations

import os

# MuJoCo picks its GL library on import; EGL renders without a screen.
os.environ.setdefault('MUJOCO_GL', 'egl')

import mujoco
import numpy as np

from grasp_ros.robot.jtc import JointTrajectoryController
from grasp_ros.sim.interface import checked_state
from grasp_ros.sim.shapes import Shape
from grasp_ros.sim.urdf import for_mujoco, read_urdf
from grasp_ros.sim.worlds import World
from grasp_ros.types import BadInput, FloatArray, ImageArray, JointSample, nanoseconds

PHYSICS_STEP = 0.002  # s
CONTROL_STEP = 0.01  # s, one update of the joint trajectory controller
LARGEST_IMAGE = 1024  # px
NEAREST = 0.02  # m from a camera; what is nearer is not drawn
GEOMS = {
    'box': mujoco.mjtGeom.mjGEOM_BOX,
    'cylinder': mujoco.mjtGeom.mjGEOM_CYLINDER,
    'sphere': mujoco.mjtGeom.mjGEOM_SPHERE,
}


def build_model(world: World) -> mujoco.MjModel:
    """The URDF with what the task adds, servos, cameras and light."""
    robot, description, task = world.robot, world.description, world.task
    body = description.body
    spec = _read(world)
    spec.option.timestep = PHYSICS_STEP
    # Servos are stiff, and wrists light: the other integrators shake them.
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.visual.global_.offwidth = spec.visual.global_.offheight = LARGEST_IMAGE
    moving = {joint.name for joint in spec.joints}
    if missing := [name for name in robot.joints if name not in moving]:
        there = sorted(one.get('name', '') for one in read_urdf(description.urdf).iter('joint'))
        raise BadInput(f'{description.urdf}: no joint {missing}, the file has {there}')
    for link in spec.bodies:
        link.gravcomp = 1.0  # as real arms do, whose servos then need to know nothing of weight
        for geom in link.geoms if link.name in description.colours else ():
            geom.rgba = description.colours[link.name]
        # Links that a joint joins do not collide. MuJoCo forgets it where the first stands still.
        if link.parent not in (None, spec.worldbody):
            spec.add_exclude(bodyname1=link.parent.name, bodyname2=link.name)
    for geom in spec.geoms:
        geom.friction = [body.friction, 0.0, 0.0]
    _draw_only_visuals(spec)
    for shape in task.shapes():
        _add(spec, shape)
    task.add_objects(spec)
    for camera in description.cameras:
        right, up, _ = camera.axes()
        bearer = spec.body(camera.link) if camera.link else spec.worldbody
        if bearer is None:
            there = [link.name for link in spec.bodies]
            raise BadInput(f'camera {camera.name}: no link {camera.link!r}, there are {there}')
        bearer.add_camera(
            name=camera.name,
            pos=camera.position,
            fovy=np.degrees(camera.fovy),
            xyaxes=[*right, *up],
        )
    spec.worldbody.add_light(
        pos=body.light_position,
        dir=body.light_direction,
        diffuse=[0.35] * 3,
        castshadow=False,
    )
    spec.visual.headlight.ambient = [0.35] * 3
    spec.visual.headlight.diffuse = [0.15] * 3
    for name, gain, inertia in zip(robot.joints, body.velocity_gain, body.armature, strict=True):
        spec.joint(name).armature = inertia
        servo = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        servo.set_to_velocity(gain)
    model = spec.compile()
    model.vis.map.znear = NEAREST / model.stat.extent
    return model


def _read(world: World) -> mujoco.MjSpec:
    try:
        return mujoco.MjSpec.from_string(for_mujoco(world.description.urdf, world.robot.joints))
    except ValueError as error:
        raise BadInput(f'{world.description.urdf}: not a URDF for MuJoCo: {error}') from error


def _draw_only_visuals(spec: mujoco.MjSpec) -> None:
    """Hide what collides in links that have something to be seen, as Gazebo does."""
    for link in spec.bodies:
        if any(geom.contype == 0 for geom in link.geoms):
            for geom in link.geoms:
                if geom.contype:
                    geom.rgba = [0.0] * 4


def _add(spec: mujoco.MjSpec, shape: Shape) -> None:
    """A shape that belongs to the world; a cylinder's and a box's sizes are halves in MuJoCo."""
    size = {
        'box': lambda: [edge / 2 for edge in shape.size],
        'cylinder': lambda: [shape.size[0], shape.size[1] / 2, 0.0],
        'sphere': lambda: [shape.size[0], 0.0, 0.0],
    }[shape.kind]()
    quaternion = np.zeros(4)
    mujoco.mju_euler2Quat(quaternion, np.array(shape.rpy), 'XYZ')  # about fixed axes
    spec.worldbody.add_geom(
        name=shape.name,
        type=GEOMS[shape.kind],
        size=size,
        pos=shape.position,
        quat=quaternion,
        rgba=shape.rgba,
        friction=[shape.friction, 0.0, 0.0],
    )


class MujocoRobot:
    """The simulated robot and its joint trajectory controller, stepped by the caller.

    It depends on no real time, so any real-time factor will do.
    Time starts at one control step, never at 0: a stamp of zero means "no clock" in ROS.
    """

    def __init__(self, world: World, real_time_factor: float = 1.0):
        self.world, self.control_step = world, CONTROL_STEP
        self._cameras = {camera.name: camera for camera in world.description.cameras}
        self._gain = np.array(world.description.body.position_gain)
        self._max_velocity = np.array(world.robot.max_velocity)
        self.model = build_model(world)
        self.data = mujoco.MjData(self.model)
        mujoco.mj_forward(self.model, self.data)
        joints, states = world.robot.joints, world.states
        self._qpos = [self.model.joint(name).qposadr[0] for name in joints]
        self._qvel = [self.model.joint(name).dofadr[0] for name in joints]
        self._state = [self.model.joint(name).qposadr[0] for name in states]
        self._servos = [self.model.actuator(name).id for name in joints]
        self._renderers: dict[str, mujoco.Renderer] = {}
        self.now_ns = nanoseconds(CONTROL_STEP)
        self.controller = JointTrajectoryController(joints, self.data.qpos[self._qpos])

    def reset(self, state: FloatArray) -> None:
        """Place the joints at a state (S,), at rest, controller holding; the clock goes on."""
        state = checked_state(self.world, state)
        mujoco.mj_resetData(self.model, self.data)
        self.data.qpos[self._state] = state
        mujoco.mj_forward(self.model, self.data)
        self.controller.activate(state[: len(self._qpos)])

    def step(self) -> None:
        """Advance by CONTROL_STEP: sample the controller, drive the servos, integrate."""
        reference = self.controller.reference(self.now_ns)
        error = reference.position - self.data.qpos[self._qpos]
        command = reference.velocity + self._gain * error
        self.data.ctrl[self._servos] = np.clip(command, -self._max_velocity, self._max_velocity)
        mujoco.mj_step(self.model, self.data, nstep=round(CONTROL_STEP / PHYSICS_STEP))
        self.now_ns += nanoseconds(CONTROL_STEP)

    def joints(self) -> JointSample:
        """The measured joints of the robot now."""
        position, velocity = self.data.qpos[self._qpos], self.data.qvel[self._qvel]
        return JointSample(self.now_ns, np.array(position), np.array(velocity))

    def state(self) -> FloatArray:
        """Where the joints of `world.states` are now (S,)."""
        return np.array(self.data.qpos[self._state])

    def render(self, camera: str = '') -> ImageArray:
        """What a camera sees now, (H, W, 3) uint8 rgb; without a name, the first."""
        camera = camera or self.world.description.cameras[0].name
        if camera not in self._renderers:
            seen = self._cameras[camera]
            self._renderers[camera] = mujoco.Renderer(self.model, seen.height, seen.width)
        renderer = self._renderers[camera]
        renderer.update_scene(self.data, camera=camera)
        return renderer.render().copy()

    def close(self) -> None:
        """Free the GL contexts."""
        while self._renderers:
            self._renderers.popitem()[1].close()
