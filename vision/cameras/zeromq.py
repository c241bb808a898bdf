"""A remote camera that pushes pictures over ZeroMQ: metadata as JSON, then the encoded picture.

Metadata: ``serial`` (text), ``ts`` (microseconds UTC, optional: else the time of arrival),
``sequence`` (from the sender's count, optional), ``run`` (text, optional: changes when the sender
starts anew). A gap in the sequence is a loss, and its numbers stay free in our count.
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
    fields: Any = json.loads(message[0])
    if not isinstance(fields, dict):
        raise ValueError("the metadata is no JSON object")
    return Metadata(
        serial=_typed(fields, "serial", str) or "",
        ts=_typed(fields, "ts", int),
        sequence=_typed(fields, "sequence", int),
        run=_typed(fields, "run", str) or "",
    ), message[1]


def _typed(fields: dict[str, Any], name: str, wanted: type) -> Any:
    value = fields.get(name)
    if value is not None and type(value) is not wanted:
        raise ValueError(f"{name} is {value!r}, it must be {wanted.__name__}")
    return value


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
                return self._take(self._socket.recv_multipart())
        return None

    def close(self) -> None:
        """Give up the endpoint."""
        self._socket.close()

    def _take(self, message: list[bytes]) -> Frame:
        try:
            told, encoded = parse(message)
        except ValueError:
            self._follow(None)
            return self._run.frame(b"\n".join(message), "", defect=BAD_METADATA)
        self._run.skip(self._missing(told))
        return self._run.frame(encoded, told.serial, told.ts)

    def _missing(self, told: Metadata) -> int:
        """Return how many frames of the sender's count lie between the last one and this."""
        run, last = self._sender
        self._sender = (told.run, told.sequence)
        if told.sequence is None or last is None or run != told.run or told.sequence <= last:
            return 0
        return told.sequence - last - 1

    def _follow(self, sequence: int | None) -> None:
        run, last = self._sender
        self._sender = (run, last + 1 if sequence is None and last is not None else sequence)
