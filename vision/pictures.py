"""Encoded pictures: what may be decoded at all, and whether it came whole.

Decoders fill what is missing of a cut JPEG with grey and say nothing, and a small file can claim a
huge picture: so the containers are looked at before a decoder is.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from vision.records import Image

MAX_BYTES = 64 << 20
MAX_PIXELS = 64_000_000

EMPTY = "empty"
UNREADABLE = "unreadable"
UNKNOWN_FORMAT = "unknown_format"
HALF_PICTURE = "half_picture"
TOO_LARGE = "too_large"

JPEG_QUALITY = 95

_START_OF_SCAN = 0xDA
_BARE_MARKERS = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True, slots=True)
class Header:
    """What a container says before its pixels; ``whole`` is False where its end is missing."""

    width: int
    height: int
    whole: bool


def decode(encoded: bytes) -> tuple[Image | None, str]:
    """Decode a JPEG, PNG or BMP to (height, width, 3) BGR; return None and the defect where it cannot be."""
    if defect := inspect_container(encoded):
        return None, defect
    try:
        image = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        image = None
    return (image, "") if image is not None else (None, UNREADABLE)


def inspect_container(encoded: bytes) -> str:
    """Return why the bytes must not be decoded; empty when they may."""
    if not encoded:
        return EMPTY
    if len(encoded) > MAX_BYTES:
        return TOO_LARGE
    try:
        header = read_header(encoded)
    except (IndexError, ValueError):
        return UNREADABLE
    if header is None:
        return UNKNOWN_FORMAT
    if not header.whole:
        return HALF_PICTURE
    return TOO_LARGE if header.width * header.height > MAX_PIXELS else ""


def read_header(encoded: bytes) -> Header | None:
    """Return the header of a JPEG, PNG or BMP, None for anything else.

    Raises
    ------
    ValueError, IndexError
        The container contradicts its own format.
    """
    if encoded.startswith(b"\xff\xd8\xff"):
        return _jpeg(encoded)
    if encoded.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(encoded)
    if encoded.startswith(b"BM"):
        return _bmp(encoded)
    return None


def encode_whole(image: Image) -> bytes:
    """Encode without loss (PNG, quickest setting)."""
    return _encode(".png", image, [cv2.IMWRITE_PNG_COMPRESSION, 1])


def encode_jpeg(image: Image) -> bytes:
    """Encode as a camera does (JPEG of quality `JPEG_QUALITY`)."""
    return _encode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


def _encode(suffix: str, image: Image, settings: list[int]) -> bytes:
    done, encoded = cv2.imencode(suffix, image, settings)
    if not done:
        raise ValueError(f"a picture of the shape {image.shape} cannot be encoded as {suffix}")
    return bytes(encoded)


def _jpeg(encoded: bytes) -> Header:
    """Walk the segments up to the first scan; after it only an end marker can be an end marker."""
    at, size = 2, (0, 0)
    while at + 4 <= len(encoded):
        if encoded[at] != 0xFF:  # noqa: PLR2004
            raise ValueError(f"no marker at byte {at}")
        marker = encoded[at + 1]
        if marker == 0xFF or marker in _BARE_MARKERS:  # noqa: PLR2004
            at += 1 if marker == 0xFF else 2  # noqa: PLR2004
            continue
        if marker in _FRAME_MARKERS:
            size = _big(encoded, at + 7, 2), _big(encoded, at + 5, 2)
        if marker == _START_OF_SCAN:
            return Header(*size, whole=encoded.rfind(b"\xff\xd9") > at)
        at += 2 + _big(encoded, at + 2, 2)
    return Header(*size, whole=False)


def _png(encoded: bytes) -> Header:
    end = encoded.rfind(b"IEND")
    return Header(_big(encoded, 16, 4), _big(encoded, 20, 4), whole=0 < end <= len(encoded) - 8)


def _bmp(encoded: bytes) -> Header:
    if len(encoded) < 26:  # noqa: PLR2004
        return Header(0, 0, whole=False)
    size, width = _little(encoded, 2), _little(encoded, 18)
    height = abs(int.from_bytes(encoded[22:26], "little", signed=True))
    return Header(width, height, whole=size <= len(encoded))


def _big(encoded: bytes, at: int, width: int) -> int:
    return int.from_bytes(encoded[at : at + width], "big")


def _little(encoded: bytes, at: int) -> int:
    return int.from_bytes(encoded[at : at + 4], "little")
