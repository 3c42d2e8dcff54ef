# SPDX-License-Identifier: Apache-2.0
"""gz-sim, ros2_control and the planner together: goals are reached, and everything ends clean.

Runs where ROS and gz-sim are installed: under `colcon test`, or by `launch_test` with this file.
"""

import os
import time
import unittest

import launch_testing
import numpy as np
import pytest
import rclpy
from builtin_interfaces.msg import Duration
from diagnostic_msgs.msg import DiagnosticStatus
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
from launch_testing.actions import ReadyToTest
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import Image, JointState
from std_srvs.srv import Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from grasp_ros.control.states import REACHED
from grasp_ros.nodes import messages, qos
from grasp_ros.sim.geometry import Geometry
from grasp_ros.sim.worlds import load_world

WORLD = os.environ.get('GRASP_ROS_TEST_WORLD', 'maze')
AWAY = 0.2  # of a joint's range, from the start to each goal
INSIDE = 0.02  # of a joint's range, between goals and its ends
CLEARANCE = 0.008  # m, between the robot and all else on the way to a goal
SLOW = 0.3  # of a joint's speed limit, on the way to where a goal's picture is taken
START_UP, MOVE = 120.0, 60.0  # s of real time, on a slow machine


@pytest.mark.launch_test
def generate_test_description():
    package = FindPackageShare('grasp_ros_gazebo')
    source = PathJoinSubstitution([package, 'launch', 'gazebo.launch.py'])
    gazebo = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(source),
        launch_arguments={'world': WORLD, 'headless': 'true', 'execute': 'true'}.items(),
    )
    return LaunchDescription([gazebo, ReadyToTest()])


class TestGoals(unittest.TestCase):
    """Goal images are taken by driving there through the controller, without the planner."""

    @classmethod
    def setUpClass(cls):
        rclpy.init()

    @classmethod
    def tearDownClass(cls):
        rclpy.shutdown()

    def setUp(self):
        self.image, self.position, self.status = None, None, {}
        self.world = load_world(WORLD)
        self.joints = list(self.world.robot.joints)
        self.node = rclpy.create_node('gazebo_test')
        self.executor = SingleThreadedExecutor()
        self.executor.add_node(self.node)
        node = self.node
        node.create_subscription(Image, 'image', self.on_image, qos.CAMERA)
        node.create_subscription(JointState, 'joint_states', self.on_joints, qos.JOINT_STATES)
        node.create_subscription(
            DiagnosticStatus, 'planner/status', self.on_status, qos.DIAGNOSTICS
        )
        topic = 'joint_trajectory_controller/joint_trajectory'
        self.command = node.create_publisher(JointTrajectory, topic, qos.COMMAND)
        self.goal = node.create_publisher(Image, 'planner/goal_image', qos.COMMAND)
        self.cancel = node.create_client(Trigger, 'planner/cancel')

    def tearDown(self):
        self.executor.shutdown()
        self.node.destroy_node()

    def on_image(self, message):
        self.image = message

    def on_joints(self, message):
        values = dict(zip(message.name, message.position, strict=True))
        self.position = np.array([values[name] for name in self.joints])

    def on_status(self, message):
        self.status = {pair.key: pair.value for pair in message.values}

    def wait(self, done, limit, what):
        until = time.monotonic() + limit
        while not done():
            self.assertLess(time.monotonic(), until, f'{what}; status {self.status}')
            self.executor.spin_once(timeout_sec=0.05)

    def end_planning(self):
        """Two must not drive at once: the planner goes back to a goal that it has reached."""
        done = self.cancel.call_async(Trigger.Request()).done
        self.wait(done, MOVE, 'the planner to drop its goal')

    def drive(self, position):
        """Through the controller alone; returns an image from the end."""
        begin = self.position
        speed = SLOW * np.array(self.world.robot.max_velocity)
        seconds = 1 + int((np.abs(position - begin) / speed).max())
        point = JointTrajectoryPoint(
            positions=position.tolist(), velocities=[0.0] * len(self.joints)
        )
        point.time_from_start = Duration(sec=seconds)
        self.command.publish(JointTrajectory(joint_names=self.joints, points=[point]))
        near = lambda: np.abs(self.position - position).max() < 2e-3  # noqa: E731
        self.wait(near, MOVE, f'the controller to reach {position}')
        stamp = messages.stamp_ns(self.image)
        self.wait(lambda: messages.stamp_ns(self.image) > stamp + 2e8, MOVE, 'the robot to rest')
        return self.image

    def test_goals_are_reached(self):
        connected = lambda: (  # noqa: E731
            self.command.get_subscription_count() >= 1
            and self.goal.get_subscription_count() == 1
            and self.cancel.service_is_ready()
            and self.image is not None
            and self.position is not None
        )
        self.wait(connected, START_UP, 'camera, joints, controller and planner')
        start, task, geometry = self.position, self.world.task, Geometry(self.world, CLEARANCE)
        low, high = (
            np.array(getattr(self.world.robot, f'position_{end}')) for end in ('min', 'max')
        )
        steps = AWAY * np.concatenate([np.diag(high - low), np.diag(low - high)])
        free = [
            start + step
            for step in steps
            if not any(geometry.near(start + x * step, CLEARANCE) for x in np.linspace(0, 1, 50))
            and (np.abs(start + step - (low + high) / 2) < (0.5 - INSIDE) * (high - low)).all()
        ]
        self.assertTrue(free)
        for goal in free[:2]:
            self.end_planning()
            image = self.drive(goal)
            self.drive(start)
            number = int(self.status.get('goal', '0'))
            self.goal.publish(image)
            self.wait(lambda n=number: int(self.status.get('goal', '0')) > n, MOVE, 'the goal')
            self.wait(lambda: self.status.get('state') == REACHED, MOVE, f'the goal {goal}')
            self.assertLess(task.error(self.position, goal), task.tolerance)
            self.assertGreater(int(self.status['trajectories']), 0)


@launch_testing.post_shutdown_test()
class TestEnd(unittest.TestCase):
    def test_the_planner_ends_clean(self, proc_info):
        name = next(name for name in proc_info.process_names() if 'planner' in name)
        launch_testing.asserts.assertExitCodes(proc_info, process=name)
