# SPDX-License-Identifier: Apache-2.0
"""The config table as ROS parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from grasp_ros.config import known_names
from grasp_ros.parameters import REQUIRED, build, parameters
from grasp_ros.types import BadInput

Config = TypeVar('Config')


OWN = {name.split('.')[0] for name in known_names()}


def declare(node: Node, cls: type[Config]) -> Config:
    """Declare all parameters of `cls` and return them; raises BadInput naming value and rule.

    The node must be made with automatically_declare_parameters_from_overrides, so that misspelt
    names are seen. Types are checked here and not by rclpy: `rate: 10` is taken for 10.0,
    `horizon` may be a word or a number, and messages are those of a file read without ROS.
    """
    values: dict[str, Any] = {}
    for row in parameters(cls):
        text = f'{row.description} [{row.unit}]' if row.unit else row.description
        descriptor = ParameterDescriptor(
            name=row.name, description=text, read_only=not row.dynamic, dynamic_typing=True
        )
        if node.has_parameter(row.name):
            node.set_descriptor(row.name, descriptor)
            values[row.name] = node.get_parameter(row.name).value
        elif row.default is not REQUIRED:
            default = list(row.default) if isinstance(row.default, tuple) else row.default
            values[row.name] = node.declare_parameter(row.name, default, descriptor).value
    given = set(node.get_parameters_by_prefix(''))
    if typos := [n for n in sorted(given - known_names()) if n.split('.')[0] in OWN]:
        raise BadInput(f'no such parameters: {typos}')
    return build(cls, values)


def on_change(node: Node, cls: type[Config], apply: Callable[[Config], None]) -> None:
    """Check every change of dynamic parameters by the table's rules, then `apply` the whole."""
    names = [row.name for row in parameters(cls)]

    def merged(changes: list[Parameter]) -> Config:
        values = {name: node.get_parameter(name).value for name in names}
        values.update({change.name: change.value for change in changes if change.name in values})
        return build(cls, values)

    def check(changes: list[Parameter]) -> SetParametersResult:
        try:
            merged(changes)
        except BadInput as error:
            return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    node.add_on_set_parameters_callback(check)
    node.add_post_set_parameters_callback(lambda changes: apply(merged([])))
