# SPDX-License-Identifier: Apache-2.0
"""The config table as ROS parameters."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from grasp_ros.config import known_names
from grasp_ros.nodes.given import given, same
from grasp_ros.parameters import REQUIRED, build, parameters
from grasp_ros.types import BadInput

Config = TypeVar('Config')
NEAR = 0.8  # names more alike than this are taken for typing errors


def declare(node: Node, cls: type[Config], arguments: Sequence[str] = ()) -> Config:
    """Declare all parameters of `cls` and return them; raises BadInput naming value and rule.

    The node must be made with automatically_declare_parameters_from_overrides, so that misspelt
    names are seen. Types are checked here and not by rclpy: `rate: 10` is taken for 10.0,
    `horizon` may be a word or a number, and messages are those of a file read without ROS.
    arguments: of the process; a value in them that ROS lost is refused.
    """
    values: dict[str, Any] = {}
    asked = given(arguments, node.get_fully_qualified_name())
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
    _refuse_typos(set(node.get_parameters_by_prefix('')))
    lost = {
        name: value
        for name, value in asked.items()
        if name in values and not same(value, values[name])
    }
    build(cls, {**values, **lost})  # says what is wrong with a value, where something is
    for name, value in lost.items():
        raise BadInput(
            f'{name}: {value!r} is asked for, and ROS takes {values[name]!r}: another file gives '
            'it in another type, or for this node by name'
        )
    return build(cls, values)


def _refuse_typos(names: set[str]) -> None:
    """A parameter file may be meant for other nodes, too, but not with names so near to ours."""
    known = known_names()
    for name in sorted(names - known):
        near = difflib.get_close_matches(name, known, n=1, cutoff=NEAR)
        if near or name.split('.')[0] in {one.split('.')[0] for one in known}:
            meant = f'; {near[0]} is one' if near else ''
            raise BadInput(f'{name}: no such parameter{meant}')


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
