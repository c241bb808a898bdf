"""A remote camera that pushes pictures over ZeroMQ: metadata as JSON, then the picture.

<<<<<<< HEAD
Metadata: ``serial`` (text), ``ts`` (microseconds UTC, optional: else the time of arrival),
``sequence`` (from the sender's count, optional), ``run`` (text, optional: changes when the sender
starts anew). A gap in the sequence is a loss, and its numbers stay free in our count; a jump that no
camera makes is bad metadata.
=======
Metadata: ``serial`` (text, optional), ``ts`` (microseconds UTC, optional: else the time of arrival),
``sequence`` (from the sender's count of frames, optional), ``trigger`` (from the count of its hardware
trigger, optional), ``run`` (text, optional: changes when the sender counts anew). A picture is encoded
(JPEG, PNG, BMP), or raw: then ``pixels`` names its format (`vision.cameras.raw`), ``width`` and
``height`` its size. A gap in a count is a loss, and its numbers stay free in our count.
>>>>>>> a9db0b7 (Network and industrial cameras; what a camera, a station or a kill made us miss stands in the ledger, by number where somebody counts; cameras come and go at work)
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import zmq

from vision import pictures
from vision.cameras.abc import CameraError
from vision.cameras.raw import to_image
from vision.cameras.run import LOST, Run
from vision.records import Frame

BAD_METADATA = "bad_metadata"
NO_FRAME = "trigger_without_frame"
POLL_MS = 100
QUEUE = 16
PARTS = 2
<<<<<<< HEAD
FURTHEST = 1 << 62
"""No time and no number is further from 0."""
WIDEST_GAP = 1 << 31
"""Frames of a loss: two years at 30 a second."""
=======
MOST_METADATA = 1 << 16
LONGEST = 200
"""Characters of a serial or a run at the most."""
LARGEST = 1 << 53
"""Numbers beyond it are no numbers of frames, pixels or microseconds: other programs' JSON loses them."""
>>>>>>> a9db0b7 (Network and industrial cameras; what a camera, a station or a kill made us miss stands in the ledger, by number where somebody counts; cameras come and go at work)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a sender says of a picture."""

    serial: str = ""
    ts: int | None = None
    sequence: int | None = None
    trigger: int | None = None
    run: str = ""
    pixels: str = ""
    width: int = 0
    height: int = 0


def parse(message: list[bytes]) -> tuple[Metadata, bytes]:
    """Read a message.

    Raises
    ------
    ValueError
        It is not metadata and a picture.
    """
    if len(message) != PARTS:
        raise ValueError(f"a message has two parts, metadata and picture, not {len(message)}")
<<<<<<< HEAD
=======
    if len(message[0]) > MOST_METADATA:
        raise ValueError(f"the metadata has {len(message[0])} bytes, more than {MOST_METADATA}")
>>>>>>> a9db0b7 (Network and industrial cameras; what a camera, a station or a kill made us miss stands in the ledger, by number where somebody counts; cameras come and go at work)
    try:
        fields: Any = json.loads(message[0])
    except RecursionError as exc:
        raise ValueError("the metadata is nested too deeply") from exc
    if not isinstance(fields, dict):
        raise ValueError("the metadata is no JSON object")
    return Metadata(
        serial=_text(fields, "serial"),
        ts=_number(fields, "ts"),
        sequence=_number(fields, "sequence"),
<<<<<<< HEAD
        run=_text(fields, "run"),
=======
        trigger=_number(fields, "trigger"),
        run=_text(fields, "run"),
        pixels=_text(fields, "pixels"),
        width=_number(fields, "width") or 0,
        height=_number(fields, "height") or 0,
>>>>>>> a9db0b7 (Network and industrial cameras; what a camera, a station or a kill made us miss stands in the ledger, by number where somebody counts; cameras come and go at work)
    ), message[1]


def _text(fields: dict[str, Any], name: str) -> str:
    value: str = _typed(fields, name, str) or ""
    if len(value) > LONGEST or (value and not value.isprintable()):
        raise ValueError(f"{name} must be printable and of {LONGEST} characters at the most")
    return value


def _number(fields: dict[str, Any], name: str) -> int | None:
    value: int | None = _typed(fields, name, int)
    if value is not None and not 0 <= value <= LARGEST:
        raise ValueError(f"{name} is {value}, it must lie between 0 and {LARGEST}")
    return value


def _typed(fields: dict[str, Any], name: str, wanted: type) -> Any:
    value = fields.get(name)
    if value is not None and type(value) is not wanted:
        raise ValueError(f"{name} is {value!r}, it must be {wanted.__name__}")
    return value


def _text(fields: dict[str, Any], name: str) -> str:
    """Return a text; half a surrogate pair, which no UTF-8 can write, becomes a question mark."""
    text: str = _typed(fields, name, str) or ""
    return text.encode(errors="replace").decode()


def _number(fields: dict[str, Any], name: str) -> int | None:
    number: int | None = _typed(fields, name, int)
    if number is not None and abs(number) > FURTHEST:
        raise ValueError(f"{name} is out of range")
    return number


class ZmqCamera:
    """Take pictures that a sender pushes to ``endpoint`` (bound here).

    Raises
    ------
    CameraError
        The endpoint cannot be bound.
    """

    live = True

    def __init__(self, run: Run, endpoint: str, stop: threading.Event) -> None:
        self._run = run
        self._stop = stop
        self._sequence: int | None = None
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PULL)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, QUEUE)
        self._socket.setsockopt(zmq.MAXMSGSIZE, pictures.MAX_BYTES)
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError as exc:
            self._socket.close()
            raise CameraError(f"Camera {run.camera}: {endpoint} cannot be bound: {exc.strerror}.") from exc

    def read(self) -> Frame | None:
        """Wait for the next picture."""
        while not self._stop.is_set():
            if self._socket.poll(POLL_MS):
                return self.take(self._socket.recv_multipart())
        return None

    def close(self) -> None:
        """Give up the endpoint."""
        self._socket.close()

    def take(self, message: list[bytes]) -> Frame:
        """Return the frame that a message is, bad metadata as its defect."""
        try:
<<<<<<< HEAD
            told, encoded = parse(message)
            missing = self._missing(told)
=======
            told, picture = parse(message)
>>>>>>> a9db0b7 (Network and industrial cameras; what a camera, a station or a kill made us miss stands in the ledger, by number where somebody counts; cameras come and go at work)
        except ValueError:
            self._run.uncounted()
            self._sequence = None
            return self._run.frame(b"\n".join(message), "", defect=BAD_METADATA)
<<<<<<< HEAD
        self._run.skip(missing)
        return self._run.frame(encoded, told.serial, told.ts)

    def _missing(self, told: Metadata) -> int:
        """Return how many frames of the sender's count lie between the last one and this.

        Raises
        ------
        ValueError
            More than any camera can have taken.
        """
        run, last = self._sender
        self._sender = (told.run, told.sequence)
        if told.sequence is None or last is None or run != told.run or told.sequence <= last:
            return 0
        if (missing := told.sequence - last - 1) > WIDEST_GAP:
            raise ValueError(f"{missing} frames are missing, which no camera can have taken")
        return missing

    def _follow(self, sequence: int | None) -> None:
        run, last = self._sender
        self._sender = (run, last + 1 if sequence is None and last is not None else sequence)
=======
        self._count(told)
        if not told.pixels:
            return self._run.frame(picture, told.serial, told.ts)
        image, defect = to_image(picture, told.pixels, told.width, told.height)
        encoded = picture if image is None else pictures.encode_whole(image)
        return self._run.frame(encoded, told.serial, told.ts, image, defect)

    def _count(self, told: Metadata) -> None:
        """Count by triggers where they are told, else by frames."""
        follows = told.sequence is not None and self._sequence == told.sequence - 1
        self._sequence = told.sequence
        session = crc32(told.run.encode())
        if told.trigger is not None:
            self._run.count(told.trigger, session, NO_FRAME if follows else LOST)
        elif told.sequence is not None:
            self._run.count(told.sequence, session)
>>>>>>> a9db0b7 (Network and industrial cameras; what a camera, a station or a kill made us miss stands in the ledger, by number where somebody counts; cameras come and go at work)
