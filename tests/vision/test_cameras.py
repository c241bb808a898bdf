import json
import threading
import time
import zlib

import cv2
import numpy as np
import pytest
import zmq

from vision import pictures
from vision.cameras import CameraError, FolderCamera, Run, SimulatedCamera, VideoCamera, ZmqCamera
from vision.cameras.pace import Pacer, numbered
from vision.cameras.raw import WRONG_SIZE, to_image
from vision.cameras.run import LOST, RESTARTED
from vision.cameras.zeromq import BAD_METADATA, NO_FRAME, parse
from vision.records import Identity
from vision.testing import picture

JPEG = pictures.encode_jpeg(picture(30))


@pytest.fixture
def stop():
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def run():
    ticks = iter(range(1000, 10**9, 1000))
    return Run("cam", "front", "7", lambda: next(ticks))


def everything(camera):
    frames = list(iter(camera.read, None))
    camera.close()
    return frames


def test_a_run_numbers_and_stamps_every_frame(run):
    first, second = run.frame(JPEG, "a"), run.frame(b"", "b", ts=5, defect="unreadable")
    assert (first.serial, first.sequence, first.ts, first.run, first.encoded) == ("a", 1, 1000, "7", JPEG)
    assert (second.sequence, second.ts, second.defect) == (2, 5, "unreadable")
    run.miss(3)
    assert run.frame(JPEG, "").serial == "cam-7-6"


def test_decoding_is_left_to_the_inspection(run):
    assert (run.frame(JPEG, "a").image, run.frame(JPEG, "a").defect) == (None, "")


def folder_of(tmp_path, **files):
    for name, content in files.items():
        (tmp_path / name.replace("_", ".")).write_bytes(content)
    return tmp_path


def test_a_folder_is_played_in_order_with_the_runs_number_in_the_serials(tmp_path, run, stop):
    folder = folder_of(tmp_path, b_jpg=JPEG, a_JPG=JPEG, notes_txt=b"not a photograph")
    frames = everything(FolderCamera(run, folder, 7, None, False, stop))
    assert [(frame.serial, frame.sequence) for frame in frames] == [("a-7", 1), ("b-7", 2)]
    assert frames[0].encoded == JPEG


def test_a_folder_that_repeats_gives_new_serials(tmp_path, run, stop):
    camera = FolderCamera(run, folder_of(tmp_path, a_jpg=JPEG), 7, None, True, stop)
    assert [camera.read().serial for _ in range(3)] == ["a-7", "a-7.2", "a-7.3"]
    stop.set()
    assert camera.read() is None


def test_bad_files_of_a_folder_are_frames_too(tmp_path, run, stop):
    folder = folder_of(tmp_path, a_jpg=JPEG[:500], b_png=b"", c_gif=b"GIF89a", d_jpg=JPEG)
    (folder / "e.jpg").symlink_to(tmp_path / "gone.jpg")
    frames = everything(FolderCamera(run, folder, 1, None, False, stop))
    assert [frame.defect for frame in frames] == ["", "", "", "", "unreadable"]
    defects = [pictures.decode(frame.encoded)[1] for frame in frames]
    assert defects == ["half_picture", "empty", "unknown_format", "", "empty"]
    assert [frame.sequence for frame in frames] == [1, 2, 3, 4, 5]


def test_a_huge_file_is_a_frame_that_cannot_be_decoded(tmp_path, run, stop, monkeypatch):
    monkeypatch.setattr(pictures, "MAX_BYTES", 100)
    (frame,) = everything(FolderCamera(run, folder_of(tmp_path, a_jpg=JPEG), 1, None, False, stop))
    assert len(frame.encoded) == 101
    assert pictures.decode(frame.encoded) == (None, "too_large")


@pytest.mark.parametrize("name", ["", "missing"])
def test_a_folder_without_photographs_is_an_error(tmp_path, run, stop, name):
    with pytest.raises(CameraError, match="Camera cam: the folder"):
        FolderCamera(run, tmp_path / name, 1, None, False, stop)


