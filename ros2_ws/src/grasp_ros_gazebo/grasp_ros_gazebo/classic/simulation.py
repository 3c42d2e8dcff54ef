# SPDX-License-Identifier: Apache-2.0
"""A Gazebo 11 that stands still until it is told to take steps."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from grasp_ros.sim.interface import SimulatorFailed
from grasp_ros.types import FloatArray, ImageArray
from grasp_ros_gazebo import sdf
from grasp_ros_gazebo.classic.ignition import JointCommands
from grasp_ros_gazebo.classic.messages import Messages, stamp_ns
from grasp_ros_gazebo.classic.poses import Poses
from grasp_ros_gazebo.classic.server import Server
from grasp_ros_gazebo.classic.targets import JointTargets
from grasp_ros_gazebo.classic.transport import Disconnected, Publisher, Transport

START_UP = 60.0  # s that Gazebo gets to load the world and to offer its topics
ANSWER = 2.0  # s that a new connection gets for its first message, before another is tried
STALL = 60.0  # s without an answer to a step before Gazebo is given up; it may be paused a while
END = 2.0  # s from a lost connection to the end of the process, if that is why
CHECK = 0.2  # s between looks whether it lives
ASK_AGAIN = 0.5  # s between requests to move the surroundings
IDLE = 0.02  # s between looks whether it has loaded the world
AWAY = -10.0  # m, height of surroundings that are out of the way: what hangs over a robot, too


class Simulation:
    """A world with one moving model, cameras, and surroundings that can be moved away.

    world, model: their names in the world file; cameras: their model/link/sensor, by name.
    step_ns: physics step; camera_ns: period of all cameras. now_ns: simulated time; images are of
    its multiples of the camera period.
    """

    def __init__(
        self,
        root: Path,
        world_file: str,
        world: str,
        model: str,
        cameras: Mapping[str, str],
        step_ns: int,
        camera_ns: int,
    ):
        self._messages = Messages(root)
        self._world, self._model, self._cameras = world, model, dict(cameras)
        self._step_ns, self._camera_ns = step_ns, camera_ns
        self.now_ns = self._phase_ns = 0
        self._phases: dict[str, int] = {}  # how long after such a multiple each camera looks
        self._poses = Poses(self._messages, model, sdf.SURROUNDINGS)
        self._frames: dict[str, bytes] = {}  # the newest images, serialized
        self._server = Server(root, world_file)
        self._commands = JointCommands(self._server.partition, model, self._messages)
        self._targets = JointTargets(self._server.partition, model, self._messages)
        self._transport: Transport | None = None
        try:
            # Gazebo subscribes to the joints when the world is loaded; a client that came to its
            # master before that may be ignored for ever.
            self._until(self._loaded, START_UP, 'the world to load')
            self._connect()
        except BaseException:
            self.close()
            raise

    def command(self, velocities: dict[str, float], gains: dict[str, float] | None = None) -> None:
        """Drive joints at velocities, m/s or rad/s; gains, once sent, are kept."""
        if not self._commands.connected():
            self._lost('Gazebo no longer listens to joint commands')
        scoped = {f'{self._model}::{joint}': velocity for joint, velocity in velocities.items()}
        for joint, velocity in velocities.items():
            gain = None if gains is None else gains[joint]
            self._commands.velocity(f'{self._model}::{joint}', velocity, gain)
        # Commands and steps travel on different sockets: a step must not overtake them.
        deadline = time.monotonic() + STALL
        for joint, velocity in scoped.items():
            while self._targets.velocity(joint, CHECK) != velocity:
                self._check(deadline, 'a joint command to arrive')

    def advance(self, duration_ns: int) -> None:
        """Run for `duration_ns`, and wait for the poses at its end and each camera's image."""
        self._take_steps(duration_ns)
        self._until(lambda: self._at_rest() and self._seen(), STALL, 'a step to end')

    def links(self) -> dict[str, FloatArray]:
        """The 4 x 4 poses of the model's links in the model, now."""
        return self._poses.links()

    def image(self, camera: str) -> ImageArray:
        """A camera's newest image, (H, W, 3) uint8 rgb: from the last multiple of the period."""
        image = self._messages['gazebo.msgs.ImageStamped'].FromString(self._frames[camera]).image
        pixels = np.frombuffer(image.data, np.uint8).reshape(image.height, image.step)
        return pixels[:, : 3 * image.width].reshape(image.height, image.width, 3).copy()

    def move_surroundings(self, away: bool) -> None:
        """Move all that stands around the robot far down, or back."""
        height = AWAY if away else 0.0
        model = self._messages['gazebo.msgs.Model'](name=sdf.SURROUNDINGS)
        model.pose.position.x = model.pose.position.y = 0.0
        model.pose.position.z = height
        turn = model.pose.orientation
        turn.x = turn.y = turn.z = 0.0
        turn.w = 1.0
        sent = 0.0

        def moved() -> bool:
            nonlocal sent
            # The word that they moved may be lost; then they are moved there again.
            if time.monotonic() - sent > ASK_AGAIN:
                sent = time.monotonic()
                self._publish(self._modify, model)
            return self._poses.surroundings_at(height)

        self._until(moved, STALL, 'the surroundings to move')

    def close(self) -> None:
        """End Gazebo."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None
        self._commands.close()
        self._targets.close()
        self._server.stop()

    def _connect(self) -> None:
        """Subscribe, and take the first steps; anew when the master ignores the connection."""
        deadline = time.monotonic() + START_UP
        while True:
            try:
                self._transport = transport = Transport(self._server.port, self._messages)
                self._open_topics(transport)
                self._until(self._heard, ANSWER, 'the first message')
                break
            except (OSError, SimulatorFailed) as error:
                if not self._server.alive() or time.monotonic() > deadline:
                    raise SimulatorFailed(f'Gazebo does not answer: {error}') from error
                if self._transport is not None:
                    self._transport.close()
                    self._transport = None
        # Images are sent only once a camera knows of the subscription, which nothing tells.
        while self._frames.keys() != self._cameras.keys():
            self._take_steps(self._camera_ns)
            self._until(self._at_rest, STALL, 'the first steps to end')
            transport.poll(CHECK)
            if time.monotonic() > deadline:
                self._fail(f'no image for {START_UP:.0f} s')
        # A camera may have started a step late, and keeps to that; the last one sets the clock.
        self._phases = {name: self._frame_ns(name) % self._camera_ns for name in self._cameras}
        self._phase_ns = max(self._phases.values())
        self.now_ns -= self._phase_ns
        if rest_ns := -self.now_ns % self._camera_ns:
            self.advance(rest_ns)

    def _open_topics(self, transport: Transport) -> None:
        base = f'/gazebo/{self._world}'
        self._control = transport.advertise(f'{base}/world_control', 'gazebo.msgs.WorldControl')
        self._modify = transport.advertise(f'{base}/model/modify', 'gazebo.msgs.Model')
        for name, camera in self._cameras.items():
            seen = partial(self._frames.__setitem__, name)
            transport.subscribe(f'{base}/{camera}/image', 'gazebo.msgs.ImageStamped', seen)
        self._poses.open(transport, base)

    def _loaded(self) -> bool:
        return self._commands.connected() and self._targets.found()

    def _heard(self) -> bool:
        publishers = (self._control, self._modify)
        return self._poses.opened and all(publisher.subscribers for publisher in publishers)

    def _take_steps(self, duration_ns: int) -> None:
        control = self._messages['gazebo.msgs.WorldControl'](
            pause=True, multi_step=duration_ns // self._step_ns
        )
        self.now_ns += duration_ns
        self._publish(self._control, control)

    def _at_rest(self) -> bool:
        """Whether the last step's end is known; Gazebo counts in floating point."""
        return self._poses.known_at(self.now_ns + self._phase_ns - self._step_ns // 2)

    def _seen(self) -> bool:
        """Whether the cameras' last images are there."""
        frame_ns = self.now_ns - self.now_ns % self._camera_ns
        return all(self._frame_ns(name) >= frame_ns + at for name, at in self._phases.items())

    def _frame_ns(self, camera: str) -> int:
        """The newest image's stamp on Gazebo's clock, to a physics step."""
        message = self._messages['gazebo.msgs.ImageStamped'].FromString(self._frames[camera])
        return round(stamp_ns(message.time) / self._step_ns) * self._step_ns

    def _publish(self, publisher: Publisher, message: Any) -> None:
        try:
            publisher.publish(message)
        except Disconnected as error:
            self._lost(str(error))

    def _until(self, done: Callable[[], bool], limit: float, what: str) -> None:
        """Handle messages until `done`; raises SimulatorFailed when that cannot be any more."""
        deadline = time.monotonic() + limit
        while not done():
            self._check(deadline, what)
            if self._transport is None:
                time.sleep(IDLE)
                continue
            try:
                self._transport.poll(CHECK)
            except Disconnected as error:
                self._lost(str(error))

    def _check(self, deadline: float, what: str) -> None:
        """Raise SimulatorFailed when Gazebo has ended, or has had its time."""
        if not self._server.alive():
            self._fail('gzserver has ended')
        if time.monotonic() > deadline:
            self._fail(f'waited too long for {what}')

    def _lost(self, why: str) -> NoReturn:
        # A process's connections end before it does.
        self._fail('gzserver has ended' if self._server.ends_within(END) else why)

    def _fail(self, why: str) -> NoReturn:
        raise SimulatorFailed(f'{why}; its last words:\n{self._server.log()}')
