"""An industrial camera against the software producer of GenICam's own package: three devices that play."""

import threading
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import genicam
import numpy as np
import pytest

from engine.cameras import open_camera
from engine.plant import GenicamCamera
from engine.station_cameras import Cameras
from vision import pictures
from vision.cameras import CameraError, Run
from vision.cameras import genicam as camera_module
from vision.cameras.genicam import NO_FRAME
from vision.cameras.producers import PRODUCERS
from vision.cameras.run import LOST

PRODUCER = Path(genicam.__file__).with_name("viky.cti")
NOW = 1_764_000_000_000_000
SMALL = {"PixelFormat": "Mono8", "Width": 320}


def section(**settings):
    return GenicamCamera(kind="genicam", name="cam", **({"producer": PRODUCER, "device": "0"} | settings))


@pytest.fixture
def opened():
    """Give a function that opens a camera, with its run; all are closed in the end."""
    cameras, stop = [], threading.Event()

    def build(stop=stop, **settings):
        run = Run("cam", "front", "1", lambda: NOW)
        cameras.append(open_camera(section(**settings), run, 1, stop))
        return cameras[-1], run

    yield build
    for camera in cameras:
        camera.close()
    assert PRODUCERS._loaded == {}


def test_pictures_are_whole_and_numbered(opened):
    camera, _ = opened(settings=SMALL)
    frames = [camera.read() for _ in range(4)]
    assert [frame.sequence for frame in frames] == [1, 2, 3, 4]
    assert not any(frame.before or frame.defect for frame in frames)
    for frame in frames:
        assert frame.image.shape[1:] == (320, 3)
        assert np.array_equal(pictures.decode(frame.encoded)[0], frame.image)
    assert any(not np.array_equal(frames[0].image, frame.image) for frame in frames[1:])


def test_colours_come_as_they_are(opened):
    camera, _ = opened(settings={"PixelFormat": "RGBa8"})
    image = camera.read().image
    assert image.shape[2] == 3
    assert image.min() != image.max()


def test_two_devices_of_one_producer_are_read_side_by_side(opened):
    one, other = opened()[0], opened(device="VikyTL_DEV_green")[0]
    assert [camera.read().sequence for camera in (one, other, one, other)] == [1, 1, 2, 2]


def test_a_device_belongs_to_one_at_a_time_and_is_free_again(opened):
    first, _ = opened()
    with pytest.raises(CameraError, match=r"cannot be opened .* end what else uses it"):
        opened()
    assert first.read().sequence == 1


def test_a_device_that_is_plugged_in_later_is_found_and_the_others_go_on(opened):
    first, _ = opened(settings=SMALL)
    (producer,) = PRODUCERS._loaded.values()
    listed = producer._harvester.device_info_list
    listed[:] = [info for info in listed if info.id_ == "VikyTL_DEV_red"]
    assert opened(device="1", settings=SMALL)[0].read().sequence == 1
    assert sorted(info.serial_number for info in listed) == ["0", "1", "2"]
    assert first.read().sequence == 1


def test_an_interface_that_went_away_has_no_new_devices(opened, monkeypatch):
    def fail(timeout):
        raise RuntimeError("the card is gone")

    opened()
    (producer,) = PRODUCERS._loaded.values()
    gone = SimpleNamespace(update_device_info_list=fail)
    monkeypatch.setattr(producer._harvester, "_ifaces", [gone])
    with pytest.raises(CameraError, match="reaches no device 4711; there are: 0, 1, 2"):
        opened(device="4711")


def test_a_device_that_was_closed_opens_again():
    for _ in range(2):
        camera = open_camera(section(), Run("cam", "front", "1", lambda: NOW), 1, threading.Event())
        assert camera.read().sequence == 1
        camera.close()


