"""A remote camera that pushes pictures over ZeroMQ: metadata as JSON, then the picture.

Metadata: ``serial`` (text, optional), ``ts`` (microseconds UTC, optional: else the time of arrival),
``sequence`` (from the sender's count of frames, optional), ``trigger`` (from the count of its hardware
trigger, optional), ``run`` (text, optional: changes when the sender counts anew), ``order``, ``fixture``
and ``operator`` of the part (texts, optional). A picture is encoded (JPEG, PNG, BMP), or raw: then
``pixels`` names its format (`vision.cameras.raw`), ``width`` and ``height`` its size. A gap in a count
is a loss, and its numbers stay free in our count.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from zlib import crc32

import zmq

from vision import pictures
from vision.cameras.abc import CameraError
from vision.cameras.raw import to_image
from vision.cameras.run import LOST, Run
from vision.records import Frame, Identity

BAD_METADATA = "bad_metadata"
NO_FRAME = "trigger_without_frame"
POLL_MS = 100
QUEUE = 16
PARTS = 2
MOST_METADATA = 1 << 16
MOST_BAD = 1 << 20
"""Bytes that are kept of a message that cannot be read."""
LONGEST = 200
"""Characters of a text at the most."""
LARGEST = 1 << 53
"""Numbers beyond it are no numbers of frames, pixels or microseconds: other programs' JSON loses them."""


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
    identity: Identity = field(default_factory=Identity)


def parse(message: list[bytes]) -> tuple[Metadata, bytes]:
    """Read a message.

    Raises
    ------
    ValueError
        It is not metadata and a picture.
    """
    if len(message) != PARTS:
        raise ValueError(f"a message has two parts, metadata and picture, not {len(message)}")
    if len(message[0]) > MOST_METADATA:
        raise ValueError(f"the metadata has {len(message[0])} bytes, more than {MOST_METADATA}")
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
        trigger=_number(fields, "trigger"),
        run=_text(fields, "run"),
        pixels=_text(fields, "pixels"),
        width=_number(fields, "width") or 0,
        height=_number(fields, "height") or 0,
        identity=Identity(**{name: _text(fields, name).strip() for name in ("order", "fixture", "operator")}),
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


class Inlet(Protocol):
    """Receives the messages of a socket, and lets none be without end."""

    def messages(self, most: int) -> Iterable[tuple[list[bytes], str]]:
        """Return messages that are there, of each its first parts."""

    def __exit__(self, *_: object) -> None:
        """Let go of the socket."""


class OpenInlet:
    """Receives the messages of a socket whose senders can be trusted to end theirs."""

    def __init__(self, receiver: zmq.Socket[bytes]) -> None:
        self._socket = receiver

    def messages(self, most: int) -> Iterable[tuple[list[bytes], str]]:
        """Return messages that are there."""
        waiting = range(most) if self._socket.poll(0) else ()
        return [(self._socket.recv_multipart(), "") for _ in waiting]

    def __exit__(self, *_: object) -> None:
        pass


class ZmqCamera:
    """Take pictures that a sender pushes to ``endpoint`` (bound here).

    Parameters
    ----------
    inlet
        Returns what receives for a socket that is not bound yet.
    silence
        Seconds without a picture after which it is opened anew; None: it may be silent for ever.

    Raises
    ------
    CameraError
        The endpoint cannot be bound.
    """

    live = True

    def __init__(
        self,
        run: Run,
        endpoint: str,
        stop: threading.Event,
        inlet: Callable[[zmq.Socket[bytes]], Inlet] = OpenInlet,
        silence: float | None = None,
    ) -> None:
        self._run, self._endpoint = run, endpoint
        self._stop, self._silence = stop, silence
        self._sequence: int | None = None
        self._socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PULL)
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.setsockopt(zmq.RCVHWM, QUEUE)
        self._socket.setsockopt(zmq.MAXMSGSIZE, pictures.MAX_BYTES)
        self._inlet = inlet(self._socket)
        try:
            self._socket.bind(endpoint)
        except zmq.ZMQError as exc:
            self.close()
            raise CameraError(f"Camera {run.camera}: {endpoint} cannot be bound: {exc.strerror}.") from exc

    def read(self) -> Frame | None:
        """Wait for the next picture.

        Raises
        ------
        CameraError
            None came for too long.
        """
        quiet_until = time.monotonic() + (self._silence or 0.0)
        while not self._stop.is_set():
            self._socket.poll(POLL_MS)
            if found := list(self._inlet.messages(1)):
                return self.take(found[0][0])
            if self._silence and time.monotonic() > quiet_until:
                raise CameraError(
                    f"Camera {self._run.camera}: {self._endpoint} gives no pictures (no picture for"
                    f" {self._silence:g} s); check sender and network."
                )
        return None

    def close(self) -> None:
        """Give up the endpoint."""
        self._inlet.__exit__()
        self._socket.close()

    def take(self, message: list[bytes]) -> Frame:
        """Return the frame that a message is, bad metadata as its defect."""
        try:
            told, picture = parse(message)
        except ValueError:
            self._run.uncounted()
            self._sequence = None
            begin = b"\n".join(part[:MOST_BAD] for part in message[: PARTS + 1])
            return self._run.frame(begin[:MOST_BAD], "", defect=BAD_METADATA)
        self._count(told)
        image, defect = None, ""
        if told.pixels:
            image, defect = to_image(picture, told.pixels, told.width, told.height)
        encoded = picture if image is None else pictures.encode_whole(image)
        frame = self._run.frame(encoded, told.serial, told.ts, image, defect, bool(told.serial))
        return replace(frame, identity=told.identity)

    def _count(self, told: Metadata) -> None:
        """Count by triggers where they are told, else by frames."""
        follows = told.sequence is not None and self._sequence == told.sequence - 1
        self._sequence = told.sequence
        session = crc32(told.run.encode())
        if told.trigger is not None:
            self._run.count(told.trigger, session, NO_FRAME if follows else LOST)
        elif told.sequence is not None:
            self._run.count(told.sequence, session)