def test_a_pace_leaves_no_debt_behind():
    now = [0.0]
    stop = threading.Event()
    pauses = []
    stop.wait = lambda pause: pauses.append(round(pause, 3))
    pacer = Pacer(10, stop, monotonic=lambda: now[0])
    for moment in (0.0, 0.04, 0.1, 5.0, 5.0):
        now[0] = moment
        assert pacer.wait()
    assert pauses == [0.06, 0.1]


def test_a_pace_ends_as_soon_as_it_is_told(stop):
    pacer = Pacer(0.001, stop)
    assert pacer.wait()
    threading.Timer(0.01, stop.set).start()
    assert not pacer.wait()


def video_of(path, count):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 64))
    for red in range(count):
        writer.write(picture(red))
    writer.release()
    return str(path)


def test_a_video_is_read_to_its_end_and_encoded_without_loss(tmp_path, run, stop):
    frames = everything(VideoCamera(run, video_of(tmp_path / "line.avi", 3), 1000, stop))
    assert [frame.serial for frame in frames] == ["cam-7-1", "cam-7-2", "cam-7-3"]
    for frame in frames:
        assert np.array_equal(pictures.decode(frame.encoded)[0], frame.image)


def test_an_address_that_gives_no_more_pictures_is_a_camera_that_went_away(tmp_path, run, stop):
    camera = VideoCamera(run, f"file://{video_of(tmp_path / 'line.avi', 2)}", None, stop)
    while True:
        try:
            assert camera.read()
        except CameraError as exc:
            assert "gives no pictures" in str(exc)
            break
    camera.close()


def test_a_video_that_is_not_there_is_an_error(tmp_path, run, stop):
    with pytest.raises(CameraError, match="cannot be opened"):
        VideoCamera(run, str(tmp_path / "gone.avi"), None, stop)


class Device:
    """What OpenCV shows of a USB camera: three pictures, each taken 40 ms ago; then it is unplugged."""

    plugged = True

    def __init__(self, *place):
        self.place, self.left, self.settings, self.released = place, 3, {}, False

    def isOpened(self):  # noqa: N802
        return self.plugged

    def set(self, key, value):
        self.settings[key] = min(value, 500.0)

    def get(self, key):
        return time.monotonic() * 1e3 - 40 if key == cv2.CAP_PROP_POS_MSEC else self.settings.get(key, 0.0)

    def read(self):
        self.left -= 1
        return (True, picture(self.left)) if self.left >= 0 else (False, None)

    def release(self):
        self.released = True


@pytest.mark.parametrize(("source", "place"), [("0", 0), ("/dev/video2", "/dev/video2")])
def test_a_usb_camera_is_stamped_by_its_driver_and_keeps_no_old_pictures(monkeypatch, stop, source, place):
    monkeypatch.setattr(cv2, "VideoCapture", Device)
    camera = VideoCamera(Run("cam", "front", "1", lambda: 10**15), source, None, stop)
    device = camera._capture
    assert (camera.live, device.place, device.settings) == (
        True,
        (place, cv2.CAP_V4L2),
        {cv2.CAP_PROP_BUFFERSIZE: 1},
    )
    frames = [camera.read() for _ in range(3)]
    assert all(-1000 <= 10**15 - frame.ts - 40_000 < 5_000_000 for frame in frames)
    assert [frame.sequence for frame in frames] == [1, 2, 3]
    with pytest.raises(CameraError, match="gives no pictures; check the plug"):
        camera.read()
    camera.close()
    assert device.released


