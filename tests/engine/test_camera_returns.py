"""Cameras that went away and came back: within five seconds, without a restart, their gap on record."""

import json
import threading
import time
from base64 import b64encode
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

import cv2
import genicam
import pytest
import zmq

from engine.approvals.testing import vouch
from engine.cameras import open_camera
from engine.paths import Home
from engine.plant import GenicamCamera, Plant, StationSection, VideoCamera, ZmqCamera
from engine.station import Station
from engine.station_cameras import Cameras
from engine.testing import FrameSink, MemoryProducer, MemoryTrail
from streams.peers.ports import free_port
from vision import pictures
from vision.cameras import CameraError, Run
from vision.testing import picture, write_model

WAIT = 20.0
BACK_WITHIN_S = 5.0
PICTURE = pictures.encode_whole(picture(20))


def now():
    return time.time_ns() // 1000


@contextmanager
def reading(section):
    """Read a camera until the block ends; give what it gave."""
    sink = FrameSink()
    cameras = Cameras(1, open_camera, now, sink, {})
    cameras.follow([section])
    try:
        yield sink, cameras
    finally:
        cameras.stop()
        while cameras.alive:
            cameras.changed.wait(0.05)


def returned(sink, cameras):
    """Return the first picture of a camera that is there again just now, in time and without a trouble."""
    back = time.monotonic()
    first = sink.first_after("1")
    assert time.monotonic() - back < BACK_WITHIN_S
    assert not cameras.troubles
    return first


def gap_before(frame):
    (gap,) = frame.before
    return gap.frames, gap.reason


def test_a_remote_camera_that_fell_silent_is_back_within_five_seconds_and_its_gap_is_told():
    endpoint = f"tcp://127.0.0.1:{free_port()}"
    section = ZmqCamera(kind="zeromq", name="cam", endpoint=endpoint, silence_s=0.5)
    message = [json.dumps({"serial": "p"}).encode(), PICTURE]
    with zmq.Context() as context, reading(section) as (sink, cameras):
        with context.socket(zmq.PUSH) as sender:
            sender.connect(endpoint)
            sender.send_multipart(message)
            sink.wait(lambda: sink.frames)
        while "cam" not in cameras.troubles:
            assert not threading.Event().wait(0.01)
        assert cameras.troubles["cam"] == (
            f"Camera cam: {endpoint} gives no pictures (no picture for 0.5 s); check sender and network."
        )
        with context.socket(zmq.PUSH) as sender:
            sender.connect(endpoint)
            back = time.monotonic()
            sender.send_multipart(message)
            first = sink.first_after("1")
            assert time.monotonic() - back < BACK_WITHIN_S
    assert gap_before(first) == (0, "camera_away")
    assert sink.frames[0].ts == first.before[0].since


class Usb:
    """What OpenCV shows of a USB camera that can be unplugged."""

    plugged = threading.Event()
    refused = threading.Event()

    def __init__(self, *place):
        if not self.plugged.is_set():
            self.refused.set()

    def isOpened(self):  # noqa: N802
        return self.plugged.is_set()

    def set(self, key, value):
        pass

    def get(self, key):
        return 0.0

    def read(self):
        return (True, picture(20)) if self.plugged.is_set() else (False, None)

    def release(self):
        pass


def test_a_usb_camera_that_was_unplugged_is_back_within_five_seconds_and_its_gap_is_told(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Usb)
    Usb.plugged.set()
    with reading(VideoCamera(kind="video", name="cam", path="/dev/video9", rate=50)) as (sink, cameras):
        sink.wait(lambda: len(sink.frames) > 2)
        Usb.plugged.clear()
        assert Usb.refused.wait(WAIT)
        last = sink.frames[-1]
        Usb.plugged.set()
        first = returned(sink, cameras)
    assert gap_before(first) == (0, "camera_away")
    assert last.ts == first.before[0].since


class Web(ThreadingTCPServer):
    """A network camera over HTTP: while its power is off it says nothing, and keeps its connections."""

    daemon_threads = True
    block_on_close = False

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answer)
        self.on, self.over = threading.Event(), threading.Event()
        self.word = ""  # what a caller must say, as HTTP spells it; empty: nothing
        self.address = f"http://127.0.0.1:{self.server_address[1]}/video.mjpg"


class Answer(BaseRequestHandler):
    """Send pictures until the power goes; then, for ever, nothing."""

    head = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n\r\n"
    jpeg = pictures.encode_jpeg(picture(20))
    asks = b'HTTP/1.0 401 Unauthorized\r\nWWW-Authenticate: Basic realm="cam"\r\n\r\n'
    part = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(jpeg), jpeg)

    def handle(self):
        over, said = self.server.over, self.head
        with suppress(OSError):
            if self.server.word and self.server.word not in self.request.recv(4096).decode():
                self.request.sendall(self.asks)
                return
            while self.server.on.is_set() and not over.wait(0.02):
                self.request.sendall(said)
                said = self.part
        over.wait()