def test_pictures_that_were_not_fetched_are_missed_by_number(opened):
    camera, _ = opened(settings={"AcquisitionFrameRate": 100.0})
    camera.read()
    threading.Event().wait(0.5)
    frames = [camera.read() for _ in range(12)]
    gaps = [gap for frame in frames for gap in frame.before]
    assert gaps
    assert all(gap.frames > 0 and gap.reason == LOST for gap in gaps)
    assert frames[-1].sequence == 13 + sum(gap.frames for gap in gaps)


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"device": "4711"}, "reaches no device 4711; there are: 0, 1, 2"),
        ({"device": None}, "reaches more than one device; there are: 0, 1, 2"),
        ({"producer": Path("/gone.cti")}, "the producer /gone.cti is not there"),
        ({"settings": {"ExposureTme": 3}}, "the device has no feature ExposureTme"),
        ({"settings": {"Widht": 320}}, "did you mean Width?"),
        ({"settings": {"Width": 10**9}}, "Width cannot be 1000000000"),
        ({"settings": {"PixelFormat": "Ultraviolet"}}, "PixelFormat cannot be Ultraviolet"),
    ],
)
def test_what_cannot_be_is_one_sentence(opened, settings, complaint):
    with pytest.raises(CameraError, match=complaint):
        opened(**settings)


def test_a_camera_ends_when_told(opened):
    stop = threading.Event()
    camera, _ = opened(stop=stop)
    stop.set()
    assert camera.read() is None


def test_a_camera_that_falls_silent_is_away(opened, monkeypatch):
    camera, _ = opened(silence_s=0.05)
    monkeypatch.setattr(camera._acquirer, "try_fetch", lambda timeout: None)
    with pytest.raises(CameraError, match=r"no picture for 0\.05 s"):
        camera.read()


def test_a_device_that_fails_is_away(opened, monkeypatch):
    def fail(timeout):
        raise RuntimeError("the link is down")

    camera, _ = opened()
    monkeypatch.setattr(camera._acquirer, "try_fetch", fail)
    with pytest.raises(CameraError, match="the link is down"):
        camera.read()


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "harvesters.core", None)
    with pytest.raises(CameraError, match="install Seamline with the extra genicam"):
        open_camera(section(), Run("cam", "front", "1", lambda: NOW), 1, threading.Event())


class Buffer:
    """What a device delivers: a picture with its number and its time."""

    def __init__(self, number, stamp=None):
        self.payload = SimpleNamespace(
            components=[SimpleNamespace(data=np.zeros(9, np.uint8), data_format="Mono8", width=3, height=3)]
        )
        self.module = SimpleNamespace(frame_id=number)
        if stamp is not None:
            self.module.timestamp_ns = stamp * 1000

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


def deliver(camera, buffers, features=None):
    """Let a device deliver the buffers, and then nothing more."""
    camera._acquirer.stop()
    shown = iter(buffers)
    fake = SimpleNamespace(
        try_fetch=lambda timeout: next(shown, None),
        destroy=camera._acquirer.destroy,
        remote_device=SimpleNamespace(node_map=features),
    )
    camera._acquirer = fake


def read_all(camera, run, buffers, features=None):
    """Let a device deliver the buffers; return the frames."""
    deliver(camera, buffers, features)
    return [camera.read() for _ in buffers]


@pytest.mark.parametrize(("components", "defect"), [([], "empty"), ([None], "unknown_format")])
def test_a_buffer_without_a_picture_is_a_frame_that_says_so(opened, components, defect):
    camera, run = opened()
    bare = Buffer(2, NOW)
    bare.payload.components = components
    frames = read_all(camera, run, [Buffer(1), bare, Buffer(3)])
    assert [(frame.sequence, frame.defect) for frame in frames] == [(1, ""), (2, defect), (3, "")]
    assert (frames[1].encoded, frames[1].image, frames[1].ts) == (b"", None, NOW)


def test_a_number_that_goes_round_is_no_gap(opened):
    camera, run = opened()
    frames = read_all(camera, run, [Buffer(number) for number in (65533, 65535, 1, 2)])
    assert [frame.sequence for frame in frames] == [1, 3, 4, 5]


def test_the_devices_time_becomes_the_stations(opened):
    camera, run = opened()
    arrivals = iter((NOW, NOW + 40_000, NOW + 95_000, NOW + 120_000))
    arrived = []
    run.now = lambda: arrived[-1]
    boot = 5_000_000
    stamps = []
    for shown, taken in enumerate((boot, boot + 40_000, boot + 80_000, boot + 120_000)):
        arrived.append(next(arrivals))
        stamps.append(camera._stamp(Buffer(shown, taken)))
    assert stamps == [NOW, NOW + 40_000, NOW + 80_000, NOW + 120_000]


