# SPDX-License-Identifier: Apache-2.0
"""The robots and worlds of grasp_ros in Gazebo, built from the same descriptions as in MuJoCo."""
