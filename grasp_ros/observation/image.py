# SPDX-License-Identifier: Apache-2.0
"""Image messages to rgb arrays. Every byte is checked before it is read."""

from __future__ import annotations

import cv2
import numpy as np

from grasp_ros.observation.header import JPEG_START, compressed_size, refuse_excess
from grasp_ros.types import BadInput, ImageArray

# encoding -> (bytes a pixel, conversion to rgb)
ENCODINGS: dict[str, tuple[int, int | None]] = {
    'rgb8': (3, None),
    'bgr8': (3, cv2.COLOR_BGR2RGB),
    'rgba8': (4, cv2.COLOR_RGBA2RGB),
    'bgra8': (4, cv2.COLOR_BGRA2RGB),
    'mono8': (1, cv2.COLOR_GRAY2RGB),
}
MAX_PIXELS = 64_000_000  # a larger header is a fault or an attack, not a camera
JPEG_END = b'\xff\xd9'


def decode_raw(height: int, width: int, step: int, encoding: str, data: bytes) -> ImageArray:
    """The rgb image (H, W, 3) of a sensor_msgs/Image; rows may be padded to `step` bytes.

    Raises BadInput for an unknown encoding, sizes that contradict each other or too little data.
    """
    if encoding not in ENCODINGS:
        raise BadInput(f'image encoding {encoding!r} is not one of {list(ENCODINGS)}')
    channels, conversion = ENCODINGS[encoding]
    _check_pixels(height, width)
    if step < width * channels:
        raise BadInput(f'image step {step} is below width x channels = {width * channels}')
    if len(data) < height * step:
        raise BadInput(f'image has {len(data)} bytes, height x step = {height * step} expected')
    rows = np.frombuffer(data, dtype=np.uint8, count=height * step).reshape(height, step)
    pixels = rows[:, : width * channels].reshape(height, width, channels)
    if conversion is None:
        return np.ascontiguousarray(pixels)
    return np.asarray(cv2.cvtColor(np.ascontiguousarray(pixels), conversion), dtype=np.uint8)


def decode_compressed(fmt: str, data: bytes) -> ImageArray:
    """The rgb image (H, W, 3) of a sensor_msgs/CompressedImage (JPEG or PNG).

    Raises BadInput for depth images, for anything that is not a whole image, and, before it is
    decoded, for one of more than MAX_PIXELS or than its header says. EXIF's orientation is left
    alone: pixels stay where the camera put them.
    """
    if 'compressedDepth' in fmt:
        raise BadInput(f'compressed image format {fmt!r} is a depth image, colour expected')
    if len(data) == 0:
        raise BadInput('compressed image is empty')
    size = compressed_size(data)
    _check_pixels(*size)
    refuse_excess(data, *size)
    # OpenCV 4 fills what is missing of a truncated JPEG with grey. Cameras may pad with zeros.
    if data.startswith(JPEG_START) and not data.rstrip(b'\0').endswith(JPEG_END):
        raise BadInput(f'compressed image ({fmt!r}, {len(data)} bytes) is truncated')
    try:
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        bgr = cv2.imdecode(np.frombuffer(data, dtype=np.uint8), flags)
    except cv2.error as error:  # raised for huge dimensions; garbage returns None
        raise BadInput(f'compressed image ({fmt!r}, {len(data)} bytes): {error.err}') from error
    if bgr is None or bgr.shape[:2] != size:
        raise BadInput(f'compressed image ({fmt!r}, {len(data)} bytes) cannot be decoded')
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def _check_pixels(height: int, width: int) -> None:
    if not (0 < height and 0 < width and height * width <= MAX_PIXELS):
        raise BadInput(f'image size {width}x{height} is not within 1 and {MAX_PIXELS} pixels')


def encode_png(rgb: ImageArray) -> bytes:
    """PNG bytes of an rgb image (H, W, 3): lossless, so that a bag holds what the camera saw."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode('.png', bgr, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return data.tobytes()


def resize(rgb: ImageArray, height: int, width: int) -> ImageArray:
    """The one resize between camera and encoder, the same in training and at run time."""
    if rgb.shape[:2] == (height, width):
        return rgb
    resized = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(resized, dtype=np.uint8)
