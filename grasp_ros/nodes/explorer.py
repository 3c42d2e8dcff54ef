# SPDX-License-Identifier: Apache-2.0
"""The explorer as a ROS node: joint states in, trajectories out. It needs no camera."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from rclpy.clock import Clock
from rclpy.clock_type import ClockType
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_srvs.srv import Trigger

from grasp_ros.config import ExplorerNodeConfig
from grasp_ros.control.states import FAULT, HOLDING, WAITING, Verdict
from grasp_ros.exploration.figures import Figures
from grasp_ros.exploration.pilot import EXPLORING, ExplorationPilot
from grasp_ros.nodes import messages, qos
from grasp_ros.nodes.controller import ControllerTopic
from grasp_ros.nodes.given import refuse_empty
from grasp_ros.nodes.parameters import declare, on_change
from grasp_ros.nodes.time import NodeTime
from grasp_ros.nodes.voice import Voice, say
from grasp_ros.observation.clock import ClockWatch
from grasp_ros.types import JointTrajectory

WATCH_PERIOD = 0.25  # s, steady: whether joint states still come
STATUS_EVERY = 4  # watches
LEVELS = {
    WAITING: DiagnosticStatus.WARN,
    EXPLORING: DiagnosticStatus.OK,
    HOLDING: DiagnosticStatus.ERROR,
    FAULT: DiagnosticStatus.ERROR,
}


class ExplorerNode(Node):
    """Moves a robot about when `exploration.execute` is true. arguments: of the process."""

    def __init__(self, arguments: Sequence[str] = ()) -> None:
        refuse_empty(arguments)
        super().__init__('explorer', automatically_declare_parameters_from_overrides=True)
        config = declare(self, ExplorerNodeConfig, arguments)
        self._controller = ControllerTopic(self)
        self._status = self.create_publisher(DiagnosticStatus, '~/status', qos.STATUS)
        self._voice, self._clock_watch = Voice(), ClockWatch()
        self._watches = 0
        self._time = NodeTime(self, self._jump_ns, lambda *_: self._pilot.clock_jumped())
        self._pilot = ExplorationPilot(config, self, self._time.now_ns, time.monotonic_ns)
        on_change(self, ExplorerNodeConfig, self._pilot.reconfigure)
        self.create_subscription(JointState, 'joint_states', self._on_joints, qos.JOINT_STATES)
        self.create_service(Trigger, '~/clear_fault', self._on_clear_fault)
        # Steady: it must also tick when /clock does not.
        self.create_timer(WATCH_PERIOD, self._watch, clock=Clock(clock_type=ClockType.STEADY_TIME))
        self._pilot.activate()

    def work(self, stopping: threading.Event) -> None:
        """Serve callbacks until `stopping`, then bring the robot to rest."""
        executor = SingleThreadedExecutor()
        executor.add_node(self)
        try:
            while not stopping.is_set():
                executor.spin_once(timeout_sec=0.1)
        finally:
            self._pilot.deactivate()
            self._controller.acknowledged()

    # the pilot's outside

    def send(self, trajectory: JointTrajectory) -> None:
        """To the controller."""
        self._controller.send(trajectory)

    def controller(self) -> tuple[str, int, Sequence[str]]:
        """The controller's topic, how many listen to it, and who else publishes on it."""
        return self._controller.state()

    def tell(self, verdict: Verdict, figures: Figures) -> None:
        """~/status when there is news and once a second, and a line on the console."""
        say(self._voice, verdict, self.get_logger())
        if self._voice.news(verdict, 0) or self._watches >= STATUS_EVERY:
            self._watches = 0
            self._status.publish(status(verdict, figures))

    # callbacks

    def _on_joints(self, message: JointState) -> None:
        self._time.watched_now_ns()
        stamp_ns, values = messages.stamp_ns(message), (message.position, message.velocity)
        self._pilot.joints(stamp_ns, message.name, *values)

    def _on_clear_fault(self, _: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        fault = self._pilot.clear_fault()
        response.success = True
        response.message = f'cleared: {fault}' if fault else 'there was no fault'
        return response

    def _watch(self) -> None:
        self._watches += 1
        self._time.watched_now_ns()
        self._pilot.look()

    def _jump_ns(self) -> int:
        return self._clock_watch.look(
            time.monotonic_ns(), self._time.now_ns(), time.monotonic_ns()
        )


def status(verdict: Verdict, figures: Figures) -> DiagnosticStatus:
    """~/status: the state, why, and how the exploration goes."""
    values = {
        'state': verdict.state,
        'steps': figures.steps,
        'blocked': figures.blocks,
        'behind_share': f'{figures.behind_share:.3f}',
        'held_share': f'{figures.held_share:.3f}',
        'covered_share': f'{figures.covered_share:.3f}',
    }
    return DiagnosticStatus(
        name='explorer',
        level=LEVELS[verdict.state],
        message=f'{verdict.state}: {verdict.reason}',
        values=[KeyValue(key=key, value=str(value)) for key, value in values.items()],
    )
