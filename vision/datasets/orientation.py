"""Does a picture claim to be turned? Trainers turn it then, the runtime does not, and annotators may have.

EXIF says so in a JPEG's APP1 segment and in a PNG's ``eXIf`` chunk: a small TIFF whose first directory
has the tag 0x0112, where 1 is upright.
"""

from __future__ import annotations

import struct

TAG, UPRIGHT, ENTRY, SHORT = 0x0112, 1, 12, 3
START_OF_SCAN, APP1 = 0xDA, 0xE1


def turned(encoded: bytes) -> bool:
    """Return whether the metadata of a JPEG or PNG claim that it is not upright."""
    try:
        return orientation(exif(encoded)) not in (0, UPRIGHT)
    except (struct.error, IndexError):
        return False


def exif(encoded: bytes) -> bytes:
    """Return the TIFF that holds the metadata, empty where there is none."""
    if encoded.startswith(b"\x89PNG"):
        return _of_png(encoded)
    return _of_jpeg(encoded) if encoded.startswith(b"\xff\xd8") else b""


def orientation(tiff: bytes) -> int:
    """Return what the first directory says of the orientation, 0 where it says nothing."""
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    if order is None:
        return 0
    (at,) = struct.unpack_from(order + "I", tiff, 4)
    (entries,) = struct.unpack_from(order + "H", tiff, at)
    for index in range(entries):
        tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, at + 2 + ENTRY * index)
        if tag == TAG and kind == SHORT:
            return int(value)
    return 0


def _of_png(encoded: bytes) -> bytes:
    at = 8
    while at + 8 <= len(encoded):
        (length,) = struct.unpack_from(">I", encoded, at)
        if encoded[at + 4 : at + 8] == b"eXIf":
            return encoded[at + 8 : at + 8 + length]
        at += 12 + length
    return b""


def _of_jpeg(encoded: bytes) -> bytes:
    at = 2
    while at + 4 <= len(encoded) and encoded[at] == 0xFF and encoded[at + 1] != START_OF_SCAN:  # noqa: PLR2004
        (length,) = struct.unpack_from(">H", encoded, at + 2)
        body = encoded[at + 4 : at + 2 + length]
        if encoded[at + 1] == APP1 and body.startswith(b"Exif\0\0"):
            return body[6:]
        at += 2 + length
    return b""
