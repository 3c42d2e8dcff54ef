# SPDX-License-Identifier: Apache-2.0
"""Every image is decoded to the right pixels, or refused with BadInput."""

from dataclasses import astuple

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_cases import BAD, GOOD, RGB, Raw

from grasp_ros.observation.image import (
    ENCODINGS,
    decode_compressed,
    decode_raw,
    encode_png,
    resize,
)
from grasp_ros.types import BadInput

PHOTO = cv2.resize(np.random.default_rng(1).integers(0, 256, (6, 6, 3), dtype=np.uint8), (48, 32))
FILES = {
    'png': encode_png(PHOTO),
    'jpeg': cv2.imencode('.jpg', cv2.cvtColor(PHOTO, cv2.COLOR_RGB2BGR))[1].tobytes(),
}


@pytest.mark.parametrize('image, rgb', GOOD)
def test_decodes_raw_image(image: Raw, rgb):
    assert np.array_equal(decode_raw(*astuple(image)), rgb)


@pytest.mark.parametrize('image, named', BAD)
def test_refuses_raw_image(image: Raw, named):
    with pytest.raises(BadInput) as refusal:
        decode_raw(*astuple(image))
    assert named in str(refusal.value)


@given(
    height=st.integers(-1, 5),
    width=st.integers(-1, 5),
    step=st.integers(-1, 24),
    length=st.integers(0, 130),
    encoding=st.sampled_from(sorted(ENCODINGS)),
)
def test_never_reads_past_the_data(height, width, step, length, encoding):
    data = np.arange(length, dtype=np.uint8).tobytes()
    row = width * ENCODINGS[encoding][0]
    if height > 0 and width > 0 and step >= row and length >= height * step:
        rgb = decode_raw(height, width, step, encoding, data)
        assert rgb.shape == (height, width, 3) and rgb.dtype == np.uint8
        if encoding == 'rgb8':
            rows = [list(data[i * step : i * step + row]) for i in range(height)]
            assert rgb.reshape(height, row).tolist() == rows
    else:
        with pytest.raises(BadInput):
            decode_raw(height, width, step, encoding, data)


def test_decoded_image_outlives_its_message():
    data = bytearray(RGB.tobytes())
    rgb = decode_raw(3, 5, 15, 'rgb8', bytes(data))
    data[:] = bytes(45)
    assert np.array_equal(rgb, RGB) and rgb.flags.c_contiguous


def test_png_is_lossless():
    assert np.array_equal(decode_compressed('rgb8; png compressed bgr8', FILES['png']), PHOTO)


@pytest.mark.parametrize('fmt', ['', 'jpeg', 'bgr8; jpeg compressed bgr8'])
def test_jpeg_keeps_the_order_of_channels(fmt):
    difference = decode_compressed(fmt, FILES['jpeg']).astype(int) - PHOTO
    assert np.abs(difference).mean() < 5


def test_takes_jpeg_padded_with_zeros():
    assert decode_compressed('jpeg', FILES['jpeg'] + bytes(64)).shape == PHOTO.shape


def test_grey_file_becomes_rgb():
    grey = cv2.imencode('.png', PHOTO[:, :, 0])[1].tobytes()
    assert decode_compressed('mono8; png compressed', grey).shape == PHOTO.shape


@pytest.mark.parametrize('fmt', ['16UC1; compressedDepth', '32FC1; compressedDepth png'])
def test_refuses_compressed_depth(fmt):
    with pytest.raises(BadInput, match='depth'):
        decode_compressed(fmt, FILES['png'])


def test_refuses_empty_data():
    with pytest.raises(BadInput, match='empty'):
        decode_compressed('jpeg', b'')


@given(st.binary(min_size=1, max_size=300))
def test_refuses_garbage(data):
    with pytest.raises(BadInput):
        decode_compressed('jpeg', data)


@pytest.mark.parametrize('kind', FILES)
def test_refuses_every_truncation(kind):
    data = FILES[kind]
    for length in range(1, len(data), 7):
        with pytest.raises(BadInput):
            decode_compressed(kind, data[:length])


def test_truncated_jpeg_is_refused_before_opencv_sees_it():
    with pytest.raises(BadInput, match='truncated'):
        decode_compressed('jpeg', FILES['jpeg'][:-10])


@pytest.mark.parametrize('kind', FILES)
@given(st.data())
def test_flipped_bits_never_raise_anything_else(kind, data):
    content = bytearray(FILES[kind])
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        rgb = decode_compressed(kind, bytes(content))
    except BadInput:
        return
    assert rgb.ndim == 3 and rgb.shape[2] == 3 and rgb.dtype == np.uint8


def test_refuses_huge_dimensions():
    content = bytearray(FILES['png'])
    content[16:24] = (2**31 - 1).to_bytes(4, 'big') * 2  # width and height of the IHDR chunk
    with pytest.raises(BadInput):
        decode_compressed('png', bytes(content))


def test_resize_leaves_an_image_of_the_right_size_alone():
    assert resize(RGB, 3, 5) is RGB


def test_resize_averages_over_areas():
    blocks = np.kron(RGB[:2, :2], np.ones((4, 4, 1), dtype=np.uint8))
    assert np.array_equal(resize(blocks, 2, 2), RGB[:2, :2])
