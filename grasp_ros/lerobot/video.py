# SPDX-License-Identifier: Apache-2.0
"""Pictures in mp4 files, one after the other: all of a video never fit the memory."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import numpy as np

from grasp_ros.lerobot.reading import readable
from grasp_ros.types import BadInput, ImageArray

CODEC = 'libsvtav1' if 'libsvtav1' in av.codecs_available else 'h264'
# LeRobot's own choice: a key frame every other frame, as its readers jump about in the file.
OPTIONS = {'g': '2', 'crf': '30'} | ({'preset': '8'} if CODEC == 'libsvtav1' else {})
PIXELS = 'yuv420p'
os.environ.setdefault('SVT_LOG', '1')  # the encoder tells errors only, not all its settings


class VideoReader:
    """The pictures of a video from `start` s on. A context manager.

    tolerance: how far from the time asked for a picture may be, s.
    """

    def __init__(self, path: Path, start: float, tolerance: float):
        self._path, self._start, self._tolerance = path, start, tolerance

    def __enter__(self) -> VideoReader:
        with readable(self._path):
            self._container = av.open(str(self._path))
            stream = self._container.streams.video[0]
            if stream.time_base is None:
                raise BadInput(f'{self._path}: a video without times')
            first = max(0.0, self._start - self._tolerance)
            self._container.seek(int(first / stream.time_base), stream=stream)
            self._frames = self._container.decode(stream)
            self._frame: av.VideoFrame | None = None
            self._time = 0.0
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._container.close()

    def at(self, time: float) -> ImageArray:
        """The rgb picture (H, W, 3) at `time` s of the file, which is later than the last one.

        Raises BadInput where there is none.
        """
        with readable(self._path):
            while self._frame is None or self._time < time - self._tolerance:
                self._frame = next(self._frames, None)
                if self._frame is None:
                    raise BadInput(f'{self._path}: ends before {time:.3f} s')
                self._time = float(self._frame.time or 0.0)
            if self._time > time + self._tolerance:
                raise BadInput(f'{self._path}: no picture at {time:.3f} s, next {self._time:.3f}')
            return np.asarray(self._frame.to_ndarray(format='rgb24'), dtype=np.uint8)


class VideoWriter:
    """Writes pictures (H, W, 3) of one size, `fps` a second. A context manager."""

    def __init__(self, path: Path, fps: int, height: int, width: int):
        if height % 2 or width % 2:
            raise BadInput(f'pictures of {width}x{height}; videos need an even width and height')
        path.parent.mkdir(parents=True)
        self._container = av.open(str(path), 'w')
        stream: Any = self._container.add_stream(CODEC, rate=fps, options=dict(OPTIONS))
        stream.pix_fmt, stream.height, stream.width = PIXELS, height, width
        self._stream = stream
        self._size, self._fps, self._count = (height, width), fps, 0

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self._container.mux(self._stream.encode())
        self._container.close()

    @property
    def seconds(self) -> float:
        """How long the video is by now."""
        return self._count / self._fps

    def frame(self, rgb: ImageArray) -> None:
        """Add a picture. Raises BadInput for one of another size."""
        if rgb.shape[:2] != self._size:
            raise BadInput(
                f'image size changes from {self._size} to {rgb.shape[:2]} (height, width)'
            )
        frame = av.VideoFrame.from_ndarray(rgb, format='rgb24')
        frame.pts, frame.time_base = self._count, Fraction(1, self._fps)
        try:
            self._container.mux(self._stream.encode(frame))
        except av.FFmpegError as error:
            height, width = self._size
            raise BadInput(
                f'{CODEC} does not encode {width}x{height} pictures: {error}'
            ) from error
        self._count += 1
