# SPDX-License-Identifier: Apache-2.0
"""Runs episodes over ROS: resets the simulator, sends the goal image, watches what happens."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory

from grasp_ros.bench.episodes import PERIOD, Episode, arrival
from grasp_ros.bench.motion import MotionChecker
from grasp_ros.config import ObservationConfig
from grasp_ros.control.states import PLANNING, REACHED
from grasp_ros.nodes import messages, qos
from grasp_ros.robot.limits import Limits
from grasp_ros.sim.tasks import Problem
from grasp_ros.sim.worlds import World
from grasp_ros.types import NS, FloatArray, nanoseconds, seconds

START_UP = 60.0  # s of real time that nodes and services get to appear
ANSWER = 20.0  # s of real time that a service or a message gets
ARRIVED = 0.3  # simulated s in which messages reach the planner, on a busy machine too
TOGETHER_NS = nanoseconds(ObservationConfig().max_skew)  # between the pictures of one goal
HELD = 1.0  # simulated s in which the planner brings a robot that was placed to a hold
SETTLE = 0.5  # simulated s from the planner's word that the goal is reached to the judgement
SLOWEST, EXTRA = 3.0, 10.0  # an episode ends after SLOWEST x the shortest time + EXTRA s


class EpisodeRunner(Node):
    """Drives the nodes `simulator` and `planner` through whole episodes.

    now_ns, state (S,) and status are the newest of /clock, simulator/state and planner/status.
    cameras: which of the world's cameras each of the planner's is; of these are the goals'
    pictures. taught: goals are not pictures, but what the planner itself observes there, joints
    too. check is called all the time while something is waited for; what it raises ends the wait.
    """

    def __init__(
        self,
        world: World,
        cameras: Mapping[str, str],
        taught: bool = False,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__('episode_runner')
        self._world = world
        self._taught = taught
        self._check = check
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self)
        self.now_ns = 0
        self._images: dict[str, Image] = {}  # by the planner's name of the camera
        self.state: FloatArray | None = None
        self.status: dict[str, str] = {}
        self._plan: FloatArray | None = None
        self._timings: list[dict[str, str]] = []
        self._path: list[tuple[int, FloatArray, FloatArray | None]] = []
        self._motion = self._checker()
        self.create_subscription(Clock, '/clock', self._on_clock, qos.CAMERA)
        for name, camera in cameras.items():
            seen = partial(self._images.__setitem__, name)
            self.create_subscription(Image, camera, seen, qos.CAMERA)
        self.create_subscription(JointState, 'simulator/state', self._on_state, qos.JOINT_STATES)
        self.create_subscription(
            JointState, 'simulator/reference', self._on_reference, qos.JOINT_STATES
        )
        self.create_subscription(
            DiagnosticStatus, 'planner/status', self._on_status, qos.DIAGNOSTICS
        )
        self.create_subscription(JointTrajectory, 'planner/plan', self._on_plan, qos.COMMAND)
        self._goal_pubs = {
            name: self.create_publisher(Image, f'planner/goal_{name}', qos.COMMAND)
            for name in cameras
        }
        self._set_start: Any = self.create_client(SetParameters, 'simulator/set_parameters')
        self._set_execute: Any = self.create_client(SetParameters, 'planner/set_parameters')
        self._reset: Any = self.create_client(Trigger, 'simulator/reset')
        self._cancel: Any = self.create_client(Trigger, 'planner/cancel')
        self._clear_fault: Any = self.create_client(Trigger, 'planner/clear_fault')
        self._teach_goal: Any = self.create_client(Trigger, 'planner/teach_goal')

    def wait_for_nodes(self) -> None:
        """Return when both nodes answer."""
        self._images.clear()
        services = [self._set_start, self._reset, self._cancel, self._clear_fault]
        if self._taught:
            services.append(self._set_execute)

        def missing() -> list[str]:
            silent = [service.srv_name for service in services if not service.service_is_ready()]
            for name, publisher in self._goal_pubs.items():
                if not publisher.get_subscription_count():
                    silent.append(f'a subscription to {publisher.topic_name}')
                if name not in self._images:
                    silent.append(f'a picture of {name}')
            return silent

        try:
            self.wait(lambda: not missing(), START_UP, 'the simulator and the planner to start')
        except TimeoutError as error:
            raise TimeoutError(f'{error}; missing: {", ".join(missing())}') from None

    def run(self, problem: Problem) -> Episode:
        """One episode; the goal image is what the camera sees with all at the goal."""
        self._call(self._cancel, Trigger.Request())
        goal = self.place(problem.goal)
        if self._taught:
            # Between a reset and the planner's sight of it, what it sends means another place.
            self.execute(False)
            self.teach_goal()
            self.place(problem.start)
            away = lambda: self.status.get('state') != REACHED  # noqa: E731
            self.wait(away, ANSWER, 'the planner to see that the robot is no longer at the goal')
            self.execute(True)
        else:
            self._hold(self.place(problem.start))
        self._timings, self._path, self._plan = [], [], None
        self._motion = self._checker()
        begin_ns = self.now_ns
        if not self._taught:
            self.send_goal(goal)
        limit = SLOWEST * problem.shortest_time + EXTRA

        def over() -> bool:
            reached = self.status.get('state') == REACHED
            return reached or seconds(self.now_ns - begin_ns) > limit

        # Real time counts only against a simulation that stands still.
        self.wait(over, 100 * limit, 'the episode to end')
        reached, end_ns = self.status.get('state') == REACHED, self.now_ns
        self.wait(lambda: seconds(self.now_ns - end_ns) > SETTLE, ANSWER, 'the robot to rest')
        assert self.state is not None
        task = self._world.task
        error = task.error(self.state, problem.goal)
        tool, wanted = task.tool_position(np.stack([self.state, problem.goal]))

        def timings(name: str) -> list[float]:
            return [float(status[name]) for status in self._timings]

        path = np.stack([state for _, state, _ in self._path])
        ended = seconds(self.now_ns - begin_ns)
        return Episode(
            start=problem.start,
            goal=problem.goal,
            shortest_time=problem.shortest_time,
            error=error,
            tool_error=float(np.linalg.norm(tool - wanted)),
            success=error <= task.tolerance,
            reached=reached,
            duration=seconds(end_ns - begin_ns),
            arrival=arrival(
                [*(task.error(state, problem.goal) for _, state, _ in self._path), error],
                [*(seconds(stamp - begin_ns) for stamp, _, _ in self._path), ended],
                task.tolerance,
            ),
            contact=float(task.touches(path).mean()),
            speed=self._motion.worst_speed,
            acceleration=self._motion.worst_acceleration,
            violations=list(self._motion.violations),
            plan_ms=timings('plan_ms'),
            encode_ms=timings('encode_ms'),
            overhead_ms=timings('overhead_ms'),
            goal_images={name: messages.to_rgb(image) for name, image in goal.items()},
            path=path,
            plans=[plan for _, _, plan in self._path],
        )

    def _hold(self, images: Mapping[str, Image]) -> None:
        """Have the planner hold the robot where the images show it.

        It knows nothing of what the controller tells a robot that was placed by hand, and brings
        it to a hold first. A goal after another does not begin with that; nor do episodes.
        """
        self.send_goal(images)
        begin_ns = self.now_ns
        held = lambda: seconds(self.now_ns - begin_ns) > HELD  # noqa: E731
        self.wait(held, 100 * HELD, 'the robot to be held at the start')

    def send_goal(self, images: Mapping[str, Image]) -> None:
        """Return when the planner has taken the goal."""
        before = int(self.status.get('goal', '0'))
        for name, image in images.items():
            self._goal_pubs[name].publish(image)
        taken = lambda: int(self.status.get('goal', '0')) > before  # noqa: E731
        self.wait(taken, ANSWER, 'the goal to be taken')

    def teach_goal(self) -> None:
        """Return when the planner has taken what it observes now for its goal."""
        taught = lambda: self._call(self._teach_goal, Trigger.Request()).success  # noqa: E731
        self.wait(taught, ANSWER, 'the goal to be taught')

    def execute(self, execute: bool) -> None:
        """Whether the planner may move the robot."""
        value = ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=execute)
        self._set(self._set_execute, 'control.execute', value)

    def place(self, state: FloatArray) -> dict[str, Image]:
        """Place all by the simulator's reset; returns the first images after it."""
        value = ParameterValue(
            type=ParameterType.PARAMETER_DOUBLE_ARRAY, double_array_value=state.tolist()
        )
        self._set(self._set_start, 'simulator.start', value)
        answer = self._call(self._reset, Trigger.Request())
        if not answer.success:
            raise RuntimeError(f'reset to {state}: {answer.message}')
        after_ns = int(answer.message)

        def seen() -> bool:
            stamps = [messages.stamp_ns(one) for one in self._images.values()]
            images = min(stamps) >= max(after_ns, max(stamps) - TOGETHER_NS)
            # What the planner was sent before the reset is no longer on its way then.
            return images and self.now_ns >= after_ns + nanoseconds(ARRIVED)

        self.wait(seen, ANSWER, 'images of one moment after the reset')
        images = dict(self._images)
        # No robot jumps like this: the planner takes it for a fault until somebody says otherwise.
        self._call(self._clear_fault, Trigger.Request())
        return images

    def _set(self, client: Any, name: str, value: ParameterValue) -> None:
        request = SetParameters.Request(parameters=[Parameter(name=name, value=value)])
        (result,) = self._call(client, request).results
        if not result.successful:
            raise RuntimeError(f'{name}: {result.reason}')

    def _call(self, client: Any, request: Any) -> Any:
        future = client.call_async(request)
        self.wait(future.done, ANSWER, f'an answer of {client.srv_name}')
        return future.result()

    def wait(self, done: Callable[[], bool], timeout: float, what: str) -> None:
        """Serve callbacks until `done`; TimeoutError names `what` after `timeout` real s."""
        until = time.monotonic() + timeout
        while not done():
            self._check()
            if time.monotonic() > until:
                raise TimeoutError(
                    f'waited {timeout:.0f} s for {what}; planner status: {self.status}'
                )
            self._executor.spin_once(timeout_sec=0.05)

    def _on_clock(self, message: Clock) -> None:
        self.now_ns = message.clock.sec * NS + message.clock.nanosec

    def _on_state(self, message: JointState) -> None:
        self.state = np.array(message.position)
        stamp = messages.stamp_ns(message)
        if not self._path or stamp >= self._path[-1][0] + nanoseconds(PERIOD):
            self._path.append((stamp, self.state, self._plan))

    def _on_reference(self, message: JointState) -> None:
        self._motion.see(np.array(message.position), messages.stamp_ns(message))

    def _checker(self) -> MotionChecker:
        robot = self._world.robot
        return MotionChecker(Limits.of(robot), np.array(robot.tracking_tolerance))

    def _on_status(self, message: DiagnosticStatus) -> None:
        status = {pair.key: pair.value for pair in message.values}
        fresh = status.get('plans') != self.status.get('plans')
        self.status = status
        if fresh and status.get('overhead_ms') and status.get('state') == PLANNING:
            self._timings.append(status)

    def _on_plan(self, message: JointTrajectory) -> None:
        plan = messages.to_trajectory(message)
        order = [plan.joints.index(name) for name in self._world.robot.joints]
        self._plan = plan.positions[:, order]
