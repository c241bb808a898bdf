import json
import os
import threading
import time
from collections import Counter
from functools import partial

import cv2
import numpy as np
import pytest
import zmq

from engine.approvals import deeds
from engine.approvals.errors import ApprovalError
from engine.approvals.testing import TESTER, vouch
from engine.cameras import Lines, open_camera
from engine.paths import Home
from engine.plant import FolderCamera, Plant, SimulatedCamera, StationSection, VideoCamera, ZmqCamera
from engine.station import DEPTH, Station, next_number
from engine.station_drift import LIMIT, Drift
from engine.station_log import merge
from engine.station_models import refusals
from engine.station_report import report
from engine.testing import MemoryProducer, MemoryTrail
from streams import records
from streams.log.abc import Kind
from vision import evidence, pictures, registry
from vision.anomaly import bank, fit
from vision.cameras import CameraError, Run
from vision.detect import Detector
from vision.pipeline import Pipeline, PipelineError
from vision.records import FrameLoss, Identity, Verdict
from vision.simulate import PartRenderer
from vision.testing import picture, write_model

WAIT = 60.0
OK, REVIEW, NG = 20, 100, 200
JPEG = pictures.encode_jpeg(picture(OK))


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models"))


@pytest.fixture
def producer():
    return MemoryProducer()


@pytest.fixture
def station(tmp_path, model, producer):
    """Give a function that builds a station of the tiny model on cameras."""

    def build(*cameras, opener=open_camera, roster=None, trail=None, **settings):
        home = Home(tmp_path / "home").create()
        link = home.models / "tiny"
        if not link.exists():
            link.symlink_to(model.folder)
            vouch(home, model)
        section = StationSection(name="weld-1", cameras=list(cameras), model="tiny", **settings)
        plant = Plant(name="test", stations=[section])
        return Station(section, plant, home, producer, opener, roster=roster, trail=trail)

    return build


@pytest.fixture
def folder(tmp_path):
    """Give a function that makes a folder camera of red levels or of bytes."""

    def make(*contents, name="cam", view="front"):
        place = tmp_path / name
        place.mkdir()
        for number, content in enumerate(contents):
            encoded = (
                content
                if isinstance(content, bytes)
                else pictures.encode_whole(picture(content, seed=number))
            )
            (place / f"{number:03d}.png").write_bytes(encoded)
        return FolderCamera(kind="folder", name=name, view=view, path=place, rate=10_000)

    return make


def run(station):
    station.run(threading.Event())
    return station.stats()


class Shots:
    """A camera of the test's own frames: pairs of serial and red level; what is raised is raised."""

    live = True

    def __init__(self, run, shots):
        self._run = run
        self._shots = iter(shots)

    def read(self):
        shot = next(self._shots, None)
        if isinstance(shot, Exception):
            raise shot
        if shot is None:
            return None
        serial, red = shot
        return self._run.frame(pictures.encode_whole(picture(red)), serial)

    def close(self):
        pass


class Counting(Shots):
    """A camera whose device counts its frames: each shot is a count."""

    def read(self):
        shot = next(self._shots, None)
        if isinstance(shot, Exception):
            raise shot
        if shot is None:
            return None
        self._run.count(shot)
        return self._run.frame(pictures.encode_whole(picture(OK)), f"p{shot}")


def shooting(**shots):
    """Return an opener whose cameras show the given shots."""
    return lambda section, run, number, stop: Shots(run, shots[section.name])


def camera(name="cam", view="front"):
    return SimulatedCamera(kind="simulated", name=name, view=view)


def test_photographs_of_a_folder_become_verdicts_in_order(station, folder, producer):
    stats = run(station(folder(OK, REVIEW, NG, OK)))
    assert [verdict.outcome for verdict in producer.verdicts] == ["OK", "REVIEW", "NG", "OK"]
    assert [verdict.serial for verdict in producer.verdicts] == ["000-1", "001-1", "002-1", "003-1"]
    assert stats.verdicts == {"OK": 2, "REVIEW": 1, "NG": 1}
    assert stats.last == producer.verdicts[-1]
    assert (stats.frames.captured, stats.frames.inspected, stats.frames.open) == (4, 4, 0)


def test_a_station_says_that_it_works_and_when_it_ends(station, folder, producer):
    run(station(folder(OK)))
    readings = [
        records.Readings.from_arrow(records.decode(payload))
        for kind, payload in producer.entries
        if kind is Kind.READINGS
    ]
    said = [(*batch.machine.values, batch.tag.to_list(), batch.text.to_list()) for batch in readings]
    assert said == [
        ("weld-1", ["avail", "execution"], ["AVAILABLE", "ACTIVE"]),
        ("weld-1", ["avail"], ["UNAVAILABLE"]),
    ]
    assert producer.entries[0][0] is producer.entries[-1][0] is Kind.READINGS


