# SPDX-License-Identifier: Apache-2.0
"""What a compressed image will decode to: 400 kB of PNG may ask for gigabytes of pixels."""

from __future__ import annotations

import struct
import zlib

from grasp_ros.types import BadInput

PNG_START = b'\x89PNG\r\n\x1a\n'
JPEG_START = b'\xff\xd8'
# Markers that begin a frame (SOF0 to SOF15), less those that share their range: DHT, JPG, DAC.
FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
ALONE = {0x01, *range(0xD0, 0xD8)}  # markers without a length: TEM, RST0 to RST7


def compressed_size(data: bytes) -> tuple[int, int]:
    """(height, width) of a JPEG or PNG, nothing decoded.

    Raises BadInput for other formats and for a header that is cut off or broken.
    """
    if data.startswith(PNG_START):
        return _png_size(data)
    if data.startswith(JPEG_START):
        return _jpeg_size(data)
    start = bytes(data[:4]).hex(' ')
    raise BadInput(f'compressed image begins with bytes {start!r}; a JPEG or a PNG expected')


def _png_size(data: bytes) -> tuple[int, int]:
    if len(data) < 24 or data[12:16] != b'IHDR':
        raise BadInput(f'PNG of {len(data)} bytes has no whole header (IHDR)')
    width, height = struct.unpack('>II', data[16:24])
    return height, width


def refuse_excess(data: bytes, height: int, width: int) -> None:
    """Raise BadInput for a PNG that holds more rows than its header says: decoders inflate all.

    Inflates no more than the image has by its header; JPEGs stop at their last row by themselves.
    """
    if not data.startswith(PNG_START):
        return
    inflate, left = zlib.decompressobj(), height * (1 + 8 * width)  # 16 bits, four channels
    at = len(PNG_START)
    while at + 8 <= len(data):
        length = int.from_bytes(data[at : at + 4], 'big')
        if data[at + 4 : at + 8] == b'IDAT':
            try:
                left -= len(inflate.decompress(data[at + 8 : at + 8 + length], left + 1))
            except zlib.error as error:
                raise BadInput(f'PNG of {len(data)} bytes is broken: {error}') from error
            if left < 0 or inflate.unconsumed_tail:
                raise BadInput(
                    f'PNG of {len(data)} bytes says {width}x{height} and holds more than that'
                )
        at += 12 + length


def _jpeg_size(data: bytes) -> tuple[int, int]:
    at = len(JPEG_START)
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            break
        marker = data[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif marker in ALONE:
            at += 2
        elif marker not in FRAMES:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], 'big')
        elif at + 9 <= len(data):
            height, width = struct.unpack('>HH', data[at + 5 : at + 9])
            return height, width
        else:
            break
    raise BadInput(f'JPEG of {len(data)} bytes has no whole frame header (SOF)')
