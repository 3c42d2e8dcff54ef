# SPDX-License-Identifier: Apache-2.0
"""Images and joints to observations: one set of pictures, the joints at its stamp, newest wins."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import numpy as np

from grasp_ros.config import ObservationConfig, RobotConfig
from grasp_ros.observation.history import JointHistory
from grasp_ros.observation.joints import JointReader
from grasp_ros.observation.still import Frozen, Watch
from grasp_ros.types import (
    BadInput,
    ImageArray,
    JointSample,
    Observation,
    Refused,
    nanoseconds,
    seconds,
)

WAITING = 4  # images kept a camera, until their joints and the other cameras' images come
Message = TypeVar('Message')


class Pairing(Generic[Message]):
    """What the robot sees now, or why it cannot be said.

    Image messages wait undecoded. decode(camera, message) gives the rgb image (H, W, 3) or raises
    BadInput; it is called for at most one set of images in `period` s, the newest that is
    complete, so that a fast camera costs no more than a slow one.
    """

    def __init__(
        self,
        config: ObservationConfig,
        robot: RobotConfig,
        cameras: Sequence[str],
        decode: Callable[[str, Message], ImageArray],
        period: float,
    ):
        self._max_age_ns = nanoseconds(config.max_age)
        self._max_skew_ns = nanoseconds(config.max_skew)
        self._max_future_ns = nanoseconds(config.max_future)
        self._period_ns = nanoseconds(period)
        self._decode = decode
        self._reader = JointReader(robot, config)
        self._history = JointHistory(self._max_skew_ns, self._max_age_ns)
        self._watch = Watch(np.array(robot.tracking_tolerance))
        self._waiting: dict[str, deque[tuple[int, Message]]] = {
            camera: deque(maxlen=WAITING) for camera in cameras
        }
        self.clear()

    def clear(self) -> None:
        """Forget everything: after the clock jumped."""
        for waiting in self._waiting.values():
            waiting.clear()
        self._reader.clear()
        self._history.clear()
        self._watch.clear()
        self._image_ns = dict.fromkeys(self._waiting, 0)  # newest stamp that may be used
        self._since_ns = 0  # joints stamped before are not looked at
        self._seen_ns = 0  # of the newest set that could be used
        self._due_ns = 0  # no earlier set is decoded
        self._decodable = True  # whether the last set that was decoded could be
        self._refused: dict[str, tuple[int, Refused]] = {}  # the last refusals, and when
        self.newest: Observation | None = None

    def forgive(self, now_ns: int) -> None:
        """A person has looked: what joints and cameras show from now on is true.

        Not what was stamped before, and is still on its way.
        """
        self._since_ns = now_ns
        for waiting in self._waiting.values():
            waiting.clear()
        self._reader.clear()
        self._history.clear()
        self._watch.clear()
        self.newest, self._seen_ns = None, 0  # nothing seen before may be taught as a goal

    def hurry(self) -> None:
        """Take the next set, however early."""
        self._due_ns = 0

    def add_joints(
        self,
        stamp_ns: int,
        names: Sequence[str],
        position: Sequence[float],
        velocity: Sequence[float],
        now_ns: int,
    ) -> JointSample | Refused | None:
        """One joint state message's fields; see JointReader.read."""
        if 0 < stamp_ns <= self._since_ns:
            return None
        sample = self._reader.read(stamp_ns, names, position, velocity, now_ns)
        if isinstance(sample, JointSample):
            self._history.add(sample)
        elif sample is not None:
            self._refused['joints'] = now_ns, sample
        return sample

    def add_image(
        self, camera: str, stamp_ns: int, message: Message, now_ns: int
    ) -> Refused | None:
        """Keep an image until it can be paired. Refused: its stamp cannot be right, or is old."""
        reason = self._untimely(camera, stamp_ns, now_ns)
        if reason is not None:
            return self._refuse(Refused(f'{camera}: {reason}'), now_ns)
        self._image_ns[camera] = stamp_ns
        self._waiting[camera].append((stamp_ns, message))
        return None

    def take(self, now_ns: int) -> Observation | Refused | None:
        """The newest complete set that is due, once; None when there is none.

        Refused: an image of it cannot be decoded, or a camera is Frozen.
        """
        found = self._complete()
        if found is None:
            return None
        chosen, joints = found
        for camera, (stamp, _) in chosen.items():
            waiting = self._waiting[camera]
            while waiting and waiting[0][0] <= stamp:
                waiting.popleft()
        if joints.stamp_ns < self._due_ns:
            if self._decodable:
                self._seen_ns = joints.stamp_ns
            return None
        self._decodable = False
        try:
            images = {name: self._decode(name, one) for name, (_, one) in chosen.items()}
        except BadInput as error:
            return self._refuse(Refused(str(error)), now_ns)
        self._decodable = True
        self._seen_ns = joints.stamp_ns
        self._due_ns = joints.stamp_ns + self._period_ns
        self._refused.clear()
        self.newest = Observation(joints.stamp_ns, images, joints.position, joints.velocity)
        frozen: Frozen | None = self._watch.see(images, joints.position)
        return frozen or self.newest

    def lacking(self, now_ns: int, silent: Callable[[str], str]) -> Refused | None:
        """Why there is no observation young enough to act on, None when there is one.

        silent(camera): what to say of a camera that has sent nothing yet.
        """
        if now_ns <= 0:
            return Refused('no /clock')
        if self._seen_ns and now_ns - self._seen_ns <= self._max_age_ns:
            return None
        refused = self._recent('image', now_ns)
        for camera, newest_ns in self._image_ns.items():
            if newest_ns and now_ns - newest_ns <= self._max_age_ns:
                continue
            if refused is None and newest_ns == 0:
                return Refused(silent(camera))
            age = seconds(now_ns - newest_ns)
            return refused or Refused(f'no usable {camera} for {age:.1f} s')
        return self._unpaired(now_ns) or refused or Refused('no image that could be used')

    def _refuse(self, refused: Refused, now_ns: int) -> Refused:
        self._refused['image'] = now_ns, refused
        return refused

    def _recent(self, what: str, now_ns: int) -> Refused | None:
        """The last refusal, if it is young enough to be the reason."""
        at_ns, refused = self._refused.get(what, (0, None))
        return refused if now_ns - at_ns <= self._max_age_ns else None

    def _untimely(self, camera: str, stamp_ns: int, now_ns: int) -> str | None:
        if now_ns <= 0:
            return 'no /clock'
        if stamp_ns <= 0:
            return 'image has no stamp'
        if stamp_ns <= self._image_ns[camera]:
            late = seconds(self._image_ns[camera] - stamp_ns)
            return f'image is {late:.3f} s older than the last one'
        if stamp_ns > now_ns + self._max_future_ns:
            ahead = seconds(stamp_ns - now_ns)
            return f'image stamp is {ahead:.3f} s in the future: clocks differ'
        if stamp_ns < now_ns - self._max_age_ns:
            age, limit = seconds(now_ns - stamp_ns), seconds(self._max_age_ns)
            return f'image is {age:.3f} s old, at most {limit:.3f} s'
        return None

    def _complete(self) -> tuple[dict[str, tuple[int, Message]], JointSample] | None:
        """The newest images, one a camera and nearly at one time, whose joints are known.

        Their observation has the oldest stamp: nothing in it is older than it says.
        """
        if not all(self._waiting.values()):
            return None
        # The camera that is behind the others says which images there can be.
        behind = min(self._waiting, key=lambda camera: self._waiting[camera][-1][0])
        for stamp_ns, _ in reversed(self._waiting[behind]):
            chosen = {
                camera: min(waiting, key=lambda one: abs(one[0] - stamp_ns))
                for camera, waiting in self._waiting.items()
            }
            stamps = [stamp for stamp, _ in chosen.values()]
            if max(stamps) - min(stamps) > self._max_skew_ns:
                continue
            joints = self._history.at(min(stamps))
            if isinstance(joints, JointSample):
                return chosen, joints
        return None

    def _unpaired(self, now_ns: int) -> Refused | None:
        """Why the newest images, which are there, wait."""
        stamps = [waiting[-1][0] for waiting in self._waiting.values() if waiting]
        if not stamps:
            return None
        joints = self._history.at(min(stamps))
        if isinstance(joints, Refused):
            refused, lacking = self._recent('joints', now_ns), self._reader.lacking()
            return refused or (joints if lacking is None else Refused(lacking))
        limit = seconds(self._max_skew_ns)
        return Refused(f'no images of {list(self._waiting)} that are at most {limit} s apart')