def test_a_station_whose_light_changes_says_so_in_health_and_log(station, folder, producer, monkeypatch):
    monkeypatch.setattr("engine.station.Drift", partial(Drift, window=10))
    lit, dim = ([pictures.encode_whole(picture(OK, seed=n) // by) for n in range(10)] for by in (1, 4))
    stats = run(station(folder(*lit, *lit, *dim)))
    told = [drifted for drifted in producer.of(Kind.DRIFT, json.loads) if drifted["measure"] == "mean"]
    assert [(drifted["view"], drifted["frames"]) for drifted in told] == [("front", 10)] * 2
    same, darker = (drifted["psi"] for drifted in told)
    assert same < LIMIT < darker, "the first ten frames are the reference"
    (part,) = (part for part in report(stats, None).parts if part.kind == "drift")
    assert part.trouble.startswith("View front: mean has drifted from ")
    assert part.trouble.endswith("seamline models drift weld-1 --reset.")


def test_evidence_is_on_disk_before_its_verdict_is_sent(station, folder, producer, tmp_path):
    root, seen = tmp_path / "home" / "evidence", []
    send = producer.send

    def look(kind, payload):
        if kind is Kind.VERDICT:
            seen.append(evidence.read(root, Verdict.from_json(payload).views[0].frame_hash))
        return send(kind, payload)

    producer.send = look
    source = folder(OK, NG)
    run(station(source))
    assert seen == [file.read_bytes() for file in sorted(source.path.iterdir())]


def test_each_run_has_its_own_number(station, folder, producer):
    source = folder(OK)
    run(station(source))
    run(station(source))
    assert [verdict.serial for verdict in producer.verdicts] == ["000-1", "000-2"]
    assert [verdict.views[0].run for verdict in producer.verdicts] == ["1", "2"]


def test_any_name_has_its_number(tmp_path):
    home = Home(tmp_path).create()
    assert [next_number(home, "line 1/weld") for _ in range(3)] == [1, 2, 3]
    assert next_number(home, "../weld") == 1


def test_bad_pictures_end_in_the_ledger_and_in_review(station, folder, producer):
    whole = pictures.encode_whole(picture(OK))
    bad = [
        b"not a picture",
        whole[: len(whole) // 2],
        pictures.encode_whole(picture(OK)[:1, :1]),
        b"",
        b"GIF89a",
    ]
    stats = run(station(folder(*bad, OK)))
    assert stats.verdicts == {"REVIEW": 5, "OK": 1}
    rejected = [verdict.views[0].rejected for verdict in producer.verdicts]
    assert rejected == ["unknown_format", "half_picture", "too_small", "empty", "unknown_format", ""]
    assert (stats.frames.inspected, stats.frames.open) == (6, 0)


def test_odd_pictures_end_in_the_ledger_and_in_review_with_their_reason(station, folder, producer):
    def encoded(image, suffix=".png"):
        return bytes(cv2.imencode(suffix, image)[1])

    plain = picture(OK)
    inks = bytearray(encoded(plain, ".jpg"))
    inks[inks.index(b"\xff\xc0") + 9] = 4
    odd = {
        "half_picture": encoded(plain, ".jpg")[:900],
        "wrong_colours": encoded(plain.astype(np.uint16) * 257),
        "wrong_colours, alpha": encoded(cv2.cvtColor(plain, cv2.COLOR_BGR2BGRA)),
        "wrong_colours, inks": bytes(inks),
        "too_small": encoded(np.zeros((1, 1, 3), np.uint8)),
        "too_small, long": encoded(np.zeros((1, 20_000, 3), np.uint8)),
        "too_small, high": encoded(np.zeros((20_000, 1, 3), np.uint8)),
    }
    stats = run(station(folder(*odd.values(), OK)))
    assert stats.verdicts == {"REVIEW": len(odd), "OK": 1}
    rejected = [verdict.views[0].rejected for verdict in producer.verdicts]
    assert rejected == [*(reason.split(",")[0] for reason in odd), ""]
    assert (stats.frames.inspected, stats.frames.open) == (len(odd) + 1, 0)


def test_views_of_one_part_are_judged_together(station, producer):
    opener = shooting(a=[("p1", OK), ("p2", OK)], b=[("p1", NG), ("p2", OK)])
    cameras = camera("a", "front"), camera("b", "left")
    stats = run(station(*cameras, opener=opener, views=["front", "left"]))
    assert {verdict.serial: verdict.outcome.value for verdict in producer.verdicts} == {
        "p1": "NG",
        "p2": "OK",
    }
    assert [[view.view for view in verdict.views] for verdict in producer.verdicts] == [["front", "left"]] * 2
    assert (stats.frames.captured, stats.frames.open) == (4, 0)


def test_a_part_without_a_required_view_is_never_ok(station, producer):
    opener = shooting(a=[("p1", OK)], b=[("p2", NG)])
    run(station(camera("a", "front"), camera("b", "left"), opener=opener, views=["front", "left"]))
    said = {verdict.serial: (verdict.outcome.value, verdict.reason) for verdict in producer.verdicts}
    assert said["p1"] == ("REVIEW", "Missing views: left.")
    assert said["p2"][0] == "NG"


def test_a_part_whose_time_is_up_does_not_wait_for_the_end(station, producer):
    class Endless(Shots):
        def read(self):
            frame = super().read()
            return frame if frame or stop.wait(WAIT) is None else None

    stop = threading.Event()
    built = station(
        camera("a"),
        opener=lambda section, run, number, stopped: Endless(run, [("p1", OK)]),
        views=["front", "left"],
        patience_s=0.05,
    )
    line = threading.Thread(target=built.run, args=(stop,))
    line.start()
    producer.wait(lambda: producer.verdicts)
    stop.set()
    line.join(WAIT)
    assert producer.verdicts[0].reason == "Missing views: left."


def test_frames_that_fit_no_part_are_unmatched(station, producer):
    opener = shooting(a=[("p1", OK), ("p1", OK)], b=[("p1", OK)])
    stats = run(station(camera("a", "front"), camera("b", "other"), opener=opener, views=["front", "left"]))
    assert Counter((loss.outcome, loss.reason) for loss in producer.losses) == {
        ("unmatched", "view_twice"): 1,
        ("unmatched", "view_not_required"): 1,
    }
    assert (stats.frames.unmatched, stats.frames.inspected, stats.frames.open) == (2, 1, 0)


def test_a_camera_that_goes_away_is_opened_again_as_a_new_run(station, producer, monkeypatch):
    monkeypatch.setattr("engine.station_cameras.RETRY", 0.01)
    runs = [[("p1", OK), CameraError("unplugged")], [("p2", OK)]]
    stats = run(station(camera(), opener=lambda section, run, number, stop: Shots(run, runs.pop(0))))
    assert [(verdict.serial, verdict.views[0].run) for verdict in producer.verdicts] == [
        ("p1", "1"),
        ("p2", "1.2"),
    ]
    assert stats.troubles == {}
    assert stats.frames.open == 0


def gaps(producer):
    return [(loss.run, loss.first, loss.last, loss.reason) for loss in producer.losses]


def test_what_a_camera_saw_while_it_was_away_is_an_unknown_number_from_when_to_when(
    station, producer, monkeypatch
):
    monkeypatch.setattr("engine.station_cameras.RETRY", 0.01)
    runs = [[("p1", OK), CameraError("unplugged")], [CameraError("not yet")], [("p2", OK), ("p3", OK)]]
    run(station(camera(), opener=lambda section, run, number, stop: Shots(run, runs.pop(0))))
    assert gaps(producer) == [("1.3", 1, 0, "camera_away")]
    before, after = (verdict.ts for verdict in producer.verdicts[:2])
    assert (producer.losses[0].since, producer.losses[0].ts) == (before, after)


def test_what_a_camera_that_counts_saw_while_it_was_away_is_known_by_number(station, producer, monkeypatch):
    monkeypatch.setattr("engine.station_cameras.RETRY", 0.01)

    runs = [[1, 2, CameraError("unplugged")], [6, 7]]
    stats = run(station(camera(), opener=lambda section, run, number, stop: Counting(run, runs.pop(0))))
    assert gaps(producer) == [("1.2", 1, 3, "camera_away")]
    assert [verdict.views[0].sequence for verdict in producer.verdicts] == [1, 2, 4, 5]
    assert (stats.frames.captured, stats.frames.dropped, stats.frames.open) == (7, 3, 0)


@pytest.mark.parametrize(
    ("kind", "shots", "gap"),
    [
        (Counting, [[1, 2], [6, 7]], ("2", 1, 3, "station_away")),
        (Shots, [[("p1", OK), ("p2", OK)], [("p6", OK), ("p7", OK)]], ("2", 1, 0, "station_away")),
    ],
)
def test_what_a_camera_saw_between_two_runs_of_its_station_is_the_stations_gap(
    station, producer, kind, shots, gap
):
    runs = iter(shots)

    def opener(section, run, number, stop):
        return kind(run, next(runs))

    run(station(camera(), opener=opener, trail=MemoryTrail(producer)))
    assert producer.losses == []
    stats = run(station(camera(), opener=opener, trail=MemoryTrail(producer)))
    assert gaps(producer) == [gap]
    before, after = (verdict.ts for verdict in producer.verdicts[1:3])
    assert (producer.losses[0].since, producer.losses[0].ts) == (before, after)
    missed = gap[2]
    assert [verdict.views[0].sequence for verdict in producer.verdicts] == [1, 2, missed + 1, missed + 2]
    assert (stats.frames.captured, stats.frames.dropped, stats.frames.open) == (missed + 2, missed, 0)


def test_a_camera_that_is_still_away_at_the_end_has_its_gap_too(station, producer, monkeypatch):
    monkeypatch.setattr("engine.station_cameras.RETRY", 0.01)
    stop, again = threading.Event(), threading.Event()

    def open_once(section, run, number, stopped):
        if run.name != "1":
            again.set()
            raise CameraError("unplugged")
        return Shots(run, [("p1", OK), CameraError("unplugged")])

    built = station(camera(), opener=open_once)
    line = threading.Thread(target=built.run, args=(stop,))
    line.start()
    assert again.wait(WAIT)
    stop.set()
    line.join(WAIT)
    (loss,) = producer.losses
    assert (loss.first, loss.last, loss.reason) == (1, 0, "camera_away")
    assert loss.since == producer.verdicts[0].ts <= loss.ts


class Beating:
    """A camera that shows parts of its own, one at each beat of the test, until it is taken down."""

    live = True

    def __init__(self, run, beats, stop):
        self._run, self._beats, self._stop = run, beats, stop

    def read(self):
        with self._beats.changed:
            self._beats.changed.wait_for(lambda: self._stop.is_set() or self._beats.due(self._run), 0.02)
            if self._stop.is_set():
                return None
        return self._run.frame(pictures.encode_whole(picture(OK)), "")

    def close(self):
        self._beats.closed.append(self._run.camera)


class Beats:
    def __init__(self):
        self.changed = threading.Condition()
        self.closed = []

    def due(self, run):
        return False


def test_cameras_come_and_go_while_the_others_lose_no_frame(station, producer, monkeypatch):
    monkeypatch.setattr("engine.station.LOOK", 0.01)
    beats, stop = Beats(), threading.Event()
    wanted = [[camera("a"), camera("b")]]
    built = station(
        camera("a"),
        opener=lambda section, run, number, stopped: Beating(run, beats, stopped),
        roster=lambda: wanted[0],
    )
    line = threading.Thread(target=built.run, args=(stop,))
    line.start()

    def seen():
        return {verdict.views[0].camera for verdict in producer.verdicts}

    producer.wait(lambda: seen() == {"a", "b"})
    wanted[0] = [camera("a"), camera("c")]
    producer.wait(lambda: "c" in seen() and "b" in beats.closed)
    while set(built.stats().cameras) != {"a", "c"}:
        assert not threading.Event().wait(0.01)
    wanted[0] = [camera("a"), camera("c", view="top")]
    producer.wait(lambda: any(verdict.views[0].run == "1.2" for verdict in producer.verdicts))
    stop.set()
    line.join(WAIT)
    frames = [
        (view.camera, view.run, view.sequence) for verdict in producer.verdicts for view in verdict.views
    ]
    for run_of in {frame[:2] for frame in frames}:
        numbers = [number for *key, number in frames if tuple(key) == run_of]
        assert numbers == list(range(1, len(numbers) + 1))
    assert {run for name, run, _ in frames if name == "a"} == {"1"}
    assert gaps(producer) == [("1.2", 1, 0, "camera_changed")]
    assert built.ledger.total().open == 0


def test_a_station_whose_last_camera_was_taken_down_waits_for_another(station, producer, monkeypatch):
    monkeypatch.setattr("engine.station.LOOK", 0.01)
    stop, asked, wanted = threading.Event(), threading.Event(), [[]]

    def roster():
        asked.set()
        return wanted[0]

    built = station(opener=shooting(a=[("p1", OK)]), roster=roster)
    line = threading.Thread(target=built.run, args=(stop,))
    line.start()
    assert asked.wait(WAIT)
    wanted[0] = [camera("a")]
    producer.wait(lambda: producer.verdicts)
    stop.set()
    line.join(WAIT)
    assert not line.is_alive()


def test_a_camera_that_cannot_be_opened_is_told_and_the_others_go_on(station, folder, producer, tmp_path):
    stop = threading.Event()
    missing = FolderCamera(kind="folder", name="gone", path=tmp_path / "gone")
    built = station(folder(OK, OK), missing)
    line = threading.Thread(target=built.run, args=(stop,))
    line.start()
    producer.wait(lambda: len(producer.verdicts) == 2)
    stop.set()
    line.join(WAIT)
    assert "cannot be read" in built.stats().troubles["gone"]


def test_a_camera_that_fails_as_nobody_foresaw_is_away_and_the_others_go_on(station, producer, monkeypatch):
    monkeypatch.setattr("engine.station_cameras.RETRY", 0.01)
    stop, again = threading.Event(), threading.Event()

    def opener(section, run, number, stopped):
        if section.name == "good":
            assert again.wait(WAIT)
            return Shots(run, [("p2", OK)])
        if run.name != "1":
            again.set()
            raise CameraError("unplugged")
        return Shots(run, [("p1", OK), IndexError("list index out of range")])

    built = station(camera("bad"), camera("good"), opener=opener)
    told = []
    monkeypatch.setattr(built._cameras, "troubles", Noted(told))
    line = threading.Thread(target=built.run, args=(stop,))
    line.start()
    producer.wait(lambda: len(producer.verdicts) == 2)
    stop.set()
    line.join(WAIT)
    assert not line.is_alive()
    assert built._cameras.failures == []
    assert sorted(verdict.serial for verdict in producer.verdicts) == ["p1", "p2"]
    assert told[0] == (
        "Camera bad: it cannot be read (IndexError: list index out of range); see the station's log."
    )
    assert [loss.reason for loss in producer.losses] == ["camera_away"]


class Noted(dict):
    """Troubles, of which each that was told is remembered."""

    def __init__(self, told):
        super().__init__()
        self._told = told

    def __setitem__(self, name, trouble):
        self._told.append(trouble)
        super().__setitem__(name, trouble)


def test_a_remote_cameras_lost_frames_are_in_the_ledger(station, producer, tmp_path):
    stop, endpoint = threading.Event(), f"ipc://{tmp_path}/remote.sock"
    built = station(ZmqCamera(kind="zeromq", name="remote", endpoint=endpoint))
    line = threading.Thread(target=built.run, args=(stop,))
    line.start()
    with zmq.Context() as context, context.socket(zmq.PUSH) as sender:
        sender.connect(endpoint)
        for sequence in (7, 8, 12):
            told = {"serial": f"p{sequence}", "sequence": sequence}
            sender.send_multipart([json.dumps(told).encode(), pictures.encode_whole(picture(OK))])
        producer.wait(lambda: len(producer.verdicts) == 3)
    stop.set()
    line.join(WAIT)
    (loss,) = producer.losses
    assert (loss.first, loss.last, loss.outcome, loss.reason) == (3, 5, "dropped", "lost_before_arrival")
    balance = built.stats().frames
    assert (balance.captured, balance.inspected, balance.dropped, balance.open) == (6, 3, 3, 0)


@pytest.mark.parametrize(("told", "source"), [({}, ""), ({"identity": {"serial": "camera"}}, "camera")])
def test_what_a_remote_camera_says_of_a_part_is_in_its_verdict(station, producer, tmp_path, told, source):
    stop, endpoint = threading.Event(), f"ipc://{tmp_path}/remote.sock"
    built = station(ZmqCamera(kind="zeromq", name="remote", endpoint=endpoint), **told)
    line = threading.Thread(target=built.run, args=(stop,))
    line.start()
    with zmq.Context() as context, context.socket(zmq.PUSH) as sender:
        sender.connect(endpoint)
        for words in ({"order": "O-77", "fixture": "F3", "operator": "Li Na"}, {"order": 77}):
            said = json.dumps({"serial": "p1"} | words).encode()
            sender.send_multipart([said, pictures.encode_whole(picture(OK))])
        producer.wait(lambda: len(producer.verdicts) == 2)
    stop.set()
    line.join(WAIT)
    good, wrong = producer.verdicts
    assert (good.outcome, good.identity) == ("OK", Identity(source, "O-77", "F3", "Li Na"))
    assert (wrong.outcome, wrong.views[0].rejected) == ("REVIEW", "bad_metadata")
    assert wrong.identity == Identity(source)
    assert (built.stats().frames.captured, built.stats().frames.open) == (2, 0)


def test_a_busy_station_in_newest_mode_drops_and_says_so(station, producer, monkeypatch):
    all_taken = threading.Event()
    detect = Detector.detect_fitted

    def detect_when_all_are_taken(detector, fitted, floor):
        assert all_taken.wait(WAIT)
        return detect(detector, fitted, floor)

    class Hasty(Shots):
        def read(self):
            frame = super().read()
            if frame is None:
                all_taken.set()
            return frame

    monkeypatch.setattr(Detector, "detect_fitted", detect_when_all_are_taken)
    shots = [(f"p{number}", OK) for number in range(60)]
    built = station(camera(), opener=lambda section, run, number, stop: Hasty(run, shots), mode="newest")
    balance = run(built).frames
    assert balance.captured == 60
    assert balance.open == 0
    assert balance.inspected == len(producer.verdicts) < 60
    assert sum(loss.last - loss.first + 1 for loss in producer.losses) == balance.dropped
    assert {(loss.outcome, loss.reason) for loss in producer.losses} == {("dropped", "station_busy")}
    assert producer.verdicts[-1].serial == "p59"


def test_how_far_a_cameras_clock_is_behind_is_told_where_it_stamps_its_frames(station):
    class Behind(Shots):
        def read(self):
            left = next(self._shots, None)
            return None if left is None else self._run.frame(JPEG, "", ts=self._run.now() - left)

    def opener(section, run, number, stop):
        return Behind(run, [9_000_000, 2_500_000, 8_000_000]) if section.name == "a" else Shots(run, shown)

    shown = [("p1", OK)]
    stats = run(station(camera("a"), camera("b"), opener=opener))
    told = {part.name: part.counters for part in report(stats, None).parts if part.kind == "camera"}
    assert 2.5 <= told["a"]["clock_offset_s"] < 8
    assert "clock_offset_s" not in told["b"]


class Quick(Shots):
    """A live camera whose pictures are a microsecond apart."""

    counts = False

    def read(self):
        number = next(self._shots, None)
        if number is None:
            return None
        if self.counts:
            self._run.count(number)
        return self._run.frame(pictures.encode_whole(picture(OK)), "", ts=self.began + number)


@pytest.mark.parametrize(
    ("kind", "told"),
    [({}, [("station_busy", 0)]), ({"counts": True}, [("lost_before_arrival", 3)]), ({"live": False}, [])],
    ids=["live", "counts", "waits"],
)
def test_what_a_camera_saw_while_a_lossless_station_had_no_room_is_an_unknown_number_unless_it_counts(
    station, producer, monkeypatch, kind, told
):
    full, has_room, detect = threading.Event(), Pipeline._has_room, Detector.detect_fitted

    def has_room_or_is_full(pipeline):
        return has_room(pipeline) or full.set() or False

    def detect_when_full(detector, fitted, floor):
        assert full.wait(WAIT)
        return detect(detector, fitted, floor)

    monkeypatch.setattr(Pipeline, "_has_room", has_room_or_is_full)
    monkeypatch.setattr(Detector, "detect_fitted", detect_when_full)
    inside = max(DEPTH, 12 * len(os.sched_getaffinity(0)))
    quick = type("Camera", (Quick,), kind | {"began": time.time_ns() // 1000})
    shots = [*range(1, inside + 2), inside + 5]
    balance = run(station(camera(), opener=lambda section, run, *_: quick(run, shots))).frames
    assert (balance.inspected, balance.open) == (inside + 2, 0)
    assert [(loss.reason, loss.frames) for loss in producer.losses[:1]] == told
    for loss in producer.losses[:1]:
        assert loss.first == inside + 2
        before, after = (verdict.ts for verdict in producer.verdicts[inside : inside + 2])
        assert (loss.since, loss.ts) == (before, after)


@pytest.mark.parametrize("views", [(), ("front", "left")], ids=["a camera waits", "expired parts wait"])
def test_a_full_station_goes_on_to_look_at_what_may_change(station, producer, monkeypatch, views):
    monkeypatch.setattr("engine.station.LOOK", 0.0)
    full, go, looked, waited = threading.Event(), threading.Event(), [], []
    has_room, detect = Pipeline._has_room, Detector.detect_fitted

    def has_room_or_is_full(pipeline):
        return has_room(pipeline) or full.set() or False

    def detect_when_told(detector, fitted, floor):
        go.wait(WAIT) or go.set()
        return detect(detector, fitted, floor)

    class Lasting(Shots):
        def read(self):
            return super().read() or waited.append(go.wait(WAIT))

    def look(what):
        if full.is_set() and not go.is_set():
            looked.append(what)
            if len(looked) == 8:
                go.set()

    monkeypatch.setattr(Pipeline, "_has_room", has_room_or_is_full)
    monkeypatch.setattr(Detector, "detect_fitted", detect_when_told)
    shots = [(f"p{number}", OK) for number in range(max(DEPTH, 12 * len(os.sched_getaffinity(0))) + 5)]
    built = station(
        camera(),
        opener=lambda section, run, number, stop: Lasting(run, shots),
        roster=lambda: look("cameras") or [camera()],
        views=views,
        patience_s=0.01,
    )
    monkeypatch.setattr(built._account, "look", lambda: look("tally"))
    monkeypatch.setattr(built._changeover, "look", lambda roster: look("recipe"))
    monkeypatch.setattr(built._models, "look", lambda: look("models"))
    balance = run(built).frames
    assert Counter(looked) == dict.fromkeys(["cameras", "recipe", "tally", "models"], 2)
    assert [verdict.serial for verdict in producer.verdicts] == [serial for serial, _ in shots]
    said = {(verdict.outcome.value, verdict.reason) for verdict in producer.verdicts}
    assert said == ({("REVIEW", "Missing views: left.")} if views else {("OK", "No defect in 1 view.")})
    assert (balance.captured, balance.inspected, balance.open) == (len(shots), len(shots), 0)


def test_a_full_disk_holds_verdicts_back_until_there_is_room(station, folder, producer, monkeypatch):
    monkeypatch.setattr("engine.station.RETRY", 0.01)
    keep, full = evidence.EvidenceStore.keep, [True, True]
    told = []

    def keep_or_fail(store, items):
        if full:
            full.pop()
            raise OSError(28, "No space left on device")
        told.append(dict(built.stats().troubles))
        keep(store, items)

    monkeypatch.setattr(evidence.EvidenceStore, "keep", keep_or_fail)
    built = station(folder(OK, NG))
    stats = run(built)
    assert "make room" in told[0]["evidence"]
    assert [verdict.outcome for verdict in producer.verdicts] == ["OK", "NG"]
    assert (stats.troubles, stats.frames.open) == ({}, 0)


def test_it_tells_how_every_camera_is(station, folder, tmp_path):
    stop = threading.Event()
    missing = FolderCamera(kind="folder", name="gone", path=tmp_path / "gone")
    built = station(folder(OK, NG, b"no picture"), missing)
    line = threading.Thread(target=built.run, args=(stop,))
    line.start()
    try:
        told = report(built.stats(), "The log is full.")
        while told.counters["inspected"] < 3 or told.parts[1].ok:
            assert not threading.Event().wait(0.01)
            told = report(built.stats(), "The log is full.")
    finally:
        stop.set()
        line.join(WAIT)
    cam, gone, kept, log, *_ = told.parts
    others = [part for part in told.parts if part.kind != "drift_reference"]  # there once a part is through
    assert [(part.kind, part.name, part.ok) for part in others] == [
        ("camera", "cam", True),
        ("camera", "gone", False),
        ("evidence", "evidence", True),
        ("log", "log", False),
        ("model", "model", True),
        ("shadow", "shadow", True),
        ("drift", "drift", True),
    ]
    ends = ("inspected", "dropped", "late", "unmatched", "open")
    assert cam.counters["captured"] == sum(cam.counters[end] for end in ends) == 3
    assert not any(gone.counters.values())
    assert (kept.trouble, log.trouble) == ("", "The log is full.")
    assert [told.counters[f"verdicts_{word}"] for word in ("ok", "ng", "review")] == [1, 1, 1]


def test_verdicts_whose_evidence_was_never_written_are_never_sent(station, folder, producer, monkeypatch):
    stop = threading.Event()

    def fail(store, items):
        stop.set()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(evidence.EvidenceStore, "keep", fail)
    built = station(folder(OK))
    built.run(stop)
    assert producer.verdicts == []
    assert [(loss.outcome, loss.reason) for loss in producer.losses] == [("dropped", "evidence_not_written")]
    assert built.stats().frames.open == 0


def test_a_part_that_cannot_be_inspected_is_a_loss_with_its_reason(station, folder, producer, monkeypatch):
    def fail(detector, fitted, floor):
        raise RuntimeError("the request failed")

    monkeypatch.setattr(Detector, "detect_fitted", fail)
    stats = run(station(folder(OK, OK)))
    assert [(loss.first, loss.last, loss.reason) for loss in merge(producer.losses)] == [
        (1, 2, "inspection_failed: RuntimeError")
    ]
    assert (stats.frames.dropped, stats.frames.open) == (2, 0)


def test_a_log_that_is_gone_ends_the_station(station, folder, producer):
    built = station(folder(*[OK] * 40))
    send = producer.send

    def send_one_then_lose_the_log(kind, payload):
        send(kind, payload)
        producer.refuse = True

    producer.send = send_one_then_lose_the_log
    with pytest.raises((PipelineError, OSError), match="the log is gone"):
        run(built)


def test_a_log_that_is_gone_ends_a_station_whose_cameras_show_nothing_new(station, producer, monkeypatch):
    class Lasting(Shots):
        live = False

        def read(self):
            return super().read() or told.append(stop.wait(WAIT))

    def refuse(log, jobs):
        raise OSError("the log is gone")

    monkeypatch.setattr("engine.station_log.StationLog.deliver", refuse)
    stop, told, shots = threading.Event(), [], [(f"p{number}", OK) for number in range(100)]
    views = {"views": ["front", "left"], "patience_s": 0.01}
    built = station(camera(), opener=lambda section, run, *_: Lasting(run, shots), **views)
    with pytest.raises((PipelineError, OSError), match="the log is gone"):
        built.run(stop)
    assert told == [True]


def test_a_stop_ends_a_station_with_a_closed_ledger(station, producer):
    stop = threading.Event()

    class UntilStopped(Shots):
        def read(self):
            return None if stop.is_set() else self._run.frame(pictures.encode_whole(picture(OK)), "")

    built = station(camera(), opener=lambda section, run, number, stopped: UntilStopped(run, []))
    line = threading.Thread(target=built.run, args=(stop,))
    line.start()
    producer.wait(lambda: len(producer.verdicts) >= 5)
    stop.set()
    line.join(WAIT)
    balance = built.stats().frames
    assert balance.open == 0
    assert balance.inspected == len(producer.verdicts) == balance.captured
    assert built.stats().rate > 0


def test_losses_that_follow_each_other_are_one():
    def loss(first, reason="busy", camera="a"):
        return FrameLoss("s", camera, "v", "1", first, first, 0, "dropped", reason, f"p{first}")

    merged = merge([loss(1), loss(2), loss(4), loss(5, "other"), loss(6, "other", "b")])
    assert [(item.camera, item.first, item.last) for item in merged] == [
        ("a", 1, 2),
        ("a", 4, 4),
        ("a", 5, 5),
        ("b", 6, 6),
    ]


def test_every_kind_of_camera_is_opened(tmp_path, folder):
    sections = [
        folder(OK),
        camera(),
        ZmqCamera(kind="zeromq", name="z", endpoint=f"ipc://{tmp_path}/z.sock"),
    ]
    for section in sections:
        open_camera(section, Run(section.name, "front", "1", lambda: 0), 1, threading.Event()).close()
    with pytest.raises(CameraError):
        gone = VideoCamera(kind="video", name="v", path=str(tmp_path / "gone.avi"))
        open_camera(gone, Run("v", "front", "1", lambda: 0), 1, threading.Event())


def test_cameras_of_one_station_look_at_the_same_line():
    lines, others = Lines(), Lines()
    line = lines.of(camera())
    assert lines.of(camera(view="top")) is line
    assert others.of(camera()) is not line


GOOD_PARTS = PartRenderer(31, size=320, flaw_rate=0.0)


@pytest.fixture
def bank_of_good_parts(tmp_path):
    """Fit a bank from rendered good parts and put it where the station looks."""
    shown = [fit.Picture(f"{number}", GOOD_PARTS.render(number).image) for number in range(12)]
    fitted = fit.fit(shown, registry.find(fit.BACKBONE))
    home = Home(tmp_path / "home").create()
    bank.save(fitted.bank, fit.card("good-parts", fitted, "rendered parts"), home.models / "good-parts")
    vouch(home, registry.load(home.models / "good-parts"))
    return fitted.bank


def rendered_parts():
    """Return a good part that was learnt, and one with a burnt corner."""
    good = GOOD_PARTS.render(4).image
    burnt = good.copy()
    burnt[20:90, 20:120] = (10, 40, 250)
    return pictures.encode_whole(good), pictures.encode_whole(burnt)


def test_a_station_reviews_what_no_good_part_has(station, folder, producer, model, bank_of_good_parts):
    run(station(folder(*rendered_parts()), anomaly="good-parts", review_above=0.9, reject_above=0.95))
    plain, marred = producer.verdicts
    assert (plain.outcome, marred.outcome) == ("OK", "REVIEW")
    assert "above the limit of good parts" in marred.reason
    worst = next(item for item in marred.views[0].findings if item.label == "anomaly")
    left, top, right, bottom = worst.box
    assert left < 70 < right
    assert top < 55 < bottom
    assert plain.versions == marred.versions
    assert plain.versions.model not in (model.hash, bank_of_good_parts.hash)


def test_a_station_judges_by_its_bank_alone_and_rejects_if_told(
    tmp_path, folder, producer, bank_of_good_parts
):
    section = StationSection(
        name="weld-1",
        cameras=[folder(*rendered_parts())],
        model=None,
        anomaly="good-parts",
        anomaly_reject_above=0.5,
    )
    plant = Plant(name="test", stations=[section])
    run(Station(section, plant, Home(tmp_path / "home"), producer))
    assert [verdict.outcome for verdict in producer.verdicts] == ["OK", "NG"]
    assert {verdict.versions.model for verdict in producer.verdicts} == {bank_of_good_parts.hash}


@pytest.mark.parametrize(("beside", "outcomes"), [(None, ["REVIEW"] * 2), ("tiny", ["OK", "REVIEW"])])
def test_a_bank_that_nobody_measured_passes_no_part_by_itself(
    tmp_path, folder, producer, bank_of_good_parts, beside, outcomes
):
    home = Home(tmp_path / "home")
    bank = registry.load(home.models / "good-parts")
    deeds.sign(home, TESTER, bank, "4711")
    vouch(home, write_model(home.models, "tiny"), "4711")
    judged_by = {"model": beside, "anomaly": "good-parts", "review_above": 0.9, "reject_above": 0.95}
    section = StationSection(
        name="weld-1", cameras=[folder(*rendered_parts())], part_number="4711", **judged_by
    )
    plant = Plant(name="test", stations=[section])
    run(Station(section, plant, home, producer))
    assert [verdict.outcome for verdict in producer.verdicts] == outcomes
    unmeasured = f"signed unmeasured .* seamline models gate good-parts@{bank_of_good_parts.hash[:12]} --set"
    with pytest.raises(ApprovalError, match="in use already" if beside else unmeasured):
        deeds.promote(home, TESTER, bank, "weld-1", section)
    if beside:
        assert refusals(plant, home) == []
    else:
        assert refusals(plant, home) == [producer.verdicts[0].reason]


def test_a_station_whose_bank_was_changed_does_not_start(station, folder, tmp_path, bank_of_good_parts):
    file = tmp_path / "home" / "models" / "good-parts" / "bank.npz"
    file.write_bytes(bank_of_good_parts.content + b"x")
    with pytest.raises(registry.ModelError, match="is not the file that its card vouches for"):
        station(folder(20), anomaly="good-parts")
