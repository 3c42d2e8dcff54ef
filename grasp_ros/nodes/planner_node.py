# SPDX-License-Identifier: Apache-2.0
"""The planner as a ROS node: callbacks store, one worker plans, the guard has the last word."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from dataclasses import dataclass

import torch
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.clock import Clock, JumpThreshold
from rclpy.clock_type import ClockType
from rclpy.duration import Duration
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory as JointTrajectoryMessage

from grasp_ros.config import PlannerNodeConfig
from grasp_ros.control.gate import Gate
from grasp_ros.control.receding_horizon import RecedingHorizon, Replan
from grasp_ros.control.worker import Worker
from grasp_ros.nodes import messages, qos
from grasp_ros.nodes.parameters import declare, on_change
from grasp_ros.nodes.process import run
from grasp_ros.nodes.status import (
    HOLDING,
    PLANNING,
    REACHED,
    WAITING,
    Statistics,
    diagnostics,
    status,
)
from grasp_ros.observation.joints import JointReader
from grasp_ros.observation.pairing import ObservationBuffer
from grasp_ros.types import (
    BadInput,
    JointSample,
    JointTrajectory,
    Observation,
    Refused,
    nanoseconds,
    seconds,
)
from grasp_ros.world_model.bundle import load_bundle

WATCH_PERIOD = 1.0  # s, steady: /diagnostics, and whether images and time still come
STOP_TIMEOUT = 1.5  # s that a running plan has to end at shutdown


@dataclass(frozen=True)
class Sighting:
    """An image message with the joints at its stamp, not decoded yet. sent_ns: system time."""

    message: Image | CompressedImage
    joints: JointSample
    sent_ns: int

    def observation(self) -> Observation:
        """Decoded. Raises BadInput for an image that cannot be."""
        joints, images = self.joints, {'image': messages.to_rgb(self.message)}
        return Observation(joints.stamp_ns, images, joints.position, joints.velocity)


class PlannerNode(Node):
    """Plans to goal images and sends joint trajectories when `control.execute` is true."""

    def __init__(self) -> None:
        super().__init__('planner', automatically_declare_parameters_from_overrides=True)
        self._config = declare(self, PlannerNodeConfig)
        on_change(self, PlannerNodeConfig, self._reconfigure)
        config = self._config
        torch.set_num_threads(config.model.threads)
        self._bundle = load_bundle(config.model, config.robot)
        if self._bundle.encoder.fell_back:
            wanted, runs = config.model.providers[0], self._bundle.encoder.provider
            self.get_logger().warning(f'the encoder runs on {runs}, not on {wanted}')
        self._gate = Gate(config)
        self._loop = RecedingHorizon(
            self._bundle, config, lambda: self._gate.reference, self._now_ns, time.monotonic_ns
        )
        self._loop.warm_up()
        control, observation = config.control, config.observation
        self._joints = JointReader(config.robot, observation.velocity_margin)
        self._buffer = ObservationBuffer(observation)

        # An image, and when it was sent by the system clock, that waits for its joints.
        self._unpaired: tuple[Image | CompressedImage, int] | None = None
        # Guards the fields below, which callbacks and the worker share.
        self._lock = threading.Lock()
        self._newest: Sighting | None = None
        self._goal: Observation | None = None
        self._goal_number = 0  # a plan for an older goal is never published
        self._goal_taken = 0  # the goal that the worker plans to
        self._due_ns = 0  # no new plan before this
        self._watched_ns: deque[int] = deque(maxlen=3)  # the clock at the last watches
        self._state, self._reason = WAITING, 'no image yet'
        self._statistics = Statistics()
        self._last: Replan | None = None

        self._worker: Worker[Sighting] = Worker(self._plan, self._planner_failed)
        self._connect()
        self.get_logger().info(
            f'{self._bundle.path.name} on {self._bundle.device}, encoder on '
            f'{self._bundle.encoder.provider}, {config.planner.algorithm}, '
            + (
                'executing'
                if control.execute
                else 'shadow mode: nothing is sent to the controller'
            )
        )

    def _connect(self) -> None:
        compressed = self._config.observation.image_transport == 'compressed'
        kind = CompressedImage if compressed else Image
        suffix = '/compressed' if compressed else ''
        self.create_subscription(kind, f'image{suffix}', self._on_image, qos.CAMERA)
        self.create_subscription(JointState, 'joint_states', self._on_joints, qos.JOINT_STATES)
        self.create_subscription(kind, f'~/goal_image{suffix}', self._on_goal_image, qos.COMMAND)
        self.create_service(Trigger, '~/teach_goal', self._on_teach_goal)
        self.create_service(Trigger, '~/cancel', self._on_cancel)
        self.create_service(Trigger, '~/clear_fault', self._on_clear_fault)
        message = JointTrajectoryMessage
        self._trajectory_pub = self.create_publisher(message, '~/joint_trajectory', qos.COMMAND)
        self._plan_pub = self.create_publisher(message, '~/plan', qos.COMMAND)
        self._status_pub = self.create_publisher(DiagnosticStatus, '~/status', qos.STATUS)
        self._diagnostics_pub = self.create_publisher(
            DiagnosticArray, '/diagnostics', qos.DIAGNOSTICS
        )
        # Steady: it must also tick when /clock does not.
        self.create_timer(WATCH_PERIOD, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))
        threshold = JumpThreshold(
            min_forward=None, min_backward=Duration(nanoseconds=-1), on_clock_change=True
        )
        self._jump = self.get_clock().create_jump_callback(threshold, post_callback=self._on_jump)

    def work(self, stopping: threading.Event) -> None:
        """Serve callbacks until `stopping`, then bring the robot to rest and end the worker."""
        executor = SingleThreadedExecutor()
        executor.add_node(self)
        while not stopping.is_set():
            executor.spin_once(timeout_sec=0.1)
        with self._lock:
            self._drop_goal()
            self._stop_robot()
        if not self._worker.stop(STOP_TIMEOUT):
            self.get_logger().error(f'the planner did not end within {STOP_TIMEOUT} s')

    # callbacks: store and return

    def _on_joints(self, message: JointState) -> None:
        try:
            stamp = messages.stamp_ns(message)
            sample = self._joints.read(stamp, message.name, message.position, message.velocity)
        except BadInput as error:
            self._refuse('joints', str(error))
            return
        self._buffer.add_joints(sample)
        with self._lock:
            self._gate.observe(sample)
            now_ns = self._now_ns()
            if self._gate.following is not None and not self._gate.reference.rests(now_ns):
                self._stop_robot()
        self._pair()

    def _on_image(self, message: Image | CompressedImage, info: MessageInfo) -> None:
        stamp = messages.stamp_ns(message)
        if (refused := self._buffer.check_stamp(stamp, self._now_ns())) is not None:
            self._refuse('image', refused.reason)
            return
        if self._unpaired is not None:  # its joints did not come in time
            missing = self._buffer.joints_at(messages.stamp_ns(self._unpaired[0]))
            assert isinstance(missing, Refused)
            self._refuse('image', missing.reason)
        self._unpaired = (message, info['source_timestamp'])
        self._pair()

    def _pair(self) -> None:
        """Plan from the newest image as soon as the joints at its stamp are known.

        Its joints may come after it: under load an executor serves a queue of joint states later.
        """
        if self._unpaired is None:
            return
        message, sent_ns = self._unpaired
        stamp = messages.stamp_ns(message)
        joints = self._buffer.joints_at(stamp)
        if isinstance(joints, Refused):
            return
        self._unpaired = None
        sighting = Sighting(message, joints, sent_ns)
        with self._lock:
            self._newest = sighting
            if self._goal is None:
                self._say(WAITING, 'no goal')
                return
            if stamp < self._due_ns:
                return
            self._due_ns = stamp + nanoseconds(self._config.control.replan_period)
        self._worker.put(sighting)

    def _on_goal_image(self, message: Image | CompressedImage) -> None:
        try:
            images = {'image': messages.to_rgb(message)}
            goal = Observation.pictured(images, len(self._config.robot.joints))
            self._bundle.check(goal)
        except BadInput as error:
            self.get_logger().error(f'goal refused, the old one stays: {error}')
            self._statistics.counts['goals_refused'] += 1
            self._publish_status()
            return
        self._set_goal(goal)

    def _on_teach_goal(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        newest, now_ns = self._newest, self._now_ns()
        try:
            if newest is None:
                raise BadInput('no image has come yet')
            age = seconds(now_ns - messages.stamp_ns(newest.message))
            if age > self._config.observation.max_age:
                raise BadInput(f'the newest image is {age:.2f} s old')
            goal = newest.observation()
            self._bundle.check(goal)
        except BadInput as error:
            response.success, response.message = False, str(error)
            return response
        self._set_goal(goal)
        response.success, response.message = True, f'goal {self._goal_number}: what is seen now'
        return response

    def _on_cancel(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        with self._lock:
            response.success = self._goal is not None
            response.message = 'goal dropped' if response.success else 'there was no goal'
            self._drop_goal()
            self._stop_robot()
            self._say(WAITING, 'no goal')
        return response

    def _on_clear_fault(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        """A person says that the robot stands where it is measured, and is held there."""
        with self._lock:
            self._joints.clear()
            self._buffer.clear()
            self._gate.clear()
        response.success, response.message = True, 'measured anew'
        return response

    def _on_jump(self, _: object) -> None:
        """The clock jumped back: whatever was stamped or planned before it means nothing now."""
        self.get_logger().warning('the clock jumped back: observations, goal and plan are dropped')
        with self._lock:
            self._buffer.clear()
            self._joints.clear()
            self._loop.clear()
            self._gate.clear()
            self._drop_goal()
            self._newest, self._unpaired, self._due_ns = None, None, 0
            self._say(WAITING, 'the clock jumped back')

    def _watch(self) -> None:
        newest, now_ns = self._newest, self._now_ns()
        self._watched_ns.append(now_ns)
        with self._lock:
            if now_ns <= 0:
                self._say(WAITING, 'no /clock')
            elif newest is None:
                self._say(WAITING, 'no image yet')
            elif now_ns - messages.stamp_ns(newest.message) > nanoseconds(
                self._config.observation.max_age
            ):
                age = seconds(now_ns - messages.stamp_ns(newest.message))
                self._say(WAITING, f'no usable image for {age:.1f} s')
            elif self._watched_ns.count(now_ns) == self._watched_ns.maxlen:
                # A simulation that is paused, or has died.
                self._say(WAITING, 'the clock stands still')
        stamp = self.get_clock().now()
        current = self._status()
        name = self.get_fully_qualified_name()
        array = diagnostics(stamp, name, current, self._statistics, self._bundle)
        self._diagnostics_pub.publish(array)

    # the worker thread

    def _plan(self, sighting: Sighting) -> None:
        with self._lock:
            goal, number = self._goal, self._goal_number
        if goal is None:
            return
        if number != self._goal_taken:
            self._loop.set_goal(goal)
            self._goal_taken = number
        observation = sighting.observation()
        replan = self._loop.replan(observation)
        if isinstance(replan, Refused):
            self._refuse('planner', replan.reason)
            return
        with self._lock:
            if number != self._goal_number:
                return
            self._last = replan
            self._send(replan, observation)
        # Both on the system clock: the image's DDS source timestamp and now.
        spent_ms = (time.time_ns() - sighting.sent_ns - replan.plan_ns - replan.encode_ns) / 1e6
        self._statistics.add(replan, spent_ms)
        self._plan_pub.publish(messages.from_trajectory(self._loop.preview(replan)))
        self._publish_status()

    def _send(self, replan: Replan, observation: Observation) -> None:
        """Publish the trajectory, or say why not. Called with the lock held."""
        if replan.reached:
            self._say(REACHED, f'latent distance {replan.distance:.3f}', publish=False)
            return
        if not self._config.control.execute:
            self._say(PLANNING, 'shadow mode', publish=False)
            return
        if self._trajectory_pub.get_subscription_count() == 0:
            topic = self._trajectory_pub.topic_name
            self._say(WAITING, f'no controller subscribes to {topic}', publish=False)
            return
        message = self._gate.admit(
            replan.trajectory, replan.generation, observation.stamp_ns, self._now_ns()
        )
        if isinstance(message, Refused):
            late = message.reason == 'late'
            self._statistics.counts['overruns' if late else 'guard_refused'] += 1
            if not late:
                self._say(HOLDING, message.reason, publish=False)
            return
        self._publish_trajectory(message)
        self._say(PLANNING, '', publish=False)

    def _planner_failed(self, error: Exception) -> None:
        self._statistics.counts['failures'] += 1
        with self._lock:
            self._say(HOLDING, f'{type(error).__name__}: {error}')

    # helpers

    def _set_goal(self, goal: Observation) -> None:
        with self._lock:
            self._goal, self._due_ns = goal, 0
            self._goal_number += 1
            self._last = None
            self._gate.begin()
            self._say(PLANNING, f'goal {self._goal_number}')

    def _drop_goal(self) -> None:
        """Called with the lock held."""
        self._goal = None
        self._goal_number += 1

    def _stop_robot(self) -> None:
        """Called with the lock held."""
        if (trajectory := self._gate.stop(self._now_ns())) is not None:
            self._publish_trajectory(trajectory)

    def _publish_trajectory(self, trajectory: JointTrajectory) -> None:
        self._trajectory_pub.publish(messages.from_trajectory(trajectory))
        self._gate.sent(trajectory, self._now_ns())
        self._statistics.counts['trajectories'] += 1

    def _refuse(self, what: str, reason: str) -> None:
        """Count and tell an input that was refused; the robot's last trajectory ends at rest."""
        self._statistics.refused[what] += 1
        with self._lock:
            self._say(WAITING, f'{what}: {reason}')

    def _say(self, state: str, reason: str, publish: bool = True) -> None:
        """Change the state; a change is logged once. Called with the lock held."""
        if (state, reason) == (self._state, self._reason):
            return
        if state != self._state and state in (WAITING, HOLDING):
            self.get_logger().warning(f'{state}: {reason}')
        elif state != self._state:
            self.get_logger().info(f'{state} {reason}')
        self._state, self._reason = state, reason
        if publish:
            self._publish_status()

    def _status(self) -> DiagnosticStatus:
        return status(self._state, self._reason, self._goal_number, self._last, self._statistics)

    def _publish_status(self) -> None:
        self._status_pub.publish(self._status())

    def _reconfigure(self, config: PlannerNodeConfig) -> None:
        with self._lock:
            stopping = self._config.control.execute and not config.control.execute
            self._config = config
            self._gate.begin()
            if stopping:
                self._stop_robot()

    def _now_ns(self) -> int:
        return int(self.get_clock().now().nanoseconds)


def main(arguments: list[str] | None = None) -> int:
    """Run the node until SIGINT or SIGTERM; the exit code of nodes.process.run."""
    return run(PlannerNode, PlannerNode.work, arguments)


if __name__ == '__main__':
    sys.exit(main())
