"""Those who send: a station through the appender, a device through the gateway; both know what they sent."""

from __future__ import annotations

import json
import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

import zmq

from bench.chaos.compare import Reading
from bench.chaos.plant import LATE, MILL, PRESS, SENSOR
from engine.approvals.entry import Deed
from engine.approvals.entry import Entry as Approval
from engine.release.events import EVENTS, Event
from engine.station_drift import Drifted
from streams.clock import Clock
from streams.connectors.numbered import OK, WAIT, Numbered, pack, unpack_reply
from streams.connectors.waveforms import decode_json
from streams.log.abc import Kind
from streams.log.producer import ZmqProducer
from streams.records import Readings, encode
from streams.waveforms import Waveforms
from vision.records import Finding, Outcome, Verdict, Versions, View

SEND_EVERY = 0.02
REPEAT_AFTER = 1.0
"""Seconds without an answer after which a device connects anew and repeats what was not answered."""
WAITING = 100
"""So many messages wait for their answers; then the device holds back."""
NAME = "device-1"
SIZE = 10
BURST, BURST_STEPS = 40, 150
"""So much is added to the numbers, for so many steps of every fifth: the anomaly score's alarms."""


class Feed:
    """Send a known sequence of entries, some unreadable, until told to stop."""

    def __init__(self, producer: ZmqProducer, clock: Clock) -> None:
        self._producer = producer
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent: list[tuple[Kind, bytes]] = []
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stop.set()

    def done(self) -> bool:
        """Return whether everything sent is acknowledged, after `stop`."""
        return not self._thread.is_alive() and self._producer.flush(0.0)

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(SEND_EVERY):
            number += 1
            for kind, payload in entries(number, self._clock.now()):
                self.sent.append((kind, payload))
                self._producer.send(kind, payload)


class Message(NamedTuple):
    """One message of a device, and what shall become of it."""

    payload: bytes
    readings: tuple[Reading, ...] = ()
    unreadable: tuple[str, ...] = ()
    """Its text, where it is no reading."""


class Device:
    """Send numbered batches to a ZeroMQ source and repeat them, in order, until they are on disk."""

    def __init__(self, endpoint: str, clock: Clock) -> None:
        self._endpoint, self._clock = endpoint, clock
        self._stop = threading.Event()
        self._waiting: OrderedDict[int, Message] = OrderedDict()
        self._number = 0
        self.readings: Counter[Reading] = Counter()
        """Readings that were acknowledged."""
        self.unreadable: Counter[str] = Counter()
        """Messages that nobody can read and that were acknowledged, as text."""
        self.repeated = 0
        """How many messages were sent again."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Send nothing new."""
        self._stop.set()

    def done(self) -> bool:
        """Return whether everything sent is acknowledged, after `stop`."""
        return not self._thread.is_alive()

    def close(self) -> None:
        """Give up what is not acknowledged."""
        self._stop.set()
        self._waiting.clear()
        self._thread.join()

    def _run(self) -> None:
        with zmq.Context() as context:
            while self._at_work():
                with context.socket(zmq.DEALER) as socket:
                    socket.setsockopt(zmq.LINGER, 0)
                    socket.connect(self._endpoint)
                    self._talk(socket)

    def _at_work(self) -> bool:
        return bool(self._waiting) or not self._stop.is_set()

    def _talk(self, socket: zmq.Socket[bytes]) -> None:
        """Use one connection until it is silent, or asks for all once more."""
        for number in list(self._waiting):
            self._send(socket, number)
        self.repeated += len(self._waiting)
        heard = time.monotonic()
        while time.monotonic() < heard + REPEAT_AFTER and self._at_work():
            if not self._stop.is_set() and len(self._waiting) < WAITING:
                self._number += 1
                self._waiting[self._number] = batch(self._number, self._clock.now())
                self._send(socket, self._number)
            verdicts = list(self._hear(socket))
            if WAIT in verdicts:
                return
            if verdicts or not self._waiting:
                heard = time.monotonic()

    def _send(self, socket: zmq.Socket[bytes], number: int) -> None:
        floor = next(iter(self._waiting)) - 1
        payload = self._waiting[number].payload
        socket.send_multipart(pack(Numbered(b"arrow", NAME, number, floor, payload)))

    def _hear(self, socket: zmq.Socket[bytes]) -> Iterator[bytes]:
        """Take the answers that come until the next message is due."""
        until = time.monotonic() + SEND_EVERY
        while socket.poll(max(0, int(1000 * (until - time.monotonic()))), zmq.POLLIN):
            number, verdict, _ = unpack_reply(socket.recv_multipart())
            yield verdict
            while verdict == OK and self._waiting and next(iter(self._waiting)) <= number:
                _, message = self._waiting.popitem(last=False)
                self.readings.update(message.readings)
                self.unreadable.update(message.unreadable)