def test_a_usb_camera_is_exposed_by_hand_and_decides_nothing_by_itself(monkeypatch, run, stop):
    monkeypatch.setattr(cv2, "VideoCapture", Device)
    camera = VideoCamera(run, "/dev/video0", None, stop, {"exposure_ms": 4.5, "focus": 30})
    assert camera._capture.settings == {
        cv2.CAP_PROP_BUFFERSIZE: 1,
        cv2.CAP_PROP_AUTO_EXPOSURE: 1.0,
        cv2.CAP_PROP_EXPOSURE: 45.0,
        cv2.CAP_PROP_AUTOFOCUS: 0.0,
        cv2.CAP_PROP_FOCUS: 30.0,
    }


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"exposure_ms": 60.0}, "exposure_ms cannot be 60, it stays 50"),
        ({"exposure": 4}, "a USB camera has no exposure; say exposure_ms"),
        ({"white_balance_k": "auto"}, "white_balance_k cannot be auto; it is a number"),
    ],
)
def test_a_usb_camera_that_does_not_do_as_told_is_not_used(monkeypatch, run, stop, settings, says):
    opened = []
    monkeypatch.setattr(cv2, "VideoCapture", lambda *place: opened.append(Device(*place)) or opened[0])
    with pytest.raises(CameraError, match=says):
        VideoCamera(run, "/dev/video0", None, stop, settings)
    assert opened[0].released


def test_a_video_file_takes_no_settings(tmp_path, run, stop):
    with pytest.raises(CameraError, match="is no device that takes settings"):
        VideoCamera(run, video_of(tmp_path / "line.avi", 1), 1000, stop, {"gain": 1})


def test_a_usb_camera_that_something_else_uses_is_an_error(monkeypatch, run, stop):
    monkeypatch.setattr(cv2, "VideoCapture", Device)
    monkeypatch.setattr(Device, "plugged", False)
    with pytest.raises(CameraError, match="nothing else uses it"):
        VideoCamera(run, "/dev/video0", None, stop)


@pytest.mark.parametrize("told", [0.0, 1e12, -5.0])
def test_a_driver_without_a_clock_leaves_the_arrival(monkeypatch, stop, told):
    monkeypatch.setattr(cv2, "VideoCapture", Device)
    monkeypatch.setattr(Device, "get", lambda device, key: told)
    monkeypatch.setattr(time, "monotonic", lambda: 99_999.0)
    camera = VideoCamera(Run("cam", "front", "1", lambda: 10**15), "0", None, stop)
    assert camera.read().ts == 10**15


def test_a_simulated_camera_sends_what_is_rendered(run, stop):
    scene = Slides()
    camera = SimulatedCamera(run, scene, "part-{}".format, numbered(None, stop))
    frames = [camera.read() for _ in range(3)]
    assert scene.seen == [1, 2, 3]
    assert [frame.serial for frame in frames] == ["part-1", "part-2", "part-3"]
    reds = [pictures.decode(frame.encoded)[0][:, :, 2].mean() for frame in frames]
    assert reds == pytest.approx([50, 100, 150], abs=10)
    stop.set()
    assert camera.read() is None
    camera.close()
    assert scene.closed


class Slides:
    """Show ever redder pictures."""

    def __init__(self):
        self.seen = []
        self.closed = False

    def look(self, index):
        self.seen.append(index)
        return picture(red=index * 50)

    def close(self):
        self.closed = True


@pytest.fixture
def remote(run, stop, tmp_path):
    """Give a camera on a socket and what sends to it."""
    endpoint = f"ipc://{tmp_path}/cam{zlib.crc32(str(tmp_path).encode())}.sock"
    camera = ZmqCamera(run, endpoint, stop)
    with zmq.Context() as context, context.socket(zmq.PUSH) as sender:
        sender.setsockopt(zmq.LINGER, 0)
        sender.connect(endpoint)

        def send(encoded=JPEG, **told):
            sender.send_multipart([json.dumps(told).encode(), encoded])

        send.raw = sender.send_multipart
        yield camera, send
    camera.close()


