from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading

import pytest

from engine import health
from engine.health import SILENT_AFTER, Health, Part, Publisher, Report

TIMEOUT = 60
NOW = 1_700_000_000_000_000
SECOND = 1_000_000


class Process:
    """A process whose clock, counters and troubles a test sets; it publishes when told to."""

    def __init__(self, folder):
        self.time, self.frames, self.trouble = NOW, 0, ""
        self.folder = folder
        self.publisher = self.begin()

    def begin(self):
        return Publisher(self.folder, "station", "weld/1", self.report, now=lambda: self.time)

    def report(self):
        return Report({"frames": self.frames}, (Part("camera", "top", self.trouble, {"seen": self.frames}),))

    def publish(self, after=SECOND, **ended):
        self.time += after
        self.publisher.publish(**ended)
        return self.record

    @property
    def record(self):
        (record,) = health.read_all(self.folder)
        return record


@pytest.fixture
def process(tmp_path):
    return Process(tmp_path / "health")


def test_a_record_goes_into_a_file_and_back(process):
    process.frames = 3
    record = process.publish()
    assert Health.from_json(record.to_json()) == record
    assert (record.kind, record.name, record.counters["frames"]) == ("station", "weld/1", 3)
    assert (record.started, record.updated) == (NOW, NOW + SECOND)
    assert record.part("camera", "top").ok
    assert record.part("camera", "side") is None


def test_a_record_is_json_that_others_can_read(process):
    process.trouble = "The camera is gone."
    process.publish()
    raw = json.loads((process.folder / "station-weld%2F1.json").read_text())
    assert raw["parts"][0]["ok"] is False
    assert raw["parts"][0]["trouble"] == "The camera is gone."


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b'{"kind": "station"}', b'{"parts": [{"age": 3}]}', b"\xff"]
)
def test_what_is_no_record_is_no_record(tmp_path, raw):
    with pytest.raises(ValueError):
        Health.from_json(raw)
    (tmp_path / "station-weld.json").write_bytes(raw)
    assert health.read_all(tmp_path) == []


def test_trouble_and_its_end_have_a_time(process):
    assert process.publish().part("camera", "top").since == NOW + SECOND
    assert process.publish().part("camera", "top").since == NOW + SECOND
    process.trouble = "The cable is loose."
    process.publish()
    process.trouble = "The cable is cut."
    assert process.publish().part("camera", "top").since == NOW + 3 * SECOND
    process.trouble = ""
    assert process.publish().part("camera", "top").since == NOW + 5 * SECOND


def test_no_password_is_in_what_is_said(process):
    process.trouble = "rtsp://ann:s3cret@cam-1/live gives no pictures; check the plug."
    said = process.publish().part("camera", "top").trouble
    assert "s3cret" not in said
    assert said.endswith("cam-1/live gives no pictures; check the plug.")


def test_counters_that_stand_still_are_told_by_their_time(process):
    assert process.publish().part("camera", "top").moved is None
    process.frames = 1
    process.publish()
    assert process.publish().part("camera", "top").moved == NOW + 2 * SECOND


def test_an_old_record_is_silence_and_so_is_one_from_the_future(process):
    record = process.publish()
    assert not record.silent(record.updated + SILENT_AFTER)
    assert record.silent(record.updated + SILENT_AFTER + 1)
    assert record.silent(record.updated - SILENT_AFTER - 1)


def test_who_has_ended_need_not_speak(process):
    record = process.publish(ended=True)
    assert record.ended
    assert not record.silent(record.updated + 3600 * SECOND)


def test_who_begins_again_without_having_ended_was_restarted(process):
    process.publish()
    for restarts in 1, 2:
        process.publisher = process.begin()
        assert process.publish().restarts == restarts
    process.publish(ended=True)
    process.publisher = process.begin()
    assert process.publish().restarts == 0


def test_a_plant_that_begins_forgets_what_was_said(process):
    process.publish()
    (process.folder / "station-weld.7.draft").touch()
    health.clear(process.folder)
    assert list(process.folder.iterdir()) == []
    health.clear(process.folder / "never made")


def test_failing_is_counted_and_ends_nothing(process, capsys):
    process.frames = float("nan")
    for _ in range(2):
        process.publisher.publish()
    assert process.publisher.failures == 2
    assert capsys.readouterr().out.count("health.not_published") == 1
    process.frames = 7
    assert process.publish().counters == {"frames": 7, "publish_failures": 2}


def test_a_disk_that_refuses_ends_nothing(tmp_path):
    (tmp_path / "health").touch()
    process = Process(tmp_path / "health")
    process.publisher.publish()
    assert process.publisher.failures == 1


def test_a_reader_meets_whole_records_only(tmp_path):
    """Records of very different length are read while they are written."""
    stop, seen = threading.Event(), set()

    def write():
        length = 0
        while not stop.is_set():
            length = (length + 5_000) % 20_000
            counters = {"n" * length: 1.0}
            health.write(tmp_path, Health("shard", "line-1", 1, NOW, NOW + length, counters=counters))

    thread = threading.Thread(target=write)
    thread.start()
    try:
        while len(seen) < 4:
            for path in tmp_path.glob("*.json"):
                seen.add(Health.from_json(path.read_bytes()).updated)
    finally:
        stop.set()
        thread.join()
    assert {NOW + length for length in range(0, 20_000, 5_000)} == seen


def test_it_publishes_while_the_block_lasts_and_says_when_it_ended(tmp_path):
    calls, often = [], threading.Event()

    def report():
        calls.append(1)
        if len(calls) == 3:
            often.set()
        return Report()

    with Publisher(tmp_path, "gateway", "line-1", report, period=0.001):
        assert often.wait(TIMEOUT)
    assert health.read_all(tmp_path)[0].ended


def test_a_block_that_fails_has_no_last_word(tmp_path):
    said = threading.Event()

    def report():
        said.set()
        return Report()

    with pytest.raises(ZeroDivisionError), Publisher(tmp_path, "gateway", "line-1", report):
        assert said.wait(TIMEOUT)
        raise ZeroDivisionError
    assert not health.read_all(tmp_path)[0].ended


SPEAKER = """
import sys, threading
from pathlib import Path
from engine.health import Publisher, Report
with Publisher(Path(sys.argv[1]), "shard", "line-1", lambda: Report({"position": 5})):
    print("speaks", flush=True)
    sys.stdin.read()
"""


def speaker(folder):
    return subprocess.Popen(
        [sys.executable, "-c", SPEAKER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def await_record(folder, wanted):
    pause = threading.Event()
    for _ in range(TIMEOUT * 100):
        for record in health.read_all(folder):
            if wanted(record):
                return record
        pause.wait(0.01)
    raise AssertionError("nothing was said")


def test_a_process_that_is_killed_falls_silent_and_is_known_when_it_returns(tmp_path):
    with speaker(tmp_path) as process:
        record = await_record(tmp_path, lambda record: record.pid == process.pid)
        process.send_signal(signal.SIGKILL)
    assert not record.ended
    assert record.silent(record.updated + SILENT_AFTER + 1)
    with speaker(tmp_path) as process:
        again = await_record(tmp_path, lambda record: record.pid == process.pid)
        process.stdin.close()
        process.wait(TIMEOUT)
    assert (again.restarts, again.counters["position"]) == (1, 5)
    assert await_record(tmp_path, lambda record: record.ended).restarts == 1