def batch(number: int, now: int) -> Message:
    """Return the device's next message: numbers, words now and then, rarely one that nobody can read."""
    if number % 23 == 0:
        raw = f"half a bat {number}"
        return Message(raw.encode(), unreadable=(raw,))
    if number % 17 == 0:
        word = "ACTIVE" if number % 2 else "READY"
        sent = Readings.texts([MILL], ["execution"], [now], [word])
        return Message(encode(sent.to_arrow()), (("execution", now, word),))
    stamps, values = loads(number, now)
    sent = Readings.numbers([MILL] * SIZE, ["load"] * SIZE, stamps, values)
    known = [
        ("load", ts, f"{value:.15g}")
        for ts, value in zip(stamps, values, strict=True)
        if not math.isnan(value)
    ]
    return Message(encode(sent.to_arrow()), tuple(known))


def loads(number: int, now: int) -> tuple[list[int], list[float]]:
    """Return times, some of them late, and numbers, now and then one that is none, now and then a burst.

    Sixteenths are written by Python and by PostgreSQL alike.
    """
    late = max((delay for every, delay in LATE.items() if number % every == 0), default=0)
    base = number % 13 + (BURST if number // BURST_STEPS % 5 == 4 else 0)
    values = [math.nan if number % 31 == 0 and i == SIZE // 2 else base + i / 16 for i in range(SIZE)]
    return [now - 1000 * i - late for i in range(SIZE)], values


def entries(number: int, now: int) -> list[tuple[Kind, bytes]]:
    """Return what is sent in one step: readings always, a word, a verdict, a waveform, garbage at times."""
    stamps, values = loads(number, now)
    found = [(Kind.READINGS, Readings.numbers([PRESS] * SIZE, ["load"] * SIZE, stamps, values))]
    if number % 17 == 0:
        word = "ACTIVE" if number % 2 else "READY"
        found.append((Kind.READINGS, Readings.texts([PRESS], ["execution"], [now], [word])))
    sent = [(kind, encode(readings.to_arrow())) for kind, readings in found]
    if number % 5 == 0:
        sent.append((Kind.VERDICT, verdict(number, now).to_json()))
        sent += told_of_station(number, now)
    if number % 19 == 0:
        sent.append((Kind.WAVEFORM, encode(waveform(number, now).to_arrow())))
    if number % 23 == 0:
        sent.append((Kind.READINGS, b"half a bat"))
    return sent


def told_of_station(number: int, now: int) -> list[tuple[Kind, bytes]]:
    """Return what a station says besides its verdicts: of its release, its models, and what it sees."""
    event = EVENTS[number // 5 % len(EVENTS)]
    release = Event("gate", number, now, event, "demo", "r", "because", serial=f"S{number}")
    drift = Drifted("gate", "demo", "front", "mean", now, 500, number % 7 / 16, 100.0, 99.5)
    signed = Approval(number, "b" * 64, Deed.SIGN, "Li Wei", now, "good", "m", hash="m", part_number="demo")
    return [
        (Kind.SHADOW, verdict(number, now).to_json()),
        (Kind.RELEASE, release.to_json()),
        (Kind.DRIFT, drift.to_json()),
        (Kind.APPROVAL, signed.line),
    ]


def waveform(number: int, now: int) -> Waveforms:
    """Return what an accelerometer recorded."""
    samples = [math.sin(number + sample / 3) for sample in range(64)]
    told = {"machine": PRESS, "sensor": SENSOR, "ts": now, "rate_hz": 1000, "samples": samples}
    return decode_json(json.dumps(told).encode())


def verdict(number: int, now: int) -> Verdict:
    """Return the verdict on a part."""
    finding = Finding("Surface_pores", 0.5 + number % 3 / 10, (1.0, 2.0, 3.0, 4.0), "2017")
    view = View("c1", "front", "r1", number, now, f"{number:064x}", 416, 416, {"blur": 9.0}, (finding,))
    outcome = (Outcome.OK, Outcome.NG, Outcome.REVIEW)[number % 3]
    return Verdict("gate", f"S{number}", "demo", 1, now, outcome, "", Versions("m", "p", "r"), (view,))
