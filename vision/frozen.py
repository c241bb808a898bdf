"""A camera that shows the picture of the part before, though another part lies there: it froze.

Bytes are compared, not what they show: two pictures of a sensor never agree in all their pixels. A
JPEG's or PNG's head is left out, for it may tell the time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from vision.records import Frame

JPEG, JPEG_SCAN = b"\xff\xd8", b"\xff\xda"
PNG, PNG_DATA = b"\x89PNG", b"IDAT"


@dataclass(slots=True)
class Last:
    """What a camera showed last, and how often in a row."""

    serial: str
    pixels: bytes
    repeats: int = 0


class Repeats:
    """Mark frames that repeat the one before of the same camera, for another part.

    Frames come in the order of their parts, one at a time.

    Parameters
    ----------
    allowed
        How often in a row the same picture may come.
    """

    def __init__(self, allowed: int = 0) -> None:
        self._allowed = allowed
        self._last: dict[str, Last] = {}

    def look(self, frame: Frame, apart: bool = True) -> Frame:
        """Return the frame, marked where it repeats the one before.

        ``apart`` says whether a frame that was named after itself shows another part than the one before.
        """
        if not frame.encoded or (
            frame.serial == f"{frame.camera}-{frame.run}-{frame.sequence}" and not apart
        ):
            return frame
        pixels, last = pixels_of(frame.encoded), self._last.get(frame.camera)
        if last is None or last.pixels != pixels:
            self._last[frame.camera] = Last(frame.serial, pixels)
            return frame
        if last.serial != frame.serial:
            last.serial, last.repeats = frame.serial, last.repeats + 1
        return replace(frame, repeated=True) if last.repeats > self._allowed else frame


def pixels_of(encoded: bytes) -> bytes:
    r"""Return what of a picture's bytes depends on its pixels.

    Examples
    --------
    >>> pixels_of(b"\xff\xd8 12:00 \xff\xda pixels") == pixels_of(b"\xff\xd8 12:01 \xff\xda pixels")
    True
    """
    if encoded.startswith(JPEG):
        return encoded[max(encoded.rfind(JPEG_SCAN), 0) :]
    if encoded.startswith(PNG):
        return encoded[max(encoded.find(PNG_DATA), 0) :]
    return encoded
