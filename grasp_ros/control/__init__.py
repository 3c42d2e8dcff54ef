# SPDX-License-Identifier: Apache-2.0
"""From plans to safe joint trajectories. No ROS here: times come in as integers of nanoseconds."""
