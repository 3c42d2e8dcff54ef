# SPDX-License-Identifier: Apache-2.0
"""Where the model's links and the surroundings are, and what time it is.

Gazebo sends a message each physics step, and while it stands still; one names only what has moved
since the last. It drops messages when many wait, so the last word on a model may be lost: then it
is asked for, which takes a fifth of a second.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from grasp_ros.types import FloatArray
from grasp_ros_gazebo.classic.messages import Messages, stamp_ns
from grasp_ros_gazebo.classic.transport import Transport

GRACE = 0.02  # s after a step's end in which the links' poses should come by themselves
ASK_AGAIN = 1.0  # s between questions


class Poses:
    """Follows one model's links, and the height of another model without joints."""

    def __init__(self, messages: Messages, model: str, still: str):
        self._messages, self._model, self._still = messages, model, still
        # The newest messages, serialized: thousands come a second, and few are ever parsed.
        self._newest = self._of_model = self._of_still = b''
        self._links: dict[str, FloatArray] = {}
        self._links_ns = -1
        self._asked, self._questions, self._waits_since = 0.0, 0, 0.0
        self._asked_ns = -1  # simulated time at the last question

    def open(self, transport: Transport, base: str) -> None:
        """Subscribe; base: the topics' common start."""
        transport.subscribe(f'{base}/pose/local/info', 'gazebo.msgs.PosesStamped', self._on_poses)
        transport.subscribe(f'{base}/response', 'gazebo.msgs.Response', self._on_response)
        self._requests = transport.advertise(f'{base}/request', 'gazebo.msgs.Request')

    @property
    def opened(self) -> bool:
        """Whether messages come, and questions arrive."""
        return bool(self._newest and self._requests.subscribers)

    def links(self) -> dict[str, FloatArray]:
        """The links' 4 x 4 poses in the model, when `known_at` was last true."""
        return self._links

    def known_at(self, time_ns: int) -> bool:
        """Whether the links' poses at Gazebo's `time_ns`, where it stands still, are known."""
        if self._links_ns >= time_ns:
            return True
        if not self._newest or self._stamp(self._newest) < time_ns:
            self._waits_since = 0.0
            return False
        if self._of_model and (stamp := self._stamp(self._of_model)) >= time_ns:
            poses = self._messages['gazebo.msgs.PosesStamped'].FromString(self._of_model).pose
            self._take(((pose.name, pose) for pose in poses), stamp)
            return True
        now = time.monotonic()
        self._waits_since = self._waits_since or now
        if now - self._waits_since > GRACE and now - self._asked > ASK_AGAIN:
            self._asked, self._questions = now, self._questions + 1
            self._asked_ns = self._stamp(self._newest)
            question = self._messages['gazebo.msgs.Request'](
                id=self._questions, request='entity_info', data=self._model
            )
            self._requests.publish(question)
        return False

    def surroundings_at(self, height: float) -> bool:
        """Whether their last known height is `height`, m."""
        poses = self._messages['gazebo.msgs.PosesStamped'].FromString(self._of_still).pose
        return any(p.name == self._still and abs(p.position.z - height) < 1e-6 for p in poses)

    def _on_poses(self, data: bytes) -> None:
        self._newest = data
        if self._model.encode() in data:
            self._of_model = data
        if self._still.encode() in data:
            self._of_still = data

    def _on_response(self, data: bytes) -> None:
        response = self._messages['gazebo.msgs.Response'].FromString(data)
        if response.id == self._questions and response.request == 'entity_info':
            model = self._messages['gazebo.msgs.Model'].FromString(response.serialized_data)
            if model.link:  # else Gazebo has described something else
                links = ((link.name, link.pose) for link in model.link)
                # It may come late: it says no more than where they were when it was asked for.
                self._take(links, self._asked_ns)

    def _take(self, poses: Iterable[tuple[str, Any]], stamp: int) -> None:
        prefix = f'{self._model}::'
        self._links_ns = stamp
        for name, pose in poses:
            if name.startswith(prefix):
                frame, turn = np.eye(4), pose.orientation
                frame[:3, 3] = pose.position.x, pose.position.y, pose.position.z
                frame[:3, :3] = Rotation.from_quat([turn.x, turn.y, turn.z, turn.w]).as_matrix()
                self._links[name.removeprefix(prefix)] = frame

    def _stamp(self, data: bytes) -> int:
        return stamp_ns(self._messages['gazebo.msgs.PosesStamped'].FromString(data).time)
