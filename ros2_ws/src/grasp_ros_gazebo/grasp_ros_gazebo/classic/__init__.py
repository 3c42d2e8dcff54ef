# SPDX-License-Identifier: Apache-2.0
"""Gazebo 11, stepped from Python over its own transport: no ROS and no C++ plugin between."""
