# SPDX-License-Identifier: Apache-2.0
"""An image's size is known before a pixel is decoded."""

import tracemalloc
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grasp_ros.observation.header import PNG_START, compressed_size
from grasp_ros.observation.image import decode_compressed
from grasp_ros.types import BadInput

sizes = st.integers(1, 90)


def file(kind: str, height: int, width: int, *options: int) -> bytes:
    """An image file of this size."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.imencode(f'.{kind}', pixels, list(options))[1].tobytes()


@pytest.mark.parametrize(
    'kind, options',
    [
        ('png', ()),
        ('jpeg', ()),
        ('jpeg', (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)),
        ('jpeg', (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)),
    ],
)
@given(height=sizes, width=sizes)
def test_size_is_that_of_the_pixels(kind, options, height, width):
    data = file(kind, height, width, *options)
    assert compressed_size(data) == (height, width)
    assert decode_compressed(kind, data).shape == (height, width, 3)


def test_size_is_found_behind_large_metadata_and_fill_bytes():
    data = file('jpeg', 8, 12)
    comment = b'\xff\xfe' + (60_002).to_bytes(2, 'big') + bytes(60_000)
    assert compressed_size(data[:2] + 3 * comment + b'\xff\xff' + data[2:]) == (8, 12)


def rotated(data: bytes) -> bytes:
    """The JPEG with a note in EXIF that it is to be turned by 90 degrees."""
    tiff = b'MM\0*\0\0\0\x08\0\x01' + b'\x01\x12\0\x03\0\0\0\x01\0\x06\0\0' + b'\0\0\0\0'
    body = b'Exif\0\0' + tiff
    return data[:2] + b'\xff\xe1' + (len(body) + 2).to_bytes(2, 'big') + body + data[2:]


def test_pixels_stay_where_the_camera_put_them():
    assert decode_compressed('jpeg', rotated(file('jpeg', 8, 12))).shape == (8, 12, 3)


def bomb(side: int, said: int | None = None) -> bytes:
    """A PNG of side x side white pixels; 20,000 are 1.2 GB in memory and 0.4 MB in the file.

    said: the side that its header gives.
    """

    def chunk(name: bytes, body: bytes) -> bytes:
        sum_ = zlib.crc32(name + body).to_bytes(4, 'big')
        return len(body).to_bytes(4, 'big') + name + body + sum_

    deflate = zlib.compressobj(9)
    row = b'\0' + b'\xff' * ((side + 7) // 8)
    body = b''.join(deflate.compress(row) for _ in range(side)) + deflate.flush()
    header = (said or side).to_bytes(4, 'big') * 2 + b'\x01\0\0\0\0'
    return PNG_START + chunk(b'IHDR', header) + chunk(b'IDAT', body) + chunk(b'IEND', b'')


def test_bomb_is_refused_before_it_is_unpacked():
    data = bomb(20_000)
    assert len(data) < 400_000 and decode_compressed('png', bomb(64)).shape == (64, 64, 3)
    tracemalloc.start()
    with pytest.raises(BadInput, match='20000x20000'):
        decode_compressed('png', data)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


def test_bomb_behind_a_small_header_is_refused_before_it_is_unpacked():
    data = bomb(20_000, said=64)
    tracemalloc.start()
    with pytest.raises(BadInput, match='says 64x64 and holds more'):
        decode_compressed('png', data)
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize('start', [b'GIF89a', b'BM', b'RIFF\0\0\0\0WEBP', b'II*\0', b'\0'])
def test_other_formats_are_refused_by_their_first_bytes(start):
    with pytest.raises(BadInput, match='a JPEG or a PNG expected'):
        compressed_size(start + bytes(100))


@given(st.sampled_from([b'\xff\xd8', b'\xff\xd8\xff\xe0\0\0', PNG_START]), st.binary(max_size=80))
def test_broken_header_raises_nothing_else(start, data):
    try:
        height, width = compressed_size(start + data)
    except BadInput:
        return
    assert height >= 0 and width >= 0