def test_a_remote_camera_gives_what_was_pushed(remote):
    camera, send = remote
    send(serial="p1", ts=123, sequence=40, run="a")
    send(serial="p2")
    first, second = camera.read(), camera.read()
    assert (first.serial, first.ts, first.sequence, first.encoded) == ("p1", 123, 1, JPEG)
    assert (second.serial, second.ts, second.sequence) == ("p2", 2000, 2)


@pytest.mark.parametrize("raw", [{}, {"pixels": "BGR8", "width": 48, "height": 48}])
def test_a_sender_says_whose_order_fixture_and_operator_a_part_has(remote, raw):
    camera, send = remote
    send(bytes(48 * 48 * 3) if raw else JPEG, order=" O-77 ", operator="李娜", **raw)
    frame = camera.read()
    assert (frame.identity, frame.defect) == (Identity(order="O-77", operator="李娜"), "")


def test_a_gap_in_the_senders_count_stays_free(remote):
    camera, send = remote
    for sequence in (40, 41, 45):
        send(serial="p", sequence=sequence)
    assert [camera.read().sequence for _ in range(3)] == [1, 2, 6]


@pytest.mark.parametrize("again", [{"sequence": 1}, {"sequence": 9, "run": "new"}, {}])
def test_a_sender_that_starts_anew_leaves_no_number_free(remote, again):
    camera, send = remote
    send(sequence=5)
    send(**again)
    frames = [camera.read() for _ in range(2)]
    assert [frame.sequence for frame in frames] == [1, 2]
    assert [(gap.frames, gap.reason) for gap in frames[1].before] == [(0, RESTARTED)] * bool(again)


def test_a_trigger_without_a_frame_is_told_apart_from_a_frame_that_was_lost(remote):
    camera, send = remote
    for sequence, trigger in ((1, 100), (2, 101), (3, 103), (5, 105)):
        send(sequence=sequence, trigger=trigger)
    frames = [camera.read() for _ in range(4)]
    assert [frame.sequence for frame in frames] == [1, 2, 4, 6]
    assert [(gap.frames, gap.reason) for frame in frames for gap in frame.before] == [
        (1, NO_FRAME),
        (1, LOST),
    ]


RAW = picture(60, side=48)


@pytest.mark.parametrize(
    ("pixels", "sent", "seen"),
    [
        ("BGR8", RAW, RAW),
        ("RGB8", RAW[:, :, ::-1], RAW),
        ("BGRa8", cv2.cvtColor(RAW, cv2.COLOR_BGR2BGRA), RAW),
        ("RGBa8", cv2.cvtColor(RAW, cv2.COLOR_BGR2RGBA), RAW),
        ("Mono8", RAW[:, :, 2], np.repeat(RAW[:, :, 2:], 3, axis=2)),
    ],
)
def test_raw_pixels_are_taken_as_they_are(remote, pixels, sent, seen):
    camera, send = remote
    send(np.ascontiguousarray(sent).tobytes(), serial="p1", pixels=pixels, width=48, height=48)
    frame = camera.read()
    assert (frame.serial, frame.defect) == ("p1", "")
    assert np.array_equal(frame.image, seen)
    assert np.array_equal(pictures.decode(frame.encoded)[0], seen)


@pytest.mark.parametrize("pixels", ["BayerRG8", "BayerGB8", "BayerGR8", "BayerBG8"])
def test_a_colour_filter_is_read_in_its_own_order(pixels):
    first, second = pixels[5:7]
    third, fourth = {"RG": "GB", "GB": "RG", "GR": "BG", "BG": "GR"}[pixels[5:7]]
    levels = {"R": 200, "G": 120, "B": 40}
    tile = np.array([[levels[first], levels[second]], [levels[third], levels[fourth]]], np.uint8)
    image, defect = to_image(np.tile(tile, (8, 8)).tobytes(), pixels, 16, 16)
    assert defect == ""
    assert image[8, 8].tolist() == [40, 120, 200]


