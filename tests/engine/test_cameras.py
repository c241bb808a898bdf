"""A simulated camera shows the parts that a simulated machine finishes, when it finishes them."""

import json
import threading
import time

import pytest
import zmq

from engine.cameras import FinishedParts, due_parts, open_camera
from engine.plant import ReplaySection, SimulatedCamera, ZmqCamera
from engine.station_cameras import Cameras
from engine.station_line import blind
from streams.clock import SECOND, ManualClock
from streams.peers import endless
from streams.peers.ports import free_port
from streams.simulate import SEED, WELD_CELL_1, finishes
from vision.cameras import CameraError, Run

START = 1_790_000_000 * SECOND


class Instant(ManualClock):
    """A clock that moves on as somebody waits for it."""

    def wall_seconds(self, interval):
        self.time += max(interval, 0)
        return 0.0


def section(follows):
    return SimulatedCamera(kind="simulated", name="a", follows=follows, rate=1000.0)


def test_every_part_is_shown_when_it_is_finished():
    clock = Instant(START)
    parts = FinishedParts(finishes(WELD_CELL_1, SEED, START), clock, threading.Event())
    source = finishes(WELD_CELL_1, SEED, START)
    for _ in range(20):
        number, ts = next(source)
        assert (parts(), clock.now()) == (number, ts)


def test_the_last_part_still_lies_there_and_those_before_are_gone():
    known = finishes(WELD_CELL_1, SEED, START)
    numbers = [next(known) for _ in range(4)]
    clock = Instant(numbers[2][1] - 1)
    parts = FinishedParts(finishes(WELD_CELL_1, SEED, START), clock, threading.Event())
    assert [parts(), parts(), parts()] == [number for number, _ in numbers[1:]]
    assert clock.now() == numbers[3][1]


def test_a_picture_without_end_is_cut_off_and_the_others_are_taken():
    place, stop = ("127.0.0.1", free_port()), threading.Event()
    endpoint = "tcp://{}:{}".format(*place)
    remote = ZmqCamera(kind="zeromq", name="a", view="front", endpoint=endpoint)
    camera = open_camera(remote, Run("a", "front", "1", lambda: START), 1, stop)
    taken = []
    reading = threading.Thread(target=lambda: taken.append(camera.read()))
    reading.start()
    with endless.connect(place, b"PUSH") as link:
        assert endless.pour(link, 500) < 500
    with zmq.Context() as context, context.socket(zmq.PUSH) as sender:
        sender.connect(endpoint)
        sender.send_multipart([json.dumps({"serial": "P-1"}).encode(), b"a picture"])
        reading.join(30)
    assert [(frame.serial, frame.encoded) for frame in taken] == [("P-1", b"a picture")]
    camera.close()


def test_a_camera_that_waits_stops_at_once():
    stop = threading.Event()
    parts = FinishedParts(iter([(1, START + 3600 * SECOND)]), ManualClock(START), stop)
    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    assert parts() is None
    assert time.monotonic() - began < 30


def test_cameras_of_one_station_see_the_same_part():
    replay = ReplaySection(origin_us=time.time_ns() // 1000 + SECOND, start_us=START, speed=100_000)
    runs = [Run(name, "front", "1", lambda: 0) for name in "ab"]
    pair = [open_camera(section(WELD_CELL_1.name), run, 1, threading.Event(), replay) for run in runs]
    serials = [one.read().serial for one in pair]
    assert serials[0] == serials[1]


@pytest.mark.parametrize("replay", [None, ReplaySection(origin_us=0, start_us=0)])
def test_a_camera_that_follows_nobody_keeps_its_rate(replay):
    parts = due_parts(section(None), replay, threading.Event())
    assert [parts() for _ in range(3)] == [1, 2, 3]


def test_a_machine_that_is_not_in_the_shop_cannot_be_followed():
    with pytest.raises(CameraError, match="no simulated machine 'lathe'"):
        due_parts(section("lathe"), ReplaySection(origin_us=0, start_us=0), threading.Event())


def test_a_line_is_not_ready_before_any_camera_is_read():
    cameras = Cameras(1, open_camera, lambda: 0, None, {})
    assert blind(cameras) == "No camera is read yet."