@pytest.fixture
def web():
    with Web() as server:
        line = threading.Thread(target=server.serve_forever, args=(0.01,))
        line.start()
        yield server
        server.over.set()
        server.shutdown()
        line.join(WAIT)


def test_an_address_that_fell_silent_is_back_within_five_seconds_and_its_gap_is_told(web):
    web.on.set()
    with reading(VideoCamera(kind="video", name="cam", path=web.address)) as (sink, cameras):
        sink.wait(lambda: len(sink.frames) > 2)
        web.on.clear()
        silent = time.monotonic()
        while "cam" not in cameras.troubles:
            assert time.monotonic() - silent < BACK_WITHIN_S
            assert not cameras.changed.wait(0.01)
        web.on.set()
        first = returned(sink, cameras)
    assert gap_before(first) == (0, "camera_away")


def test_an_address_is_asked_with_its_password_which_no_trouble_tells(web, monkeypatch):
    monkeypatch.setenv("CAMERA_WORD", "hunter2/@")
    told = {"user": "ann", "password": {"env": "CAMERA_WORD"}}
    section = VideoCamera.model_validate({"kind": "video", "name": "cam", "path": web.address} | told)
    web.word = f"Basic {b64encode(b'ann:hunter2/@').decode()}"
    web.on.set()
    with reading(section) as (sink, cameras):
        sink.wait(lambda: len(sink.frames) > 2)
        web.word = "Basic of another"
        web.over.set()
        for what in ("gives no pictures", "cannot be opened"):
            while what not in (trouble := cameras.troubles.get("cam", "")):
                assert not threading.Event().wait(0.01)
            assert web.address in trouble
            assert "hunter2" not in trouble


def test_an_address_that_takes_the_call_and_says_nothing_is_given_up_within_five_seconds(web):
    section = VideoCamera(kind="video", name="cam", path=web.address)
    asked = time.monotonic()
    with pytest.raises(CameraError, match="cannot be opened"):
        open_camera(section, Run("cam", "front", "1", now), 1, threading.Event())
    assert time.monotonic() - asked < BACK_WITHIN_S


@pytest.fixture
def working(tmp_path):
    """Give a context in which a station works on an industrial camera; the next one is its next run."""
    home, producer = Home(tmp_path / "home").create(), MemoryProducer()
    vouch(home, write_model(home.models))
    camera = GenicamCamera(kind="genicam", name="cam", **DEVICE)
    section = StationSection(name="weld-1", cameras=[camera], model="tiny")
    plant = Plant(name="test", stations=[section])

    @contextmanager
    def work():
        stop, trail = threading.Event(), MemoryTrail(producer)
        station = Station(section, plant, home, producer, trail=trail)
        line = threading.Thread(target=station.run, args=(stop,))
        line.start()
        try:
            yield producer, station
        finally:
            stop.set()
            line.join(WAIT)
            assert not line.is_alive()

    return work


DEVICE = {
    "producer": Path(genicam.__file__).with_name("viky.cti"),
    "device": "0",
    "settings": {"PixelFormat": "Mono8", "Width": 320, "AcquisitionFrameRate": 20.0},
}


def hold():
    """Open the industrial camera as another program would."""
    other = GenicamCamera(kind="genicam", name="other", **DEVICE)
    return open_camera(other, Run("other", "front", "1", now), 1, threading.Event())


def test_the_gap_of_a_handover_is_told_of_a_device_that_one_at_a_time_can_have(working, monkeypatch):
    monkeypatch.setattr("engine.station_cameras.RETRY", 0.01)
    with working() as (producer, _):
        producer.wait(lambda: producer.verdicts)
        with pytest.raises(CameraError, match="cannot be opened"):
            hold()
    before = producer.verdicts[-1].ts
    other, since = hold(), now()
    with working() as (_, station):
        while "cam" not in station.stats().troubles:
            assert not threading.Event().wait(0.01)
        assert "cannot be opened" in station.stats().troubles["cam"]
        until = now()
        other.close()
        producer.wait(lambda: producer.verdicts[-1].ts > until)
    (gap,) = (loss for loss in producer.losses if loss.reason == "station_away")
    first = next(verdict for verdict in producer.verdicts if verdict.ts > before)
    assert (gap.run, gap.last) == (first.views[0].run, gap.first - 1)
    assert (gap.since, gap.ts) == (before, first.ts)
    assert gap.since < since < until < gap.ts
