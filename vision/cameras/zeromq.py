"""A remote camera that pushes pictures over ZeroMQ: metadata as JSON, then the encoded picture.

Metadata: ``serial`` (text), ``ts`` (microseconds UTC, optional: else the time of arrival),
``sequence`` (from the sender's count, optional), ``run`` (text, optional: changes when the sender
starts anew). A gap in the sequence is a loss, and its numbers stay free in our count; a jump that no
camera makes is bad metadata.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass
from typing import Any

import zmq

from vision import pictures
from vision.cameras.abc import CameraError
from vision.cameras.run import Run
from vision.records import Frame

BAD_METADATA = "bad_metadata"
POLL_MS = 100
QUEUE = 16
PARTS = 2
FURTHEST = 1 << 62
"""No time and no number is further from 0."""
WIDEST_GAP = 1 << 31
"""Frames of a loss: two years at 30 a second."""


@dataclass(frozen=True, slots=True)
class Metadata:
    """What a sender says of a picture."""

    serial: str = ""
    ts: int | None = None
    sequence: int | None = None
    run: str = ""


def parse(message: list[bytes]) -> tuple[Metadata, bytes]:
    """Read a message.

    Raises
    ------
    ValueError
        It is not metadata and a picture.
    """
    if len(message) != PARTS:
        raise ValueError(f"a message has two parts, metadata and picture, not {len(message)}")
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
        run=_text(fields, "run"),
    ), message[1]


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

    def __init__(self, run: Run, endpoint: str, stop: threading.Event) -> None:
        self._run = run
        self._stop = stop
        self._sender: tuple[str, int | None] = ("", None)
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
            told, encoded = parse(message)
            missing = self._missing(told)
        except ValueError:
            self._follow(None)
            return self._run.frame(b"\n".join(message), "", defect=BAD_METADATA)
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
