# SPDX-License-Identifier: Apache-2.0
"""Planners over a world model: one algorithm a file, one verb: plan."""
