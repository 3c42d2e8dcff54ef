# SPDX-License-Identifier: Apache-2.0
"""Gazebo 11's protobuf messages, from the descriptors that root.create compiled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from grasp_ros.types import NS
from grasp_ros_gazebo.classic.root import DESCRIPTORS


class Messages:
    """The message classes by their full names: messages['gazebo.msgs.Packet']."""

    def __init__(self, root: Path):
        self._classes: dict[str, Any] = {}
        for name in ('gazebo', 'ignition'):
            data = (root / DESCRIPTORS / f'{name}.pb').read_bytes()
            files = descriptor_pb2.FileDescriptorSet.FromString(data).file
            pool = descriptor_pool.DescriptorPool()
            for file in files:
                pool.Add(file)
            names = [file.name for file in files]
            self._classes |= message_factory.GetMessageClassesForFiles(names, pool)

    def __getitem__(self, name: str) -> Any:
        return self._classes[name]


def stamp_ns(time: Any) -> int:
    """A Time message as integer ns."""
    return int(time.sec) * NS + int(time.nsec)