@pytest.mark.parametrize(
    ("told", "defect"),
    [
        ({"pixels": "Mono8", "width": 48, "height": 47}, WRONG_SIZE),
        ({"pixels": "BGR8", "width": 48, "height": 48}, WRONG_SIZE),
        ({"pixels": "Mono8"}, WRONG_SIZE),
        ({"pixels": "BayerRG8", "width": 2, "height": 1152}, WRONG_SIZE),
        ({"pixels": "Mono12", "width": 48, "height": 48}, pictures.WRONG_COLOURS),
        ({"pixels": "Mono8", "width": 1 << 40, "height": 1 << 40}, pictures.TOO_LARGE),
    ],
)
def test_raw_pixels_that_do_not_fit_are_a_frame_that_says_so(remote, told, defect):
    camera, send = remote
    send(bytes(48 * 48), **told)
    frame = camera.read()
    assert (frame.defect, frame.image, frame.encoded) == (defect, None, bytes(48 * 48))


BROKEN = [
    [b"{}"],
    [b"{}", JPEG, b"more"],
    [b"no json", JPEG],
    [b"[]", JPEG],
    [b'{"ts": "yesterday"}', JPEG],
    [b'{"sequence": true}', JPEG],
    [b'{"serial": 7}', JPEG],
    [b'{"serial": "a\\u0000b"}', JPEG],
    [b'{"serial": "\\ud800"}', JPEG],
    [b'{"serial": "%s"}' % (b"x" * 201), JPEG],
    [b'{"ts": 1%s}' % (b"0" * 30), JPEG],
    [b'{"sequence": -1}', JPEG],
    [b'{"pixels": 8}', JPEG],
    [b'{"order": 77}', JPEG],
    [b'{"fixture": "F\\n3"}', JPEG],
    [b'{"operator": "%s"}' % (b"x" * 201), JPEG],
    [b"[" * 60_000, JPEG],
    [b" " * 70_000 + b"{}", JPEG],
    [b"\xff\xfe", JPEG],
    [b"[" * 100_000, JPEG],
    [b'{"ts": 1' + b"0" * 30 + b"}", JPEG],
    [b'{"sequence": 1' + b"0" * 17 + b"}", JPEG],
]


@pytest.mark.parametrize("message", BROKEN)
def test_a_message_that_cannot_be_read_is_a_frame_and_counts(remote, message):
    camera, send = remote
    send(sequence=1)
    send.raw(message)
    send(sequence=3)
    frames = [camera.read() for _ in range(3)]
    assert [frame.sequence for frame in frames] == [1, 2, 3]
    assert [frame.defect for frame in frames] == ["", BAD_METADATA, ""]
    assert frames[1].encoded == b"\n".join(message)


def test_of_a_message_that_cannot_be_read_the_begin_is_kept(remote):
    camera, send = remote
    send.raw([b"x" * 1000] * 5000)
    assert camera.read().encoded == b"\n".join([b"x" * 1000] * 3)
    send.raw([b"{", bytes(5 << 20)])
    assert len(camera.read().encoded) == 1 << 20


def test_half_a_letter_in_a_serial_is_no_serial():
    with pytest.raises(ValueError, match="serial must be printable"):
        parse([b'{"serial": "A\\ud800B"}', JPEG])


def test_what_a_message_must_be_is_said():
    with pytest.raises(ValueError, match="ts is 'now', it must be int"):
        parse([b'{"ts": "now"}', JPEG])


def test_a_remote_camera_ends_when_told(remote, stop):
    camera, _ = remote
    threading.Timer(0.01, stop.set).start()
    assert camera.read() is None


def test_an_endpoint_that_is_taken_is_an_error(run, stop):
    taken = ZmqCamera(run, "inproc://cam", stop)
    with pytest.raises(CameraError, match="cannot be bound"):
        ZmqCamera(run, "inproc://cam", stop)
    taken.close()