def test_a_device_that_knows_the_time_is_believed(opened):
    camera, _ = opened()
    assert camera._stamp(Buffer(1, NOW - 25_000)) == NOW - 25_000


HOURS = 3_600_000_000


@pytest.mark.parametrize("behind", [25_000, NOW - 5_000_000, -8 * HOURS])
def test_how_far_a_devices_own_clock_is_behind_is_told_and_no_trouble(behind):
    """It knows the time, counts from its own start, or is set to a local time."""
    frames = []

    def opener(section, run, number, stop):
        camera = open_camera(section, run, number, stop)
        deliver(camera, [Buffer(number, NOW - behind - way) for number, way in ((1, 700), (2, 0), (3, 90))])
        return camera

    def take(run, frame):
        frames.append(frame)
        if len(frames) == 3:
            cameras.stop()
        return 0.0

    cameras = Cameras(1, opener, lambda: NOW, Mock(take=take), {})
    cameras.follow([section()])
    assert cameras.changed.wait(30)
    assert cameras.offsets() == {"cam": behind}
    assert (cameras.troubles, cameras.failures) == ({}, [])
    assert all(abs(frame.ts - NOW) < 30_000 for frame in frames)


class Counting:
    """A node map: the chunk is that of the picture fetched last, if it brought one; the device counts on."""

    def __init__(self):
        self.fetched = None

    def has_node(self, name):
        return hasattr(self, name)

    @property
    def ChunkCounterValue(self):  # noqa: N802
        return SimpleNamespace(value=self.fetched)


class Triggered(Buffer):
    """A picture that carries the count of its trigger, told in one of the ways that producers have."""

    def __init__(self, number, trigger, features, says=True):
        super().__init__(number)
        self._trigger, self._features = trigger, features
        if says:
            self.module.is_containing_chunk_data = lambda: trigger is not None
        self.module.num_chunks = int(trigger is not None)

    def __enter__(self):
        if self._trigger is not None:
            self._features.fetched = self._trigger
        return self


def counted(opened, triggered, says=True):
    """Return what a camera missed whose pictures are numbered and carry these counts."""
    camera, run = opened()
    camera._counter, features = "ChunkCounterValue", Counting()
    shown = [Triggered(number, trigger, features, says) for number, trigger in triggered]
    frames = read_all(camera, run, shown, features)
    return [(gap.frames, gap.reason) for frame in frames for gap in frame.before]


@pytest.mark.parametrize("says", [True, False])
def test_a_trigger_without_a_picture_is_missed_by_number(opened, says):
    missed = counted(opened, [(1, 10), (2, 11), (3, 14), (6, 17)], says)
    assert missed == [(2, NO_FRAME), (2, LOST)]


def test_pictures_that_waited_to_be_read_are_counted_by_what_each_carries(opened):
    """Five triggers and five pictures, fetched when the device has counted all of them."""
    assert counted(opened, [(number, number) for number in range(1, 6)]) == []


def test_a_picture_that_carries_no_count_is_not_counted_by_the_one_before(opened):
    with pytest.raises(CameraError, match=r"its pictures do not carry ChunkCounterValue; switch it on"):
        counted(opened, [(1, 10), (2, None)])


def test_a_chunk_of_the_device_counts_and_is_asked_for(opened):
    camera, run = opened(settings=SMALL, trigger_counter="ChunkNrBounces")
    frame = camera.read()
    assert (frame.sequence, run.mark.count) == (1, 0)
    camera.close()
    off = SMALL | {"ChunkModeActive": False}
    with pytest.raises(CameraError, match="its pictures do not carry ChunkNrBounces"):
        opened(settings=off, device="1", trigger_counter="ChunkNrBounces")[0].read()


def test_a_counter_of_the_device_itself_is_refused():
    with pytest.raises(ValueError, match="CounterValue is what the device has counted now, not when a pic"):
        section(trigger_counter="CounterValue")
    assert camera_module.NO_FRAME == "trigger_without_frame"
