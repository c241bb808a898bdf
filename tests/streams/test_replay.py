from __future__ import annotations

import json
import lzma
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest

from streams.catalog import Machine, Tag
from streams.clock import DAY, HOUR, MINUTE, SECOND, ManualClock
from streams.connectors.numbered import OK, REFUSED, Reply, pack_reply, unpack
from streams.connectors.shdr import ShdrConnector
from streams.connectors.stamps import stamp
from streams.connectors.zeromq import ZmqConnector
from streams.records import SNAPSHOT, Readings
from streams.replay import (
    SensorSender,
    ShdrServer,
    machine_tags,
    recorded_lines,
    recorded_sensors,
    sensor_tags,
)
from streams.replay.recorded import GAP, MissingDataError, play_log, series
from streams.replay.sender import due_time
from streams.replay.server import State
from streams.testing import MemoryOutlet, running

START = stamp("2026-01-01T00:00:00Z")
TEXTS = ("avail", "execution", "program")
MACHINE = Machine("Mill", (*(Tag(name, numeric=False) for name in TEXTS), Tag("load")))
DAYS = {
    "20160505-20160506": [
        "2016-05-05T05:00:00.000000Z|avail|UNAVAILABLE",
        "2016-05-05T05:00:00.000000Z|program|UNAVAILABLE",
        "2016-05-05T05:00:00.000000Z|cond|Unavailable||||",
        "2016-05-05T10:00:00.000000Z|avail|AVAILABLE",
        "2016-05-05T10:00:01.000000Z|program|40",
        "2016-05-05T10:00:05.000000Z|load|7",
        "2016-05-05T10:00:03.000000Z|load|8",
        "2016-05-05T10:10:00.000000Z|avail|UNAVAILABLE",
    ],
    "20170101-20170102": [
        "2016-12-01T00:00:00.000000Z|avail|UNAVAILABLE",
        "2017-01-01T08:00:00.000000Z|avail|AVAILABLE",
        "2017-01-01T08:00:01.000000Z|comment|",
    ],
}


@pytest.fixture
def folder(tmp_path):
    """Recordings of one machine and one rig, small."""
    logs = tmp_path / "nist-mtconnect"
    logs.mkdir()
    for day, lines in DAYS.items():
        (logs / f"Mill-{day}.txt.xz").write_bytes(lzma.compress("\n".join(lines).encode() + b"\n"))
    rig = tmp_path / "skab" / "data" / "valve1"
    rig.mkdir(parents=True)
    for name in (2, 10):
        rows = [f"2020-03-09 10:14:{30 + n};{name}.{n};1;0;1" for n in range(5)]
        (rig / f"{name}.csv").write_text(
            "datetime;Current;Flow Rate;anomaly;changepoint\n" + "\n".join(rows) + "\n"
        )
    return tmp_path


