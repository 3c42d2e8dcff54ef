# SPDX-License-Identifier: Apache-2.0
"""Raw images that every converter must get right, or must refuse."""

from dataclasses import dataclass

import numpy as np
import pytest

RGB = np.random.default_rng(0).integers(0, 256, (3, 5, 3), dtype=np.uint8)
GREY = np.repeat(RGB[:, :, :1], 3, axis=2)
ALPHA = np.full((3, 5, 1), 7, dtype=np.uint8)


@dataclass(frozen=True)
class Raw:
    """The fields of a sensor_msgs/Image."""

    height: int
    width: int
    step: int
    encoding: str
    data: bytes


def raw(pixels: np.ndarray, encoding: str, padding: int = 0, extra: bytes = b'') -> Raw:
    """Pixels (H, W, C) with `padding` bytes of rubbish after each row and `extra` at the end."""
    height, width, channels = pixels.shape
    rows = pixels.reshape(height, width * channels)
    rubbish = np.full((height, padding), 0xAB, dtype=np.uint8)
    data = np.concatenate([rows, rubbish], axis=1).tobytes() + extra
    return Raw(height, width, width * channels + padding, encoding, data)


ENCODED = {
    'rgb8': (RGB, RGB),
    'bgr8': (RGB[:, :, ::-1], RGB),
    'rgba8': (np.concatenate([RGB, ALPHA], axis=2), RGB),
    'bgra8': (np.concatenate([RGB[:, :, ::-1], ALPHA], axis=2), RGB),
    'mono8': (GREY[:, :, :1], GREY),
}

# (raw image, the rgb pixels that it shows)
GOOD = [
    pytest.param(raw(pixels, encoding, padding, extra), rgb, id=f'{encoding}-{name}')
    for encoding, (pixels, rgb) in ENCODED.items()
    for name, padding, extra in (
        ('tight', 0, b''),
        ('padded_rows', 1, b''),
        ('wide_padding', 32, b''),
        ('bytes_after_the_last_row', 0, b'\xff' * 9),
    )
]

# (raw image, what the refusal must name)
BAD = [
    pytest.param(Raw(0, 5, 15, 'rgb8', bytes(45)), '0', id='zero_height'),
    pytest.param(Raw(3, 0, 0, 'rgb8', bytes(45)), '0', id='zero_width'),
    pytest.param(Raw(0, 0, 0, 'rgb8', b''), '0', id='all_zero'),
    pytest.param(Raw(3, 5, 14, 'rgb8', bytes(45)), '14', id='step_below_row'),
    pytest.param(Raw(3, 5, 0, 'rgb8', bytes(45)), '0', id='step_zero'),
    pytest.param(Raw(3, 5, 15, 'rgb8', bytes(44)), '44', id='one_byte_short'),
    pytest.param(Raw(3, 5, 15, 'rgb8', b''), '0', id='no_data'),
    pytest.param(Raw(3, 5, 15, 'rgba8', bytes(45)), '15', id='three_channels_called_four'),
    pytest.param(Raw(2**31, 2**31, 2**31 + 2**30, 'mono8', bytes(9)), '2147483648', id='huge'),
    pytest.param(Raw(3, 5, 10, '16UC1', bytes(30)), '16UC1', id='depth_16'),
    pytest.param(Raw(3, 5, 20, '32FC1', bytes(60)), '32FC1', id='depth_32'),
    pytest.param(Raw(3, 5, 10, 'mono16', bytes(30)), 'mono16', id='mono_16'),
    pytest.param(Raw(3, 5, 30, 'rgb16', bytes(90)), 'rgb16', id='rgb_16'),
    pytest.param(Raw(3, 5, 10, 'yuv422_yuy2', bytes(30)), 'yuv422_yuy2', id='yuv'),
    pytest.param(Raw(3, 5, 5, 'bayer_rggb8', bytes(15)), 'bayer_rggb8', id='bayer'),
    pytest.param(Raw(3, 5, 15, 'RGB8', bytes(45)), 'RGB8', id='upper_case'),
    pytest.param(Raw(3, 5, 15, '', bytes(45)), "''", id='no_encoding'),
]
