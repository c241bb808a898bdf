"""Look at a picture before it is learned from: whether it may be decoded, which way is up, how it looks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from vision import pictures
from vision.datasets.duplicates import mark_of
from vision.datasets.orientation import turned
from vision.judge import SENTENCES as DOUBTS

ENDINGS = (".bmp", ".jpeg", ".jpg", ".png")
SMALLEST, LONGEST = 32, 10_000
"""Pixels that the shorter side of a picture has at least, and the longer at the most."""

TURNED, TINY, VAST = "turned", "tiny", "vast"
SENTENCES = DOUBTS | {
    TURNED: "the picture claims to be turned, and nobody knows which way its boxes lie",
    TINY: f"a side of the picture has less than {SMALLEST} pixels",
    VAST: f"a side of the picture has more than {LONGEST:,} pixels",
}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a file is: ``defect`` says why it is no picture to learn from, empty where it is one."""

    defect: str
    width: int = 0
    height: int = 0
    sha256: str = ""
    mark: bytes = b""
    """How it looks: the marks of two pictures that look alike differ in few bits."""


def see(file: Path) -> Seen:
    """Look at a file; whatever is in it, this ends soon and takes little memory."""
    try:
        if file.stat().st_size > pictures.MAX_BYTES:
            return Seen(pictures.TOO_LARGE)
        encoded = file.read_bytes()
    except OSError:
        return Seen(pictures.UNREADABLE)
    if defect := pictures.inspect_container(encoded) or doubt_about_shape(encoded):
        return Seen(defect)
    image, defect = pictures.decode(encoded)
    if image is None:
        return Seen(defect)
    height, width = image.shape[:2]
    return Seen("", width, height, hashlib.sha256(encoded).hexdigest(), mark_of(image))


def doubt_about_shape(encoded: bytes) -> str:
    """Return why a picture that may be decoded is none to learn from; empty where it is."""
    header = pictures.read_header(encoded)
    short, long = sorted((header.width, header.height)) if header else (0, 0)
    if short < SMALLEST:
        return TINY
    if long > LONGEST:
        return VAST
    return TURNED if turned(encoded) else ""


def pictures_below(folder: Path) -> list[Path]:
    """Return the pictures of a folder and of those in it, in the order of their names."""
    return sorted(file for file in folder.rglob("*") if file.suffix.lower() in ENDINGS and file.is_file())
