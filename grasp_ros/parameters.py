# SPDX-License-Identifier: Apache-2.0
"""Parameters as dataclass fields: documented, checked, read from ROS parameter files.

A parameter's dotted name is the path to its field: PlannerNodeConfig.control.execute is
`control.execute` in YAML. Classes may have a method `broken_rules() -> list[str]` for what no
single range can state.
"""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import yaml

from grasp_ros.types import BadInput

Config = TypeVar('Config')
REQUIRED = object()


@dataclass(frozen=True)
class Parameter:
    """One row of the table: a list of values, or one value, of any of the types `kinds`."""

    name: str
    is_list: bool
    kinds: tuple[type, ...]
    default: Any
    description: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[Any, ...]
    dynamic: bool


def param(
    default: Any,
    description: str,
    unit: str = '',
    low: float | None = None,
    high: float | None = None,
    choices: tuple[Any, ...] = (),
    dynamic: bool = False,
) -> Any:
    """A dataclass field with its documentation and its range (both ends included)."""
    metadata = dict(
        description=description, unit=unit, low=low, high=high, choices=choices, dynamic=dynamic
    )
    if default is REQUIRED:
        return field(metadata=metadata)
    return field(default=default, metadata=metadata)


def groups(configs: Mapping[str, type]) -> Callable[[Config], Config]:
    """Adds to a config class, before it becomes a dataclass, a field of each config by name."""

    def add(cls: Config) -> Config:
        for name, config in configs.items():
            cls.__annotations__[name] = config
            setattr(cls, name, field(default_factory=config))
        return cls

    return add


def parameters(cls: type, prefix: str = '') -> Iterator[Parameter]:
    """Every parameter of a config class, depth first, with its dotted name."""
    hints = get_type_hints(cls)
    for entry in dataclasses.fields(cls):
        kind, name = hints[entry.name], prefix + entry.name
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            yield from parameters(kind, f'{name}.')
            continue
        default = REQUIRED if entry.default is dataclasses.MISSING else entry.default
        is_list = get_origin(kind) is tuple
        # tuple[X, ...] -> X; X | Y -> both; X -> X
        kinds = get_args(kind)[:1] if is_list else get_args(kind) or (kind,)
        yield Parameter(name, is_list, kinds, default, **entry.metadata)


def build(cls: type[Config], values: Mapping[str, Any]) -> Config:
    """A config from {dotted name: value}; raises BadInput listing every broken rule."""
    table = {parameter.name: parameter for parameter in parameters(cls)}
    errors = [f'{name}: no such parameter' for name in values if name not in table]
    checked: dict[str, Any] = {}
    for name, parameter in table.items():
        value = values.get(name, parameter.default)
        if value is REQUIRED:
            errors.append(f'{name}: missing, and it has no default')
            continue
        try:
            checked[name] = _checked(parameter, value)
        except BadInput as error:
            errors.append(str(error))
    if not errors:
        config = _assemble(cls, checked, '')
        errors = config.broken_rules() if hasattr(config, 'broken_rules') else []
        if not errors:
            return config
    raise BadInput('bad parameters:\n  ' + '\n  '.join(errors))


def read_parameter_file(path: str | Path) -> dict[str, Any]:
    """{dotted name: value} of a ROS parameter file with one node key, or `/**`."""
    try:
        document = yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f'{path}: cannot be read as YAML: {error}') from error
    try:
        (node,) = document.values()
        return dict(_flatten(node['ros__parameters'], ''))
    except (AttributeError, ValueError, KeyError, TypeError) as error:
        expected = 'one node key (or /**) with ros__parameters below it'
        raise BadInput(f'{path}: expected {expected}') from error


def _flatten(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f'{prefix}{key}.')
        else:
            yield prefix + key, value


def _checked(parameter: Parameter, value: Any) -> Any:
    if not parameter.is_list:
        return _checked_one(parameter, value)
    if isinstance(value, str) or not hasattr(value, '__iter__'):
        raise BadInput(f'{parameter.name}: {value!r} is not a list')
    return tuple(_checked_one(parameter, entry) for entry in value)


def _checked_one(parameter: Parameter, value: Any) -> Any:
    name, kinds = parameter.name, parameter.kinds
    if float in kinds and type(value) is int:
        # People write `rate: 10`. A whole number may also be too large for a float.
        value = float(value) if abs(value) < sys.float_info.max else math.inf
    if type(value) not in kinds:
        expected = ' or '.join(kind.__name__ for kind in kinds)
        raise BadInput(f'{name}: {value!r} is {type(value).__name__}, not {expected}')
    if parameter.choices and value not in parameter.choices:
        raise BadInput(f'{name}: {value!r} is not one of {list(parameter.choices)}')
    if isinstance(value, (int, float)):
        if isinstance(value, float) and not math.isfinite(value):
            raise BadInput(f'{name}: {value} is not finite')
        if parameter.low is not None and value < parameter.low:
            raise BadInput(f'{name}: {value} is below {parameter.low}')
        if parameter.high is not None and value > parameter.high:
            raise BadInput(f'{name}: {value} is above {parameter.high}')
    return value


def _assemble(cls: type[Config], values: Mapping[str, Any], prefix: str) -> Config:
    hints = get_type_hints(cls)
    arguments = {
        entry.name: _assemble(hints[entry.name], values, f'{prefix}{entry.name}.')
        if dataclasses.is_dataclass(hints[entry.name])
        else values[prefix + entry.name]
        for entry in dataclasses.fields(cls)  # type: ignore[arg-type]
    }
    return cls(**arguments)
