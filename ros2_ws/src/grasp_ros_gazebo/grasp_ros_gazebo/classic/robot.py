# SPDX-License-Identifier: Apache-2.0
"""A robot in Gazebo 11: the same URDF, world, servos and cameras as in MuJoCo."""

from __future__ import annotations

import numpy as np

from grasp_ros.robot.jtc import JointTrajectoryController
from grasp_ros.sim.interface import SimulatorFailed, checked_state
from grasp_ros.sim.urdf import read_urdf
from grasp_ros.sim.worlds import World
from grasp_ros.types import BadInput, FloatArray, ImageArray, JointSample, nanoseconds, seconds
from grasp_ros_gazebo import cameras, kinematics, sdf
from grasp_ros_gazebo.classic import root
from grasp_ros_gazebo.classic.simulation import Simulation

PHYSICS_STEP = 0.001  # s
MIN_STEPS = 20  # physics steps taken at once: Gazebo is slow to start and to report fewer
# Physics steps a second: so many times faster than they are needed, and no faster than MAX_RATE,
# where Gazebo's idling loop would keep its own transport from working.
HEADROOM, MIN_RATE, MAX_RATE = 4.0, 2000.0, 10_000.0
PLACED = 1e-4  # m or rad; a reset is done when all joints are this near
PLACE_GAIN = 10.0  # 1/s, of the drive to the reset position
PLACE_LIMIT = 60.0  # simulated s that a reset may take


class GazeboRobot:
    """The simulated robot and its joint trajectory controller, stepped by the caller.

    A step is a part of the cameras' period, so that there is an image for each multiple of it and
    never one in between. The joints' velocity is their mean over the last step.
    Raises BadInput when Gazebo is not installed, or the cameras' rates differ or do not fit the
    physics, and SimulatorFailed when Gazebo dies or stalls.
    """

    def __init__(self, world: World, real_time_factor: float = 1.0):
        self.world, body = world, world.description.body
        rates = [camera.rate for camera in world.description.cameras]
        if len(set(rates)) > 1:
            raise BadInput(f'rates of the cameras: {rates} Hz; Gazebo 11 takes one for all here')
        self._camera_ns = nanoseconds(1 / rates[0])
        self._step_ns = step_ns(rates[0])
        self.control_step = seconds(self._step_ns)
        self._max_velocity = np.array(world.robot.max_velocity)
        self._gain = np.minimum(body.position_gain, 1 / self.control_step)
        description = read_urdf(world.description.urdf)
        name = description.get('name', '')
        self._joints = kinematics.joints(description, world.robot.joints)
        rate = float(np.clip(HEADROOM * real_time_factor / PHYSICS_STEP, MIN_RATE, MAX_RATE))
        self._simulation = Simulation(
            root.find(),
            sdf.build(world, sdf.Physics(PHYSICS_STEP, rate), host=root.HOST),
            sdf.world_name(world),
            name,
            {one.name: cameras.topic(one, name) for one in world.description.cameras},
            nanoseconds(PHYSICS_STEP),
            self._camera_ns,
        )
        self._hidden_ns = 0  # spent in resets, while the caller's clock stood still
        none = np.zeros(len(world.robot.joints))
        self._position, self._velocity = self._measure(), none
        self.controller = JointTrajectoryController(world.robot.joints, self._position)
        self._command(none, np.array(body.velocity_gain))

    @property
    def now_ns(self) -> int:
        """The caller's clock."""
        return self._simulation.now_ns - self._hidden_ns

    def reset(self, state: FloatArray) -> None:
        """Drive the joints to a state (J,), to rest, controller holding.

        The surroundings are out of the way meanwhile: Gazebo cannot place joints, and a straight
        drive would end at the first wall. The clock stands still, and goes on at a multiple of the
        camera's period.
        """
        position = checked_state(self.world, state)
        shown_ns = self.now_ns
        self._advance(np.zeros_like(position), -shown_ns % self._camera_ns)
        self._move_surroundings(away=True)
        limit_ns = self._simulation.now_ns + nanoseconds(PLACE_LIMIT)
        while np.abs(error := position - self._measure()).max() > PLACED:
            if self._simulation.now_ns > limit_ns:
                raise SimulatorFailed(
                    f'reset to {position}: still {error} away after {PLACE_LIMIT} s'
                )
            self._advance(PLACE_GAIN * error, self._camera_ns)
        self._move_surroundings(away=False)
        self._advance(np.zeros_like(position), self._camera_ns)
        self._hidden_ns = self._simulation.now_ns - (shown_ns + -shown_ns % self._camera_ns)
        self._velocity = np.zeros_like(position)
        self.controller.activate(position)

    def step(self) -> None:
        """Advance by control_step, at the reference's mean velocity over it."""
        now, then = (self.controller.reference(self.now_ns + ns) for ns in (0, self._step_ns))
        velocity = (then.position - now.position) / self.control_step
        self._advance(velocity + self._gain * (now.position - self._position), self._step_ns)

    def joints(self) -> JointSample:
        """The measured joints now."""
        return JointSample(self.now_ns, self._position.copy(), self._velocity.copy())

    def state(self) -> FloatArray:
        """Where the joints are now (J,)."""
        return self._position.copy()

    def render(self, camera: str = '') -> ImageArray:
        """What a camera sees now, (H, W, 3) uint8 rgb; the first one where none is named.

        Raises BadInput between the cameras' images: an older one would carry a wrong stamp.
        """
        if self.now_ns % self._camera_ns:
            raise BadInput(
                f'no image at {seconds(self.now_ns)} s: there is one each '
                f'{seconds(self._camera_ns)} s, so the model step must be a multiple of that'
            )
        return self._simulation.image(camera or self.world.description.cameras[0].name)

    def close(self) -> None:
        """End Gazebo."""
        self._simulation.close()

    def _advance(self, velocity: FloatArray, duration_ns: int) -> None:
        if duration_ns == 0:
            return
        self._command(np.clip(velocity, -self._max_velocity, self._max_velocity))
        self._simulation.advance(duration_ns)
        position = self._measure()
        self._velocity = (position - self._position) / seconds(duration_ns)
        self._position = position

    def _move_surroundings(self, away: bool) -> None:
        if self.world.task.shapes():
            self._simulation.move_surroundings(away)

    def _command(self, velocity: FloatArray, gain: FloatArray | None = None) -> None:
        names = self.world.robot.joints
        gains = None if gain is None else dict(zip(names, gain.tolist(), strict=True))
        self._simulation.command(dict(zip(names, velocity.tolist(), strict=True)), gains)

    def _measure(self) -> FloatArray:
        links = self._simulation.links()
        return np.array([joint.position(links) for joint in self._joints])


def step_ns(camera_rate: float) -> int:
    """The control step: the camera's period, or the least equal part of MIN_STEPS physics steps.

    Raises BadInput for a period that is no whole number of physics steps: images would then lie
    between steps, and some would be missed.
    """
    steps = 1 / camera_rate / PHYSICS_STEP
    if abs(steps - round(steps)) > 1e-6:
        raise BadInput(
            f'camera rate: {camera_rate} Hz is a period of {steps:.3f} physics steps of '
            f'{PHYSICS_STEP} s; Gazebo needs a whole number of them, as at 20 or 25 Hz'
        )
    period = round(steps)
    parts = next(n for n in range(max(1, period // MIN_STEPS), 0, -1) if period % n == 0)
    return period // parts * nanoseconds(PHYSICS_STEP)
