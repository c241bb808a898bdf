"""Encoded pictures: what may be decoded at all, and whether it came whole.

Decoders fill what is missing of a cut JPEG with grey and say nothing, guess on after a fault inside one, a
small file can claim a huge picture or years of work, and colours that are not 8-bit grey or RGB are turned
into some that look like it: so the containers are looked at before a decoder is. Pixels are judged as the
sensor read them: an orientation that a file claims turns nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import simplejpeg

from vision.records import Image

MAX_BYTES = 64 << 20
MAX_PIXELS = 64_000_000
MAX_SCANS = 100
"""Scans of a progressive JPEG; each costs a pass over all pixels, and encoders write about ten."""

EMPTY = "empty"
UNREADABLE = "unreadable"
UNKNOWN_FORMAT = "unknown_format"
HALF_PICTURE = "half_picture"
DAMAGED = "damaged_picture"
TOO_LARGE = "too_large"
TOO_MANY_SCANS = "too_many_scans"
WRONG_COLOURS = "wrong_colours"

MAX_CHUNKS = 100_000
"""Chunks of a PNG; encoders put at least 8 kB into each."""

JPEG_QUALITY = 95

_JPEG = b"\xff\xd8\xff"
_START_OF_SCAN = 0xDA
_JFIF = b"JFIF\0"
"""What stands before the revision in the header of a JPEG."""
_BARE_MARKERS = frozenset((0x01, *range(0xD0, 0xD9)))
_FRAME_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_PROGRESSIVE = frozenset((0xC2, 0xC6, 0xCA, 0xCE))
_JPEG_COLOURS = frozenset(((8, 1), (8, 3)))
"""Bits and components: grey and YCbCr; four components are inks."""
_PNG_COLOURS = frozenset(((8, 0), (8, 2)))
"""Bits and colour type: grey and RGB; others have a palette, an alpha channel or more bits."""
_BMP_BITS = frozenset((8, 24, 32))
_READ = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION


@dataclass(frozen=True, slots=True)
class Header:
    """What a container says before its pixels; ``whole`` is False where its end is missing."""

    width: int
    height: int
    whole: bool
    plain: bool = True
    """Whether its colours are 8-bit grey or RGB."""
    scans: int = 1


def decode(encoded: bytes) -> tuple[Image | None, str]:
    """Decode a JPEG, PNG or BMP to (height, width, 3) BGR; return None and the defect where it cannot be."""
    if defect := inspect_container(encoded):
        return None, defect
    strict = _strictly(encoded) if encoded.startswith(_JPEG) else None
    if strict is not None:
        return strict, ""
    image = _pixels(encoded)
    if image is None:
        return None, UNREADABLE
    return (None, DAMAGED) if encoded.startswith(_JPEG) else (image, "")


def _strictly(encoded: bytes) -> Image | None:
    """Decode a JPEG of which the decoder says nothing, but that its header is of an odd revision."""
    for read_as in (bytes, _usual):
        try:
            image: Image = simplejpeg.decode_jpeg(read_as(encoded), "BGR")
        except ValueError:
            continue
        return image
    return None


def _usual(encoded: bytes) -> bytes:
    """Return a JPEG whose header names the usual revision: of several faults only the first is told."""
    at = encoded.find(_JFIF, 0, 64) + len(_JFIF)
    return encoded[:at] + b"\x01" + encoded[at + 1 :] if at >= len(_JFIF) else encoded


def _pixels(encoded: bytes) -> Image | None:
    """Decode what OpenCV can; of a JPEG the pixels are those of the quicker decoder."""
    try:
        return cv2.imdecode(np.frombuffer(encoded, np.uint8), _READ)
    except cv2.error:
        return None


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
    return doubt_about(header)


def doubt_about(header: Header) -> str:
    """Return why a picture with this header must not be decoded; empty when it may."""
    if not header.whole:
        return HALF_PICTURE
    if header.width * header.height > MAX_PIXELS:
        return TOO_LARGE
    if not header.plain:
        return WRONG_COLOURS
    return TOO_MANY_SCANS if header.scans > MAX_SCANS else ""


def read_header(encoded: bytes) -> Header | None:
    """Return the header of a JPEG, PNG or BMP, None for anything else.

    Raises
    ------
    ValueError, IndexError
        The container contradicts its own format.
    """
    if encoded.startswith(_JPEG):
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
    at, size, bits, components, progressive = 2, (0, 0), 0, 0, False
    while at + 4 <= len(encoded):
        if encoded[at] != 0xFF:  # noqa: PLR2004
            raise ValueError(f"no marker at byte {at}")
        marker = encoded[at + 1]
        if marker == 0xFF or marker in _BARE_MARKERS:  # noqa: PLR2004
            at += 1 if marker == 0xFF else 2  # noqa: PLR2004
            continue
        if marker in _FRAME_MARKERS:
            size = _big(encoded, at + 7, 2), _big(encoded, at + 5, 2)
            bits, components, progressive = encoded[at + 4], encoded[at + 9], marker in _PROGRESSIVE
        if marker == _START_OF_SCAN:
            whole = encoded.rfind(b"\xff\xd9") > at
            many = progressive or encoded[at + 4] < components
            scans = encoded.count(b"\xff\xda", at) if many else 1
            return Header(*size, whole, (bits, components) in _JPEG_COLOURS, scans)
        at += 2 + _big(encoded, at + 2, 2)
    return Header(*size, whole=False)


def _png(encoded: bytes) -> Header:
    if len(encoded) < 26:  # noqa: PLR2004
        return Header(0, 0, whole=False)
    return Header(
        _big(encoded, 16, 4),
        _big(encoded, 20, 4),
        _chunks_whole(encoded),
        (encoded[24], encoded[25]) in _PNG_COLOURS,
    )


def _chunks_whole(encoded: bytes) -> bool:
    """Walk the chunks of a PNG up to its end; decoders make room for what a chunk only says to hold."""
    at = 8
    for _ in range(MAX_CHUNKS):
        end = at + 12 + _big(encoded, at, 4)
        if end > len(encoded):
            return False
        if encoded[at + 4 : at + 8] == b"IEND":
            return True
        at = end
    raise ValueError(f"a PNG of more than {MAX_CHUNKS} chunks")


def _bmp(encoded: bytes) -> Header:
    if len(encoded) < 30:  # noqa: PLR2004
        return Header(0, 0, whole=False)
    size, width = _little(encoded, 2), _little(encoded, 18)
    height = abs(int.from_bytes(encoded[22:26], "little", signed=True))
    return Header(width, height, size <= len(encoded), int.from_bytes(encoded[28:30], "little") in _BMP_BITS)


def _big(encoded: bytes, at: int, width: int) -> int:
    return int.from_bytes(encoded[at : at + width], "big")


def _little(encoded: bytes, at: int) -> int:
    return int.from_bytes(encoded[at : at + 4], "little")
