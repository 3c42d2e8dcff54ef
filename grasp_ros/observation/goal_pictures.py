# SPDX-License-Identifier: Apache-2.0
"""A goal that several cameras show: its pictures come one by one, and some never do."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grasp_ros.types import ImageArray, Refused, seconds


class GoalPictures:
    """Keeps the newest goal picture of each camera until they are those of one goal.

    They are where no two stamps are more than max_skew_ns apart: whatever else is kept, of a goal
    that came in part, is never used. note: told in words when a picture is dropped unused.
    """

    def __init__(self, cameras: Sequence[str], max_skew_ns: int, note: Callable[[str], None]):
        self._cameras, self._max_skew_ns, self._note = cameras, max_skew_ns, note
        self._kept: dict[str, tuple[int, ImageArray]] = {}

    def add(
        self, camera: str, stamp_ns: int, rgb: ImageArray
    ) -> dict[str, ImageArray] | Refused | None:
        """The pictures of the goal that this one, rgb (H, W, 3), completes; None: others lack.

        Refused: it has no stamp where there are several cameras, or is of another goal than those
        of the others.
        """
        if len(self._cameras) == 1:
            return {camera: rgb}
        if stamp_ns <= 0:
            return Refused(f'goal_{camera} has no stamp, and pictures are put together by theirs')
        if camera in self._kept:
            self._drop([camera])
        self._kept[camera] = stamp_ns, rgb
        if len(self._kept) < len(self._cameras):
            return None
        stamps = [stamp for stamp, _ in self._kept.values()]
        if (apart_ns := max(stamps) - min(stamps)) > self._max_skew_ns:
            return Refused(
                f'its pictures are {seconds(apart_ns):.3f} s apart, '
                f'at most {seconds(self._max_skew_ns):.3f} s'
            )
        goal = {camera: rgb for camera, (_, rgb) in self._kept.items()}
        self._kept.clear()
        return goal

    def clear(self) -> None:
        """Another goal, or none, is wanted."""
        self._drop(list(self._kept))

    def _drop(self, cameras: Sequence[str]) -> None:
        for camera in cameras:
            del self._kept[camera]
            others = ', '.join(f'goal_{name}' for name in self._cameras if name != camera)
            self._note(f'goal_{camera} is dropped: it waited for {others} of the same time')
