# SPDX-License-Identifier: Apache-2.0
"""The robot: its limits, what a model's action means to it, and its controller."""