def test_each_day_follows_the_one_before_with_its_opening_ahead(folder):
    lines = list(recorded_lines(folder, "Mill", START))
    begin = START + GAP
    second = begin + 10 * MINUTE + GAP
    shift = begin - stamp("2016-05-05T10:00:00Z")
    assert lines[0] == (begin - GAP // 2, b"* seamline-shift: %d %d" % (shift, begin - GAP // 2))
    assert [due - begin for due, _ in lines[1:4]] == [-GAP // 2] * 3
    assert [due - begin for due, _ in lines[4:9]] == [0, SECOND, 5 * SECOND, 5 * SECOND, 10 * MINUTE]
    assert [due - second for due, _ in lines[9:]] == [-GAP // 2, -GAP // 2, 0, SECOND]
    recorded = [line for _, line in lines if not line.startswith(b"*")]
    assert recorded == [line.encode() for day in DAYS.values() for line in day]


def test_a_loop_begins_again_behind_the_last_day(folder):
    lines = list(islice(recorded_lines(folder, "Mill", START, loop=True), 100))
    assert all(later >= earlier for (earlier, _), (later, _) in pairwise(lines))
    assert sum(line.startswith(b"* seamline-shift") for _, line in lines) > 10


def test_tags_are_numbers_where_every_value_is_one(folder):
    assert machine_tags(folder, "Mill") == [
        ("avail", False),
        ("comment", False),
        ("cond", False),
        ("load", True),
        ("program", False),
    ]
    assert sensor_tags(folder) == [("Current", True), ("Flow Rate", True)]


def test_series_follow_each_other_and_their_labels_never_enter(folder):
    batches = list(recorded_sensors(folder, "rig", START, span=2 * SECOND))
    tags = {tag for batch in batches for tag in batch.tag.to_list()}
    times = np.concatenate([batch.ts for batch in batches])
    values = np.concatenate([batch.value for batch in batches])
    assert tags == {"Current", "Flow Rate"}
    assert [len(batch) for batch in batches] == [4, 4, 2] * 2
    assert (times[::2] - START).tolist() == [(n + 1) * SECOND for n in range(10)]
    assert values[::2].tolist() == [2.0, 2.1, 2.2, 2.3, 2.4, 10.0, 10.1, 10.2, 10.3, 10.4]
    assert (batches[0].source_ts == stamp("2020-03-09 10:14:30")).any()


BAD_LINES = (
    b"nonsense",
    b"2016-05-05T10:00:02Z|keyonly",
    b"2016-05-05T10:00:02Z|load|5\xff",
    b"2016-05-05T10:\xff0:02Z|load|6",
    b"when?|mystery|1",
    b"2016-05-05T10:00:02Z||7",
)


def test_bad_lines_are_no_tags_and_are_played_as_they_are_at_the_pace_of_the_one_before(folder):
    expected = machine_tags(folder, "Mill")
    path = folder / "nist-mtconnect" / "Mill-20160505-20160506.txt.xz"
    lines = lzma.decompress(path.read_bytes()).splitlines()
    before, *after = list(recorded_lines(folder, "Mill", START))[4:9]
    path.write_bytes(lzma.compress(b"\n".join([*lines[:4], *BAD_LINES, *lines[4:]])))
    machine_tags.cache_clear()
    assert machine_tags(folder, "Mill") == expected
    played = list(recorded_lines(folder, "Mill", START))[4:15]
    assert [line for _, line in played[1:7]] == list(BAD_LINES)
    assert [due - before[0] for due, _ in played[1:7]] == [0, *[2 * SECOND] * 5]
    assert played[7:] == [(max(due, before[0] + 2 * SECOND), line) for due, line in after]


def test_lines_of_several_keys_and_conditions_have_their_tags(folder):
    path = folder / "nist-mtconnect" / "Mill-20180101-20180102.txt.xz"
    path.write_bytes(lzma.compress(b"2018-01-01T06:00:00Z|speed|1|mode|AUTO\n"))
    machine_tags.cache_clear()
    assert {("speed", True), ("mode", False), ("cond", False)} <= set(machine_tags(folder, "Mill"))


def test_a_recording_cut_short_is_named(folder):
    path = folder / "nist-mtconnect" / "Mill-20160505-20160506.txt.xz"
    path.write_bytes(path.read_bytes()[:-20])
    machine_tags.cache_clear()
    with pytest.raises(MissingDataError, match="cannot be unpacked"):
        machine_tags(folder, "Mill")


def test_what_is_missing_is_named(tmp_path):
    with pytest.raises(MissingDataError, match=r"no Mill-\*.txt.xz in"):
        next(recorded_lines(tmp_path, "Mill", START))
    with pytest.raises(MissingDataError, match="no series in"):
        sensor_tags(tmp_path)


def test_a_recording_may_have_no_old_states_or_nothing_else():
    day, lines = stamp("2016-05-05T05:00:00Z"), [b"2016-05-05T06:00:00Z|a|1"]
    assert list(play_log(lines, day, START))[1:] == [(START + GAP, lines[0])]
    assert list(play_log(lines, day + DAY, START))[1:] == [(START + GAP // 2, lines[0])]


class Listener:
    """A client that reads lines."""

    def __init__(self, port):
        self._link = socket.create_connection(("127.0.0.1", port), 10)
        self._file = self._link.makefile("rb")

    def lines(self, count):
        return [self._file.readline().decode().strip() for _ in range(count)]

    def ping(self):
        self._link.sendall(b"* PING\n")

    def close(self):
        self._file.close()
        self._link.close()


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def listen():
    opened = []

    def listen(server):
        opened.append(Listener(server.port))
        return opened[-1]

    yield listen
    for listener in opened:
        listener.close()


def numbered(*seconds):
    return iter([(START + n * SECOND, f"{n}|load|{n}".encode()) for n in seconds])


def test_lines_are_said_when_their_time_comes(clock, listen):
    with ShdrServer(0, numbered(0, 1, 60), clock) as server, running(server.run):
        one = listen(server)
        assert one.lines(2) == [f"* seamline-shift: 0 {START}", "0|load|0"]
        clock.time += SECOND
        assert one.lines(1) == ["1|load|1"]
        assert server.said == 2
        assert server.position == START + SECOND


def test_the_play_waits_for_its_first_listener_and_for_no_other(clock, listen):
    clock.time += HOUR
    with ShdrServer(0, numbered(0, 1, 2), clock) as server, running(server.run):
        first = listen(server)
        assert first.lines(4) == [f"* seamline-shift: 0 {START}", "0|load|0", "1|load|1", "2|load|2"]
        assert listen(server).lines(2) == [f"* seamline-shift: 0 {clock.time}", "2|load|2"]


def test_a_listener_that_leaves_disturbs_nobody(clock, listen):
    with ShdrServer(0, numbered(0, 1, 2), clock) as server, running(server.run):
        one, other = listen(server), listen(server)
        one.lines(1)
        other.lines(1)
        one.close()
        clock.time += 2 * SECOND
        assert other.lines(3)[-1] == "2|load|2"


def test_a_ping_is_answered(clock, listen):
    with ShdrServer(0, iter([]), clock) as server, running(server.run):
        one = listen(server)
        one.ping()
        assert one.lines(2)[1] == "* PONG 10000"


def test_the_opening_tells_the_last_value_of_every_key():
    state = State()
    for line in (
        b"* seamline-shift: 5 9",
        b"2016-05-05T05:00:02Z|avail|AVAILABLE|load|1",
        b"2016-05-05T05:00:01Z|cond|FAULT|E1|1|HIGH|Hot",
        b"2016-05-05T05:00:03Z|load|2",
        b"2016-05-05T05:00:04Z|@ASSET@|x",
    ):
        state.note(line)
    assert state.opening(77).decode().splitlines() == [
        "* seamline-shift: 5 77",
        "2016-05-05T05:00:01Z|cond|FAULT|E1|1|HIGH|Hot",
        "2016-05-05T05:00:02Z|avail|AVAILABLE",
        "2016-05-05T05:00:03Z|load|2",
    ]
    state.note(b"* seamline-shift: 6 80")
    assert state.opening(81) == b"* seamline-shift: 6 81\n"


def test_recorded_days_arrive_through_the_connector(folder, clock):
    clock.time += DAY
    outlet, expected = MemoryOutlet(), START + GAP
    with ShdrServer(0, recorded_lines(folder, "Mill", START), clock) as server, running(server.run):
        connector = ShdrConnector(MACHINE, "127.0.0.1", server.port, clock)
        with running(lambda stop: connector.run(outlet, stop)):
            outlet.wait_for(lambda kept: any(tag == "comment" for tag, *_ in kept.rows()))
    found = [(tag, ts - expected, value) for tag, ts, value, quality in outlet.rows() if quality != SNAPSHOT]
    assert found[:5] == [
        ("avail", 0, "AVAILABLE"),
        ("program", SECOND, "40"),
        ("load", 5 * SECOND, 7.0),
        ("load", 3 * SECOND, 8.0),
        ("avail", 10 * MINUTE, "UNAVAILABLE"),
    ]
    snapshots = [(tag, ts - expected) for tag, ts, _, quality in outlet.rows() if quality == SNAPSHOT]
    assert snapshots[:2] == [("avail", -GAP // 2), ("program", -GAP // 2)]


@pytest.fixture
def spoilt(folder):
    """A folder whose first series begins with a row without a time and has rows of nothing."""
    (folder / "skab/data/valve1/2.csv").write_text(
        "datetime;Current;Flow Rate;anomaly;changepoint\n"
        "when?;1;2;0;0\n"
        "2020-03-09 10:14:30;3;4;0;0\n"
        "2020-03-09 10:14:31;;;0;0\n"
        "2020-03-09 10:14:32;5;;0;0\n"
    )
    (folder / "skab/data/valve1/10.csv").write_text("datetime;Current;Flow Rate;anomaly;changepoint\n")
    return folder


def test_bad_sensor_rows_are_rejected_at_the_other_end(spoilt, endpoint, clock):
    clock.time += MINUTE
    sender, outlet = SensorSender(endpoint, recorded_sensors(spoilt, "rig", START), clock), MemoryOutlet()
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), running(sender.run):
        outlet.wait_for(lambda kept: len(kept.reasons()) == 3)
    assert outlet.rows() == [
        ("Current", START + SECOND, 3.0, 0),
        ("Flow Rate", START + SECOND, 4.0, 0),
        ("Current", START + 3 * SECOND, 5.0, 0),
    ]
    assert outlet.reasons() == ["bad_time", "empty_value", "empty_value"]
    said = [json.loads(raw) for batch in outlet.refused for raw in batch.raw.to_list()]
    assert [(one["tag"], one["row"]) for one in said] == [
        ("", "1;2"),
        ("Current, Flow Rate", ";"),
        ("Flow Rate", "5;"),
    ]


def test_bad_sensor_rows_wait_for_their_time(spoilt):
    items = list(recorded_sensors(spoilt, "rig", START))
    assert [due_time(item) - START for item in items] == [SECOND, SECOND, 2 * SECOND, 3 * SECOND, 3 * SECOND]


def test_series_without_rows_are_named_instead_of_looped_over(spoilt):
    spoilt.joinpath("skab/data/valve1/2.csv").write_text("datetime;Current;Flow Rate\n")
    with pytest.raises(MissingDataError, match="hold no rows"):
        next(recorded_sensors(spoilt, "rig", START, loop=True))


@pytest.fixture
def endpoint(tmp_path):
    return f"ipc://{tmp_path}/sensors.sock"


def batch(second):
    return Readings.numbers(["rig"], ["Current"], [START + second * SECOND], [float(second)])


def test_sensor_batches_are_sent_when_their_time_comes(endpoint, clock):
    sender, outlet = SensorSender(endpoint, iter([batch(0), batch(1)]), clock), MemoryOutlet()
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)), running(sender.run):
        outlet.wait_for(lambda kept: len(kept.rows()) == 1)
        clock.time += SECOND
        outlet.wait_for(lambda kept: len(kept.rows()) == 2)
    assert outlet.rows()[1] == ("Current", START + SECOND, 1.0, 0)


def test_unanswered_batches_are_sent_again_to_a_gateway_that_comes_back(endpoint, clock, monkeypatch):
    monkeypatch.setattr("streams.connectors.zeromq_sender.SILENCE", 0.05)
    sender = SensorSender(endpoint, iter([batch(0), batch(0)]), clock)
    outlet = MemoryOutlet()
    player = threading.Thread(target=sender.run, args=(threading.Event(),))
    with running(lambda stop: DeafGateway(endpoint).run(stop)):
        player.start()
    with running(lambda stop: ZmqConnector(endpoint).run(outlet, stop)):
        player.join(10)
    assert sender.done
    assert len(outlet.rows()) == 2


class DeafGateway(ZmqConnector):
    """A gateway that dies before it takes anything."""

    def run(self, stop):
        super().run(MemoryOutlet(), stop)

    def _take(self, *_):
        pass


def test_a_refusal_is_remembered_and_not_repeated(endpoint, clock):
    sender = SensorSender(endpoint, iter([batch(0)]), clock)
    with running(RefusingGateway(endpoint).run), running(sender.run) as stop:
        while not sender.done and not stop.wait(0.01):
            pass
    assert sender.refused == ["no"]


class RefusingGateway(DeafGateway):
    """A gateway that refuses whatever comes."""

    def _take(self, socket, frames, *_):
        number = unpack(frames[1:]).number
        for reply in (Reply(number, REFUSED, "no"), Reply(number, OK)):
            socket.send_multipart([frames[0], *pack_reply(reply)])


def test_the_process_plays_both_until_it_is_asked_to_end(folder, endpoint):
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    now = time.time_ns() // 1000
    words = [f"--data={folder}", f"--origin-us={now}", f"--start-us={now}", "--speed=1000"]
    words += ["--shdr-machine=Mill", f"--shdr-port={port}", f"--zmq-endpoint={endpoint}"]
    process = subprocess.Popen([sys.executable, "-m", "streams.replay", *words])
    machine, sensors = MemoryOutlet(), MemoryOutlet()
    connector = ShdrConnector(MACHINE, "127.0.0.1", port, ManualClock(now))
    try:
        with (
            running(lambda stop: connector.run(machine, stop)),
            running(lambda stop: ZmqConnector(endpoint).run(sensors, stop)),
        ):
            machine.wait_for(lambda kept: any(tag == "load" for tag, *_ in kept.rows()), 20)
            sensors.wait_for(lambda kept: kept.rows(), 20)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()


def test_the_process_names_what_is_missing(tmp_path):
    words = [f"--data={tmp_path}", "--origin-us=0", "--start-us=0", "--shdr-port=0", "--zmq-endpoint=x"]
    run = subprocess.run(
        [sys.executable, "-m", "streams.replay", *words], capture_output=True, text=True, check=False
    )
    assert run.returncode == 1
    assert "check the data folder" in run.stderr


@pytest.fixture
def data():
    folder = os.environ.get("SEAMLINE_DATA")
    if not folder:
        pytest.skip("SEAMLINE_DATA names no folder of real data")
    return Path(folder)


@pytest.mark.data
def test_the_openings_of_real_days(data):
    """The first event of a day comes a `GAP` behind the day before, months-old states ahead of it."""
    lines = list(recorded_lines(data, "Mazak03", START))
    firsts = [index for index, (_, line) in enumerate(lines) if line.startswith(b"*")]
    openings = [sum(due == lines[first][0] for due, _ in lines[first : first + 200]) - 1 for first in firsts]
    assert openings == [65, 65, 64, 65]
    assert len(lines) == 294349
    assert all(later >= earlier for (earlier, _), (later, _) in pairwise(lines))


@pytest.mark.data
def test_the_tags_of_real_recordings(data):
    tags = dict(machine_tags(data, "Mazak03"))
    assert [tags[name] for name in ("Xabs", "auto_time", "PartCountAct", "Tool_number")] == [True] * 4
    assert not any(tags[name] for name in ("avail", "execution", "program", "mode", "servo_cond"))
    assert len(sensor_tags(data)) == 8
    assert len(series(data)) == 34
