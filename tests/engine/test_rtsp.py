"""A network camera against a real RTSP server, GStreamer's."""

import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from engine.cameras import open_camera, sign_in
from engine.plant import RtspCamera
from engine.station_cameras import Cameras
from engine.testing import FrameSink
from vision import pictures
from vision.cameras import CameraError, Run
from vision.cameras.run import BELIEVED_CLOCK

SERVER = Path(__file__).parents[1] / "rtsp_server.py"
SYSTEM_PYTHON = "/usr/bin/python3"
WAIT = 60.0
BACK_WITHIN_S = 5.0


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serving(port, kind="jpeg"):
    """Run the server until the block ends."""
    command = [SYSTEM_PYTHON, str(SERVER), str(port), kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout.readline() == "ready\n"
            yield server
        finally:
            server.kill()


def section(port, **settings):
    return RtspCamera(kind="rtsp", name="cam", address=f"rtsp://127.0.0.1:{port}/seam", **settings)


def now():
    return time.time_ns() // 1000


@contextmanager
def opened(port, **settings):
    run, stop = Run("cam", "front", "1", now), threading.Event()
    camera = open_camera(section(port, **settings), run, 1, stop)
    try:
        yield camera, run, stop
    finally:
        camera.close()


def test_pictures_of_a_jpeg_stream_go_through_as_they_came(port):
    with serving(port), opened(port) as (camera, _, _):
        frames = [camera.read() for _ in range(5)]
    assert [frame.sequence for frame in frames] == [1, 2, 3, 4, 5]
    assert all(frame.encoded.startswith(b"\xff\xd8") and frame.image is None for frame in frames)
    assert [pictures.decode(frame.encoded)[0].shape for frame in frames] == [(240, 320, 3)] * 5
    assert all(abs(frame.ts - now()) < BELIEVED_CLOCK for frame in frames)


def test_pictures_of_another_stream_are_encoded_without_loss(port):
    with serving(port, "h264"), opened(port) as (camera, _, stop):
        frames = [camera.read() for _ in range(5)]
        stop.set()
        assert camera.read() is None
    for frame in frames:
        image, defect = pictures.decode(frame.encoded)
        assert defect == ""
        assert np.array_equal(image, frame.image)


def test_the_cameras_own_clock_is_measured_once_it_reports(port):
    limit = time.monotonic() + WAIT
    with serving(port), opened(port) as (camera, run, _):
        while run.offset.microseconds is None:
            assert time.monotonic() < limit
            camera.read()
        frame = camera.read()
    assert abs(run.offset.microseconds) < 5_000_000
    assert abs(frame.ts - now()) < BELIEVED_CLOCK


def test_no_more_pictures_are_taken_than_asked_for(port):
    with serving(port), opened(port, rate=5) as (camera, _, _):
        began = time.monotonic()
        for _ in range(4):
            camera.read()
        assert time.monotonic() - began > 0.5


def test_a_camera_that_does_not_answer_is_an_error_without_its_password(port, monkeypatch):
    monkeypatch.setenv("CAMERA_WORD", "hunter2/@")
    silent = section(port, user="ann", password={"env": "CAMERA_WORD"})
    assert sign_in(silent, silent.address) == f"rtsp://ann:hunter2%2F%40@127.0.0.1:{port}/seam"
    with pytest.raises(CameraError, match="gives no pictures") as told:
        open_camera(silent, Run("cam", "front", "1", now), 1, threading.Event())
    assert "hunter2" not in str(told.value)


def test_a_password_that_is_not_there_is_one_sentence(port, monkeypatch):
    monkeypatch.delenv("CAMERA_WORD", raising=False)
    with pytest.raises(CameraError, match="Camera cam: The variable CAMERA_WORD is not set"):
        sign_in(section(port, user="ann", password={"env": "CAMERA_WORD"}), "rtsp://camera/seam")


def test_a_camera_that_died_is_back_within_five_seconds_and_its_gap_is_told(port):
    sink = FrameSink()
    cameras = Cameras(1, open_camera, now, sink, {})
    with serving(port):
        cameras.follow([section(port)])
        sink.wait(lambda: len(sink.frames) > 3)
    last = sink.frames[-1]
    threading.Event().wait(1.5)
    with serving(port):
        back = time.monotonic()
        first = sink.first_after("1")
        took = time.monotonic() - back
        cameras.stop()
        while cameras.alive:
            cameras.changed.wait(0.05)
    (gap,) = first.before
    assert (gap.frames, gap.reason) == (0, "camera_away")
    assert last.ts <= gap.since < first.ts - 1_000_000
    assert took < BACK_WITHIN_S
