# SPDX-License-Identifier: Apache-2.0
"""Real nodes in this process. The test is the rest of the robot, and steps the time."""

from __future__ import annotations

import contextlib
import threading
import time

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.parameter_client import AsyncParameterClient
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.signals import SignalHandlerOptions
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from grasp_ros.nodes import messages
from grasp_ros.types import nanoseconds

TIMEOUT = 30.0  # s; long, because other work may keep the machine busy
EVERYTHING = QoSProfile(depth=1000)
LATCHED = QoSProfile(depth=100, durability=DurabilityPolicy.TRANSIENT_LOCAL)
FAR = (-0.2, 0.1)  # 0.3 m from where the gantry starts, in the same aisle of the maze
COMMANDS = 'joint_trajectory_controller/joint_trajectory'


def wait_until(condition, what: str, timeout: float = TIMEOUT) -> None:
    """Return when `condition()` holds; fail when it does not come to hold."""
    until = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < until, f'waited {timeout} s for {what}'
        time.sleep(0.002)


class Peer(Node):
    """A node of the test's own. `heard` holds the messages of each topic it listens to."""

    def __init__(self) -> None:
        super().__init__('peer', use_global_arguments=False)
        self.heard: dict[str, list] = {}

    def listen(self, kind: type, topic: str, qos: QoSProfile = EVERYTHING) -> None:
        """Keep all messages of a topic."""
        self.heard[topic] = []
        self.create_subscription(kind, topic, self.heard[topic].append, qos)

    def call(self, name: str) -> Trigger.Response:
        """The answer of a Trigger service."""
        client = self.create_client(Trigger, name)
        assert client.wait_for_service(TIMEOUT), name
        future = client.call_async(Trigger.Request())
        wait_until(future.done, f'an answer of {name}')
        return future.result()

    def set_parameter(self, node: str, name: str, value) -> tuple[bool, str]:
        """Whether a node took a parameter's value, and why not."""
        client = AsyncParameterClient(self, node)
        assert client.wait_for_services(TIMEOUT)
        future = client.set_parameters([Parameter(name, value=value)])
        wait_until(future.done, f'{name} to be set')
        (result,) = future.result().results
        return result.successful, result.reason


@contextlib.contextmanager
def running(make, arguments: list[str], expect_failure: bool = False):
    """(node, peer, end): the node works in its thread until `end()`, which says if it ended."""
    rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    node, peer, stopping = make(), Peer(), threading.Event()
    executor = SingleThreadedExecutor()
    executor.add_node(peer)

    def listen() -> None:
        with contextlib.suppress(ExternalShutdownException):
            executor.spin()

    broken: list[BaseException] = []

    def work() -> None:
        try:
            node.work(stopping)
        except BaseException as error:
            broken.append(error)

    threads = [
        threading.Thread(target=work),
        threading.Thread(target=listen),
    ]
    for thread in threads:
        thread.start()

    def end(timeout: float = TIMEOUT) -> bool:
        stopping.set()
        threads[0].join(timeout)
        return not threads[0].is_alive()

    try:
        yield node, peer, end
        end()
        if broken and not expect_failure:
            raise broken[0]
    finally:
        # Nodes are destroyed only after the threads that serve them have ended.
        end()
        executor.shutdown()
        threads[1].join(TIMEOUT)
        assert not any(thread.is_alive() for thread in threads)
        node.destroy_node()
        peer.destroy_node()
        rclpy.try_shutdown()


