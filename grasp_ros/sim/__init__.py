# SPDX-License-Identifier: Apache-2.0
"""The MuJoCo robot and its controller; the planner never imports this folder."""
