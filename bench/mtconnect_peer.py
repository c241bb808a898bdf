"""A small MTConnect agent over HTTP with a bounded buffer: the peer of tests.

No agent is to be had as a package; this one speaks what a client needs of the protocol (probe, current,
sample with from, count, interval and heartbeat as multipart/x-mixed-replace, OUT_OF_RANGE), from the
standard's text and not from anybody's code.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape, quoteattr

BOUNDARY = "a-part-of-many"
KINDS = {"SAMPLE": "Samples", "EVENT": "Events", "CONDITION": "Condition"}


class Item(NamedTuple):
    """A data item of a device."""

    device: str
    id: str
    category: str
    name: str = ""
    units: str = ""
    representation: str = ""


class Said(NamedTuple):
    """One observation in the buffer."""

    sequence: int
    item: Item
    time: str
    value: str


class PeerAgent:
    """The agent: put observations in, ask over HTTP; it can be stopped and started on the same port."""

    def __init__(self, items: Iterable[Item], size: int = 64) -> None:
        self._items = {item.id: item for item in items}
        self._size = size
        self.instance = 1
        self._changed = threading.Condition()
        self.streams = True
        """False: an agent that answers a sample with one document."""
        self.answer: tuple[int, str, bytes] | None = None
        """What to answer instead, whatever is asked: status, type, content."""
        self.asked: list[str] = []
        """The questions, in order."""
        self._port = self._life = 0
        self.forget()
        self.start()

    @property
    def url(self) -> str:
        """Return its address."""
        return f"http://127.0.0.1:{self._port}"

    def forget(self) -> None:
        """Begin anew with an empty buffer, as after a restart; everything is UNAVAILABLE."""
        with self._changed:
            self._next = 1
            self._buffer: deque[Said] = deque(maxlen=self._size)
            self._current: dict[str, Said] = {}
        for id in self._items:
            self.say(id, "UNAVAILABLE", "2026-01-01T00:00:00Z")

    def say(self, id: str, value: str, time: str) -> None:
        """Put an observation into the buffer."""
        with self._changed:
            said = Said(self._next, self._items[id], time, value)
            self._next += 1
            self._buffer.append(said)
            self._current[id] = said
            self._changed.notify_all()

    def start(self) -> None:
        """Listen."""
        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), self._handler())
        self._server.daemon_threads = True
        self._port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Cut all connections and listen no more."""
        with self._changed:
            self._life += 1
            self._changed.notify_all()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        agent, life = self, self._life

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                agent._get(self, life)

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        return Handler

    def _get(self, asked: BaseHTTPRequestHandler, life: int) -> None:
        self.asked.append(asked.path)
        parts = urlsplit(asked.path)
        *_, question = parts.path.split("/")
        words = {key: values[0] for key, values in parse_qs(parts.query).items()}
        try:
            if self.answer:
                _send(asked, *self.answer)
            elif question == "sample" and self.streams and "interval" in words:
                self._stream(asked, words, life)
            else:
                told = {"probe": self._probe, "current": self._state}.get(question)
                document = told() if told else self._sample(int(words["from"]), int(words["count"]))[0]
                _send(asked, 200, "text/xml", document)
        except OSError:
            return  # the client went

    def _stream(self, asked: BaseHTTPRequestHandler, words: dict[str, str], life: int) -> None:
        asked.send_response(200)
        asked.send_header("Content-Type", f"multipart/x-mixed-replace;boundary={BOUNDARY}")
        asked.end_headers()
        at = int(words["from"])
        while self._life == life:
            document, at = self._sample(at, int(words["count"]))
            head = f"--{BOUNDARY}\r\nContent-type: text/xml\r\nContent-length: {len(document)}\r\n\r\n"
            asked.wfile.write(head.encode() + document + b"\r\n")
            if b"OUT_OF_RANGE" in document:
                return
            with self._changed:
                heartbeat = int(words["heartbeat"]) / 1000
                self._changed.wait_for(partial(self._has_news, at, life), heartbeat)

    def _has_news(self, at: int, life: int) -> bool:
        return self._life != life or self._next > at

    def _sample(self, start: int, count: int) -> tuple[bytes, int]:
        with self._changed:
            first = self._buffer[0].sequence if self._buffer else 1
            if not first <= start <= self._next:
                return self._document("Error", '<Errors><Error errorCode="OUT_OF_RANGE"/></Errors>'), 0
            said = [one for one in self._buffer if one.sequence >= start][:count]
            after = said[-1].sequence + 1 if said else start
            return self._document("Streams", f"<Streams>{_streams(said)}</Streams>", after), after

    def _state(self) -> bytes:
        with self._changed:
            return self._document(
                "Streams", f"<Streams>{_streams(self._current.values())}</Streams>", self._next
            )

    def _probe(self) -> bytes:
        told = ""
        for device in dict.fromkeys(item.device for item in self._items.values()):
            items = "".join(
                f'<DataItem id={quoteattr(item.id)} category="{item.category}" type="X"'
                + "".join(
                    f" {key}={quoteattr(value)}"
                    for key, value in zip(("name", "units", "representation"), item[3:], strict=True)
                    if value
                )
                + "/>"
                for item in self._items.values()
                if item.device == device
            )
            told += f'<Device id="d" name={quoteattr(device)} uuid={quoteattr(device + "-uuid")}>'
            told += f"<DataItems>{items}</DataItems></Device>"
        return self._document("Devices", f"<Devices>{told}</Devices>")

    def _document(self, kind: str, content: str, after: int = 0) -> bytes:
        first = self._buffer[0].sequence if self._buffer else 1
        return (
            f'<?xml version="1.0" encoding="UTF-8"?>\n<MTConnect{kind} xmlns="urn:mtconnect.org:'
            f'MTConnect{kind}:1.7"><Header instanceId="{self.instance}" firstSequence="{first}" '
            f'nextSequence="{after}" lastSequence="{self._next - 1}"/>{content}</MTConnect{kind}>'
        ).encode()


def _streams(said: Iterable[Said]) -> str:
    devices: dict[str, list[Said]] = {}
    for one in said:
        devices.setdefault(one.item.device, []).append(one)
    return "".join(
        f"<DeviceStream name={quoteattr(device)} uuid={quoteattr(device + '-uuid')}>"
        f'<ComponentStream component="Device" componentId="d">{"".join(map(_observation, told))}'
        "</ComponentStream></DeviceStream>"
        for device, told in devices.items()
    )


def _observation(one: Said) -> str:
    item = one.item
    name = f" name={quoteattr(item.name)}" if item.name else ""
    places = f'dataItemId={quoteattr(item.id)}{name} timestamp="{one.time}" sequence="{one.sequence}"'
    if item.category == "CONDITION":
        content = f'<{one.value.capitalize()} {places} type="X"/>'
    elif item.representation == "TIME_SERIES":
        content = f'<XTimeSeries {places} sampleCount="2">{escape(one.value)}</XTimeSeries>'
    elif item.representation == "DATA_SET":
        content = f'<XDataSet {places}><Entry key="a">{escape(one.value)}</Entry></XDataSet>'
    else:
        content = f"<X {places}>{escape(one.value)}</X>"
    return f"<{KINDS[item.category]}>{content}</{KINDS[item.category]}>"


def _send(asked: BaseHTTPRequestHandler, status: int, kind: str, content: bytes) -> None:
    asked.send_response(status)
    asked.send_header("Content-Type", kind)
    asked.send_header("Content-Length", str(len(content)))
    asked.end_headers()
    asked.wfile.write(content)
