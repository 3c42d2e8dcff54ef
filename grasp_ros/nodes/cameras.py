# SPDX-License-Identifier: Apache-2.0
"""The image topics: which there are, how their messages become pictures, and why one is silent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from rclpy.node import Node
from rclpy.subscription import MessageInfo
from sensor_msgs.msg import CompressedImage, Image

from grasp_ros.config import ObservationConfig
from grasp_ros.nodes import messages, qos
from grasp_ros.types import BadInput, ImageArray
from grasp_ros.world_model.bundle import Bundle
from grasp_ros.world_model.inputs import cameras

OnImage = Callable[[str, messages.AnyImage, MessageInfo], None]
SUFFIX = {'raw': '', 'compressed': '/compressed'}
KIND: dict[str, type] = {'raw': Image, 'compressed': CompressedImage}


class Cameras:
    """One camera for each picture that the bundle's encoder takes; its name is its topic."""

    def __init__(self, node: Node, config: ObservationConfig, bundle: Bundle):
        self._node, self._bundle, self._transport = node, bundle, config.image_transport
        self._sizes = {
            name: (one.source_height, one.source_width)
            for name, one in cameras(bundle.manifest.inputs).items()
        }

    @property
    def names(self) -> list[str]:
        """The cameras' names."""
        return list(self._sizes)

    def connect(self, on_image: OnImage, on_goal_image: OnImage) -> None:
        """Listen to NAME and to ~/goal_NAME for each camera."""
        kind, suffix = KIND[self._transport], SUFFIX[self._transport]
        for name in self._sizes:
            image, goal = partial(on_image, name), partial(on_goal_image, name)
            self._node.create_subscription(kind, name + suffix, image, qos.CAMERA)
            self._node.create_subscription(kind, f'~/goal_{name}{suffix}', goal, qos.COMMAND)

    def decode(self, name: str, message: messages.AnyImage) -> ImageArray:
        """The rgb image (H, W, 3). Raises BadInput; a wrong size is seen before decoding."""
        height, width = messages.size(message)
        expected = self._sizes[name]
        if (height, width) != expected:
            raise BadInput(
                f'{name} is {width}x{height}, the bundle {self._bundle.path.name} was trained on '
                f'{expected[1]}x{expected[0]}'
            )
        return messages.to_rgb(message)

    def silent(self, name: str) -> str:
        """What is known of a camera from which nothing has come."""
        other = 'compressed' if self._transport == 'raw' else 'raw'
        topic = self._node.resolve_topic_name(name + SUFFIX[self._transport])
        count = self._node.count_publishers(topic)
        kind = KIND[self._transport].__name__
        text = f'no image on {topic} (sensor_msgs/{kind}): {count} publishers'
        if count == 0 and self._node.count_publishers(name + SUFFIX[other]):
            return f'{text}; {other} ones are there: observation.image_transport: {other}'
        if count == 0 and other == 'compressed':
            return f'{text}; compressed images come by observation.image_transport: compressed'
        return text
