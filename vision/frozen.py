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
    encoded: bytes
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
        last = self._last.get(frame.camera)
        if last is None or not same_pixels(last.encoded, frame.encoded):
            self._last[frame.camera] = Last(frame.serial, frame.encoded)
            return frame
        if last.serial != frame.serial:
            last.serial, last.repeats = frame.serial, last.repeats + 1
        return replace(frame, repeated=True) if last.repeats > self._allowed else frame


def same_pixels(one: bytes, other: bytes) -> bool:
    r"""Return whether what of two pictures' bytes depends on their pixels is the same.

    Most pictures differ in length, and nothing is copied.

    Examples
    --------
    >>> same_pixels(b"\xff\xd8 12:00 \xff\xda pixels", b"\xff\xd8 12:01 \xff\xda pixels")
    True
    """
    begin, start = _begin(one), _begin(other)
    return len(one) - begin == len(other) - start and one[begin:] == other[start:]


def _begin(encoded: bytes) -> int:
    """Return where a picture's pixels begin."""
    if encoded.startswith(JPEG):
        return max(encoded.rfind(JPEG_SCAN), 0)
    return max(encoded.find(PNG_DATA), 0) if encoded.startswith(PNG) else 0
