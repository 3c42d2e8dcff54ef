# SPDX-License-Identifier: Apache-2.0
"""The parameters in a process' arguments, read without ROS.

ROS drops without a word what it cannot use: a value of another type than a file before it gave,
an empty list, a file that holds no parameters, a value on the command line when a file names the
node. A robot must not run with another value than the one that was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from grasp_ros.types import BadInput

WORDS = {True: ('true', 'yes', 'y', 'on'), False: ('false', 'no', 'n', 'off')}


def given(arguments: Sequence[str], node: str) -> dict[str, Any]:
    """{dotted name: value} for a node (its full name) in the order of the arguments, last wins.

    Raises BadInput for empty lists and for files that hold no parameters of nodes.
    """
    values: dict[str, Any] = {}
    for pattern, name, value in _rules(arguments):
        if _matches(pattern, node):
            values[name] = value
    return values


def refuse_empty(arguments: Sequence[str]) -> None:
    """Raises BadInput where rclpy would end with a traceback, or where nothing would be read."""
    for _, name, value in _rules(arguments):
        if value == []:
            raise BadInput(f'{name}: [] is empty, and ROS drops empty lists')


def same(wanted: Any, seen: Any) -> bool:
    """Whether ROS made of a value what YAML makes of it; 1 is 1.0, 1e3 is 1000.0, on is true."""
    if isinstance(wanted, list):
        values = list(seen) if hasattr(seen, '__iter__') and not isinstance(seen, str) else None
        return (
            values is not None
            and len(values) == len(wanted)
            and all(same(one, other) for one, other in zip(wanted, values, strict=True))
        )
    if isinstance(seen, bool):
        return wanted is seen or (isinstance(wanted, str) and wanted.lower() in WORDS[seen])
    if isinstance(wanted, bool):
        return False
    if isinstance(seen, (int, float)) and isinstance(wanted, (int, float, str)):
        try:
            return float(wanted) == float(seen) or (wanted != wanted and seen != seen)
        except (ValueError, OverflowError):
            return False
    return bool(wanted == seen) or str(wanted) == seen


def _rules(arguments: Sequence[str]) -> Iterator[tuple[str, str, Any]]:
    """(pattern of node names, parameter, value) of all arguments."""
    inside, words = False, iter(arguments)
    for word in words:
        if word == '--ros-args':
            inside = True
        elif word == '--':
            inside = False
        elif inside and word == '--params-file':
            yield from _file(next(words, ''))
        elif inside and word in ('-p', '--param'):
            yield from _assignment(next(words, ''))


def _assignment(text: str) -> Iterator[tuple[str, str, Any]]:
    target, _, value = text.partition(':=')
    node, _, name = target.rpartition(':')
    try:
        yield node or '/**', name, yaml.safe_load(value)
    except yaml.YAMLError:
        yield node or '/**', name, value


def _file(path: str) -> Iterator[tuple[str, str, Any]]:
    try:
        document = yaml.safe_load(Path(path).read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise BadInput(f'{path}: cannot be read as YAML: {error}') from error
    if document is None:
        return
    rules = list(_sections(document, '')) if isinstance(document, Mapping) else []
    if not rules and document:
        raise BadInput(f'{path}: expected node keys (or /**) with ros__parameters below them')
    yield from rules


def _sections(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, str, Any]]:
    for key, value in tree.items():
        if not isinstance(value, Mapping):
            continue
        if key == 'ros__parameters':
            for name, one in _flat(value, ''):
                yield prefix, name, one
        else:
            yield from _sections(value, f'{prefix.rstrip("/")}/{str(key).lstrip("/")}')


def _flat(tree: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f'{prefix}{key}.')
        else:
            yield f'{prefix}{key}', value


def _matches(pattern: str, node: str) -> bool:
    """Whether a node's full name fits: * is one part of it, ** any number of them."""
    parts = [part for part in pattern.split('/') if part]
    text = ''.join(
        '(/[^/]+)*' if part == '**' else '/[^/]+' if part == '*' else f'/{re.escape(part)}'
        for part in parts
    )
    return re.fullmatch(text, node) is not None
