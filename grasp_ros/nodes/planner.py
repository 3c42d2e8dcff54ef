# SPDX-License-Identifier: Apache-2.0
"""The planner as a ROS node: messages in and out. What they lead to is the pilot's work."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import torch
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from grasp_ros.config import PlannerNodeConfig
from grasp_ros.control.pilot import Pilot
from grasp_ros.control.worker import Worker
from grasp_ros.nodes import messages, qos
from grasp_ros.nodes.cameras import Cameras
from grasp_ros.nodes.given import refuse_empty
from grasp_ros.nodes.outlet import Outlet
from grasp_ros.nodes.parameters import declare, on_change
from grasp_ros.nodes.time import NodeTime
from grasp_ros.observation.goal_pictures import GoalPictures
from grasp_ros.observation.pairing import Pairing
from grasp_ros.types import BadInput, Observation, Refused, nanoseconds
from grasp_ros.world_model.bundle import load_bundle

WATCH_PERIOD = 0.25  # s, steady: whether images, time and planner still go on
DIAGNOSTICS_EVERY = 4  # watches
STOP_TIMEOUT = 1.5  # s that a running plan has to end at shutdown


class PlannerNode(Node):
    """Plans to goal images and sends joint trajectories when `control.execute` is true.

    arguments: those of the process, to see whether ROS lost one of the parameters in them.
    """

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        refuse_empty(arguments)
        super().__init__('planner', automatically_declare_parameters_from_overrides=True)
        self.configure(declare(self, PlannerNodeConfig, arguments))
        on_change(self, PlannerNodeConfig, self._pilot.reconfigure)
        self.activate()

    def configure(self, config: PlannerNodeConfig) -> None:
        """Load and try the world model, and connect the topics. Raises BadInput."""
        self._config = config
        torch.set_num_threads(config.model.threads)
        self._bundle = load_bundle(config.model, config.robot)
        self._out = Outlet(self)
        self._time = NodeTime(self, lambda: self._pilot.jump_ns(), self._forget)
        latest_ns = self._time.latest_ns
        self._pilot = Pilot(self._bundle, config, self._out, latest_ns, time.monotonic_ns)
        self._cameras = Cameras(self, config.observation, self._bundle)
        self._pairing: Pairing[messages.AnyImage] = Pairing(
            config.observation,
            config.robot,
            self._cameras.names,
            self._cameras.decode,
            config.control.replan_period,
        )
        max_skew_ns = nanoseconds(config.observation.max_skew)
        self._goal_pictures = GoalPictures(self._cameras.names, max_skew_ns, self._out.note)
        self._sent_ns = 0  # when the newest image was sent, by the system clock
        self._watches = 0
        self._worker: Worker[tuple[Observation, int]] = Worker(self._plan, self._pilot.failed)
        self._connect()

    def activate(self) -> None:
        """From now on the robot may be moved."""
        bundle, config = self._bundle, self._config
        if bundle.encoder.fell_back:
            wanted, runs = config.model.providers[0], bundle.encoder.provider
            self.get_logger().warning(f'the encoder runs on {runs}, not on {wanted}')
        shadow = 'shadow mode: nothing is sent to the controller'
        self.get_logger().info(
            f'{bundle.path.name} on {bundle.device}, encoder on {bundle.encoder.provider}, '
            f'{config.planner.algorithm}, {"executing" if config.control.execute else shadow}'
        )
        self._time.watched_now_ns()
        self._pilot.look(self._lacking())
        self._pilot.activate()

    def deactivate(self) -> None:
        """Bring the robot to rest; returns when the controller has been told."""
        self._pilot.deactivate()
        self._out.acknowledged()

    def work(self, stopping: threading.Event) -> None:
        """Serve callbacks until `stopping`, then bring the robot to rest and end the worker."""
        executor = SingleThreadedExecutor()
        executor.add_node(self)
        try:
            while not stopping.is_set():
                executor.spin_once(timeout_sec=0.1)
        finally:
            self.deactivate()
            if not self._worker.stop(STOP_TIMEOUT):
                self.get_logger().error(f'the planner did not end within {STOP_TIMEOUT} s')

    def _connect(self) -> None:
        self._cameras.connect(self._on_image, self._on_goal_image)
        self.create_subscription(JointState, 'joint_states', self._on_joints, qos.JOINT_STATES)
        self.create_service(Trigger, '~/teach_goal', self._on_teach_goal)
        self.create_service(Trigger, '~/cancel', self._on_cancel)
        self.create_service(Trigger, '~/clear_fault', self._on_clear_fault)
        # Steady: it must also tick when /clock does not.
        self.create_timer(WATCH_PERIOD, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))

    # callbacks: store and return

    def _on_joints(self, message: JointState) -> None:
        now_ns = self._time.watched_now_ns()
        stamp_ns, values = messages.stamp_ns(message), (message.position, message.velocity)
        sample = self._pairing.add_joints(stamp_ns, message.name, *values, now_ns)
        if sample is not None:
            self._pilot.joints(sample)
            self._pair(now_ns)

    def _on_image(self, camera: str, message: messages.AnyImage, info: MessageInfo) -> None:
        now_ns, stamp_ns = self._time.watched_now_ns(), messages.stamp_ns(message)
        refused = self._pairing.add_image(camera, stamp_ns, message, now_ns)
        if refused is not None:
            self._pilot.seen(refused, self._lacking())
            return
        self._sent_ns = info['source_timestamp']
        self._pair(now_ns)

    def _pair(self, now_ns: int) -> None:
        """Plan from the newest images as soon as the joints at their stamp are known."""
        seen = self._pairing.take(now_ns)
        if seen is not None:
            self._pilot.seen(seen, self._lacking())
        if isinstance(seen, Observation):
            self._worker.put((seen, self._sent_ns))

    def _on_goal_image(self, camera: str, message: messages.AnyImage, _: MessageInfo) -> None:
        try:
            rgb = self._cameras.decode(camera, message)
        except BadInput as error:
            self._goal_pictures.clear()
            self._pilot.refuse_goal(str(error))
            return
        goal = self._goal_pictures.add(camera, messages.stamp_ns(message), rgb)
        if isinstance(goal, Refused):
            self._pilot.refuse_goal(goal.reason)
        elif goal is not None:
            self._aim(Observation.pictured(goal, len(self._config.robot.joints)))

    def _on_teach_goal(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        newest, lacking = self._pairing.newest, self._lacking()
        if newest is None or lacking is not None:
            response.message = 'no image yet' if lacking is None else lacking.reason
            return response
        self._goal_pictures.clear()
        response.success = True
        response.message = f'goal {self._aim(newest)}: what is seen now'
        return response

    def _on_cancel(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._goal_pictures.clear()
        response.success = self._pilot.cancel()
        response.message = 'goal dropped' if response.success else 'there was no goal'
        return response

    def _on_clear_fault(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        self._pairing.forgive(self._time.now_ns())
        fault = self._pilot.clear_fault()
        response.success = True
        response.message = 'there was no fault' if fault is None else f'cleared: {fault}'
        return response

    def _forget(self, what: str, other_clock: bool) -> None:
        """Whatever was stamped or planned before means nothing now."""
        self._out.note(f'{what}: observations, goal and plan are dropped')
        self._pairing.clear()
        self._goal_pictures.clear()
        self._pilot.forget(what, other_clock)

    def _watch(self) -> None:
        if self._worker.died is not None:
            raise RuntimeError('the planner thread has died') from self._worker.died
        self._time.watched_now_ns()
        self._pilot.look(self._lacking())
        if self._watches % DIAGNOSTICS_EVERY == 0:
            with self._pilot.lock:
                self._out.diagnostics(self._bundle)
        self._watches += 1

    # the worker thread

    def _plan(self, item: tuple[Observation, int]) -> None:
        observation, sent_ns = item
        replan = self._pilot.plan(observation, sent_ns)
        if self._pilot.impatient:
            self._pairing.hurry()
        if replan is not None and self._out.plan_is_watched():
            self._out.plan(self._pilot.preview(replan))

    # helpers

    def _aim(self, goal: Observation) -> int:
        self._pairing.hurry()
        return self._pilot.aim(goal)

    def _lacking(self) -> Refused | None:
        return self._pairing.lacking(self._time.now_ns(), self._cameras.silent)
