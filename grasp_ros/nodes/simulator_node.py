# SPDX-License-Identifier: Apache-2.0
"""The simulated robot as a ROS node: clock, camera, joint states, joint trajectory controller."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from grasp_ros.config import SimulatorNodeConfig
from grasp_ros.nodes import messages, qos
from grasp_ros.nodes.parameters import declare, on_change
from grasp_ros.nodes.process import run
from grasp_ros.sim.interface import SimulatorFailed, make_robot
from grasp_ros.sim.worlds import load_world
from grasp_ros.types import BadInput, FloatArray, JointSample, nanoseconds

# s; a simulation further behind real time gives up catching up: at many times the real speed after
# a stall, commands would come later than they ever do to a robot.
MAX_LAG = 0.03


class SimulatorNode(Node):
    """Publishes /clock, joint_states and every camera's images; follows joint trajectories.

    A camera NAME has the topics NAME and NAME/compressed, and is drawn while someone listens.
    `~/state` is the world's truth: the robot's joints and those of the task's objects, and
    `~/reference` what the controller commands, both for whoever judges. `~/reset` places them at
    the parameter `simulator.start`; its answer is the stamp, in ns, of the first observation after
    the reset.
    """

    def __init__(self) -> None:
        super().__init__('simulator', automatically_declare_parameters_from_overrides=True)
        self._config = declare(self, SimulatorNodeConfig)
        on_change(self, SimulatorNodeConfig, self._reconfigure)
        sim = self._config.simulator
        world = self._world = load_world(sim.world)
        self._first_start = world.task.sample(1, 0)[0].start
        self._robot = make_robot(sim.engine, world, sim.real_time_factor)
        self._robot.reset(self._start())
        self._step_ns = nanoseconds(self._robot.control_step)
        self._joints_ns = nanoseconds(1 / world.description.body.joint_rate)
        self._clock_pub = self.create_publisher(Clock, '/clock', qos.SIMULATED)
        self._joints_pub = self.create_publisher(JointState, 'joint_states', qos.SIMULATED)
        self._state_pub = self.create_publisher(JointState, '~/state', qos.SIMULATED)
        self._reference_pub = self.create_publisher(JointState, '~/reference', qos.SIMULATED)
        self._camera_pubs = [
            (
                camera,
                self.create_publisher(Image, camera.name, qos.SIMULATED),
                self.create_publisher(CompressedImage, f'{camera.name}/compressed', qos.SIMULATED),
            )
            for camera in world.description.cameras
        ]
        self.create_subscription(
            JointTrajectory,
            'joint_trajectory_controller/joint_trajectory',
            self._on_trajectory,
            qos.COMMAND,
        )
        self.create_service(Trigger, '~/reset', self._on_reset)
        self.get_logger().info(
            f'world {world.name} in {sim.engine} at real-time factor {sim.real_time_factor}'
        )

    def work(self, stopping: threading.Event) -> None:
        """Step the simulation in real time and serve callbacks in between, until `stopping`."""
        executor = SingleThreadedExecutor()
        executor.add_node(self)
        period = self._robot.control_step / self._config.simulator.real_time_factor
        due = time.monotonic()
        try:
            while not stopping.is_set():
                self._robot.step()
                self._publish()
                due = max(due + period, time.monotonic() - MAX_LAG)
                while (left := due - time.monotonic()) > 0:
                    executor.spin_once(timeout_sec=left)
                executor.spin_once(timeout_sec=0)
        finally:
            self._robot.close()

    def _publish(self) -> None:
        now_ns = self._robot.now_ns
        self._clock_pub.publish(Clock(clock=messages.to_time(now_ns)))
        if self._reference_pub.get_subscription_count():
            motion = self._robot.controller.reference(now_ns)
            told = JointSample(now_ns, motion.position, motion.velocity)
            self._reference_pub.publish(messages.from_joints(told, self._world.robot.joints))
        if now_ns % self._joints_ns < self._step_ns:
            joints = self._robot.joints()
            self._joints_pub.publish(messages.from_joints(joints, self._world.robot.joints))
            self._publish_state(now_ns)
        for camera, raw, compressed in self._camera_pubs:
            if now_ns % nanoseconds(1 / camera.rate) >= self._step_ns:
                continue
            packed = compressed.get_subscription_count()
            if packed or raw.get_subscription_count():
                rgb = self._robot.render(camera.name)
                raw.publish(messages.from_rgb(rgb, now_ns, camera.frame))
                if packed:
                    png = messages.from_rgb_compressed(rgb, now_ns, camera.frame)
                    compressed.publish(png)

    def _publish_state(self, now_ns: int) -> None:
        message = JointState(name=list(self._world.states))
        message.header.stamp = messages.to_time(now_ns)
        message.position = self._robot.state().tolist()
        self._state_pub.publish(message)

    def _start(self) -> FloatArray:
        given = self._config.simulator.start
        return np.array(given) if given else self._first_start

    def _on_trajectory(self, message: JointTrajectory) -> None:
        try:
            reason = self._robot.controller.accept(
                messages.to_trajectory(message), self._robot.now_ns
            )
        except BadInput as error:
            reason = str(error)
        if reason is not None:
            self.get_logger().error(f'joint trajectory rejected: {reason}')

    def _on_reset(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            self._robot.reset(self._start())
            response.success, response.message = True, str(self._robot.now_ns + 1)
        except BadInput as error:
            response.success, response.message = False, str(error)
        return response

    def _reconfigure(self, config: SimulatorNodeConfig) -> None:
        self._config = config


def main(arguments: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; the exit code of nodes.process.run."""
    return run(SimulatorNode, SimulatorNode.work, arguments, (SimulatorFailed,))


if __name__ == '__main__':
    sys.exit(main())