class PlannerRig:
    """A running planner node and a simulated gantry, which moves only in `tick`."""

    def __init__(self, node, peer: Peer, end, gantry, compressed=False):
        self.node, self.peer, self.end, self.gantry = node, peer, end, gantry
        self._applied, self._compressed = 0, compressed
        kind, suffix = (CompressedImage, '/compressed') if compressed else (Image, '')
        self._clock = peer.create_publisher(Clock, '/clock', EVERYTHING)
        self._joints = peer.create_publisher(JointState, 'joint_states', EVERYTHING)
        self._image = peer.create_publisher(kind, f'image{suffix}', EVERYTHING)
        self._goal = peer.create_publisher(kind, f'planner/goal_image{suffix}', EVERYTHING)
        peer.listen(JointTrajectory, 'planner/plan')
        peer.listen(DiagnosticStatus, 'planner/status', LATCHED)
        peer.listen(DiagnosticArray, '/diagnostics')
        self.plans, self.statuses, self.diagnostics = peer.heard.values()
        self.trajectories: list[JointTrajectory] = []
        self.commanded: list[np.ndarray] = []  # by the controller, one a control step
        publishers = (self._clock, self._joints, self._image, self._goal)
        wait_until(lambda: all(p.get_subscription_count() for p in publishers), 'the planner')

    def connect_controller(self) -> None:
        """Listen as the controller does."""
        self.peer.listen(JointTrajectory, COMMANDS)
        self.trajectories = self.peer.heard[COMMANDS]
        wait_until(lambda: self.node.count_subscribers(COMMANDS) == 1, 'the controller to be seen')

    @property
    def now_ns(self) -> int:
        """The time on /clock."""
        return self.gantry.now_ns

    @property
    def counts(self) -> dict[str, str]:
        """The figures of the last ~/status."""
        return {pair.key: pair.value for pair in self.statuses[-1].values} if self.statuses else {}

    def said(self, text: str) -> bool:
        """Whether any ~/status had this text."""
        return any(text in status.message for status in self.statuses)

    def diagnosed(self, text: str) -> bool:
        """Whether the last /diagnostics has this text."""
        return any(text in one.message for a in self.diagnostics[-1:] for one in a.status)

    def wait_for(self, text: str) -> None:
        """Until ~/status says so."""
        wait_until(
            lambda: self.said(text), f'{text!r}; heard {[s.message for s in self.statuses]}'
        )

    def tick(self, seconds: float = 0.2, **joints) -> None:
        """Move the gantry as it was told, show the clock, then the joints."""
        for message in self.trajectories[self._applied :]:
            trajectory = messages.to_trajectory(message)
            refused = self.gantry.controller.accept(trajectory, self.now_ns)
            assert refused is None, refused
        self._applied = len(self.trajectories)
        for _ in range(round(seconds / self.gantry.control_step)):
            self.gantry.step()
            self.commanded.append(self.gantry.controller.reference(self.now_ns).position)
        self.set_clock(self.now_ns)
        self.show_joints(**joints)

    def set_clock(self, now_ns: int) -> None:
        """Publish /clock; returns when the planner has it."""
        self._clock.publish(Clock(clock=messages.to_time(now_ns)))
        wait_until(
            lambda: self.node.get_clock().now().nanoseconds == now_ns, 'the clock to be set'
        )

    def show_joints(self, names=None, position=None) -> None:
        """Publish the gantry's joints, or others."""
        message = messages.from_joints(
            self.gantry.joints(), names or self.gantry.world.robot.joints
        )
        if position is not None:
            message.position, message.velocity = position, []
        self._joints.publish(message)

    def show_image(self, rgb=None, late: float = 0.0, encoding: str = '') -> None:
        """Publish what the camera sees, or something else, stamped `late` s ago (at least 0)."""
        rgb = self.gantry.render() if rgb is None else rgb
        message = self._message(rgb, max(0, self.now_ns - nanoseconds(late)))
        if encoding:
            message.encoding = encoding
        self._image.publish(message)

    def send_goal(self, rgb) -> None:
        """Publish a goal image."""
        self._goal.publish(self._message(rgb, self.now_ns))

    def _message(self, rgb, stamp_ns: int) -> Image | CompressedImage:
        make = messages.from_rgb_compressed if self._compressed else messages.from_rgb
        return make(rgb, stamp_ns, 'camera')

    def view_from(self, position):
        """What the camera would see with the gantry elsewhere; it is put back."""
        here = self.gantry.joints().position
        self.gantry.reset(np.array(position))
        rgb = self.gantry.render()
        self.gantry.reset(here)
        return rgb

    def aim(self, position=FAR) -> PlannerRig:
        """Send the goal image of a position; returns itself when the goal is taken."""
        self.tick()  # without an image, which might be planned from after the next one is shown
        goal = int(self.counts.get('goal', 0)) + 1
        self.send_goal(self.view_from(position))
        wait_until(lambda: self.counts.get('goal') == str(goal), f'goal {goal}')
        return self

    def look(self, seconds: float = 0.2, **image) -> None:
        """A tick, then an image."""
        self.tick(seconds)
        self.show_image(**image)

    def plan(self) -> None:
        """A look, and the plan that comes of it. Returns when all its messages are here."""
        before = int(self.counts.get('plans', 0))
        self.look()
        wait_until(lambda: int(self.counts.get('plans', 0)) > before, 'a plan')
        wait_until(self.heard_all, 'all trajectories and plans to be heard')

    def heard_all(self) -> bool:
        """Whether as many messages arrived as the planner says that it sent."""
        sent = (int(self.counts.get(name, 0)) for name in ('plans', 'trajectories'))
        return (len(self.plans), len(self.trajectories)) == tuple(sent)
