"""What is committed stays true, whatever is changed between two runs of a shard."""

import pytest

from bench.chaos import committed
from engine.paths import Home
from engine.plant import Plant
from engine.recovery import fingerprint, upheld
from engine.shard import run_shard
from engine.store import connect
from streams.clock import HOUR, MINUTE, SECOND, ManualClock
from streams.log.abc import Kind
from streams.log.files import segments
from streams.log.writer import LogWriter
from streams.operators.anomaly import Anomaly
from streams.operators.oee import Oee
from streams.operators.standing import Standing
from streams.operators.states import States
from streams.operators.windows import Windows
from streams.records import Readings, encode
from streams.testing import running, until

SIX = 1_767_592_800_000_000
"""2026-01-05 06:00 UTC."""
EARLY = {"name": "early", "start": "06:00", "end": "08:00"}
LATE = {"name": "late", "start": "08:00", "end": "10:00"}
TAGS = [{"name": "load", "detect": True}, {"name": "execution", "type": "text"}]
PRESS = {"name": "press", "tags": TAGS, "shifts": [EARLY, LATE]}
OVEN = {"name": "oven", "tags": TAGS, "shifts": [EARLY, LATE]}
STEP = 5 * SECOND
WORDS = {0: "ACTIVE", 4: "READY", 6: "ACTIVE", 9: "STOPPED"}
"""What the machines say in which minute of every ten."""


class Line:
    """A line of two machines, and its log twice: one that gives up what is consumed, one that keeps all."""

    def __init__(self, root, words=WORDS, start=SIX, shard="line-1"):
        self.homes = [Home(root / name).create() for name in ("short", "whole")]
        self.clock, self.words, self.shard = ManualClock(start), words, shard
        folders = [home.log / shard for home in self.homes]
        sizes = {"max_bytes": 500_000, "segment_bytes": 50_000}
        self.writers = [LogWriter(folders[0], self.clock, **sizes), LogWriter(folders[1], self.clock)]

    def plant(self, *machines, **changes):
        made = {"name": "shop", "shard": self.shard, "machines": list(machines or (PRESS, OVEN)), **changes}
        return Plant.model_validate(made)

    def minutes(self, count):
        """Write minutes of the plant's day and return the last position."""
        for _ in range(count * MINUTE // STEP):
            self._step(self.clock.time)
            self.clock.time += STEP
        for writer in self.writers:
            writer.commit()
        return self.writers[0].position

    def _step(self, now):
        minute = (now - SIX) // MINUTE
        names = ["press", "oven"]
        loads = Readings.numbers(names, ["load"] * 2, [now] * 2, [minute % 7 + 0.5, 1.0])
        self._append(Kind.READINGS, encode(loads.to_arrow()))
        word = self.words.get(minute if minute < 10 else minute % 10 if self.words is WORDS else minute)
        if word and now % MINUTE == 0:
            words = Readings.texts(names, ["execution"] * 2, [now] * 2, [word] * 2)
            self._append(Kind.READINGS, encode(words.to_arrow()))
        self._append(Kind.TICK, b"")

    def _append(self, kind, payload):
        for writer in self.writers:
            writer.append(kind, payload)

    def run(self, dsn, plant, home=0):
        last = self.writers[home].position
        with running(lambda stop: run_shard(plant, self.homes[home], dsn, stop)):
            until(lambda: committed(dsn, self.shard) >= last)

    def day(self, dsn, plant, minutes):
        """Go on through the day, ten minutes at a time: the log gives up what the shard has consumed."""
        for _ in range(minutes // 10):
            self.minutes(10)
            self.run(dsn, plant)

    @property
    def oldest(self):
        """Position of the oldest entry that the short log holds."""
        return segments(self.homes[0].log / self.shard)[0].first

    def close(self):
        for writer in self.writers:
            writer.close()


@pytest.fixture
def line(tmp_path):
    line = Line(tmp_path)
    yield line
    line.close()


@pytest.fixture
def straight(plain_server, line):
    """Give a database in which the whole log was run at one go."""
    dsn = plain_server.create()

    def run(plant):
        line.run(dsn, plant, home=1)
        return dsn

    yield run
    plain_server.drop(dsn)


ACCOUNTS = "SELECT machine, shift, as_of, no_data_us, unplanned_stop_us, good FROM oee_latest ORDER BY 1, 2"
WINDOWS = (
    "SELECT machine, tag, width_us, ts, count, sum FROM windows_latest WHERE machine = 'press' ORDER BY 3, 4"
)
STATES = "SELECT machine, ts, end_ts, state FROM states_latest ORDER BY machine, ts"
HELD = "SELECT machine, (raw::jsonb)->>'table' FROM quarantine WHERE reason = 'not_recomputed' ORDER BY 1, 2"


def rows(dsn, query):
    with connect(dsn) as connection:
        return connection.execute(query).fetchall()


def early(found):
    return [row for row in found if row[1] == "early"]


def test_a_plant_file_may_be_edited_in_the_middle_of_a_shift(line, plain_dsn, straight):
    line.day(plain_dsn, line.plant(), 90)
    assert line.oldest > 1
    edited = line.plant(PRESS, OVEN, {"name": "lathe", "tags": TAGS, "shifts": [EARLY, LATE]})
    assert fingerprint(edited) != fingerprint(line.plant())
    line.day(plain_dsn, edited, 50)
    undisturbed = straight(line.plant())
    ours = [row for row in rows(plain_dsn, ACCOUNTS) if row[0] != "lathe"]
    assert ours == rows(undisturbed, ACCOUNTS)
    assert rows(plain_dsn, WINDOWS) == rows(undisturbed, WINDOWS)
    assert rows(plain_dsn, HELD) == []


def test_versions_go_on_above_those_of_another_plant_file(line, plain_dsn):
    line.day(plain_dsn, line.plant(), 30)
    line.minutes(5)
    with connect(plain_dsn) as connection:
        connection.execute("UPDATE oee SET version = version + 1000")  # as if it had told more before a kill
        connection.execute("UPDATE snapshots SET position = position - 1")
    line.run(plain_dsn, line.plant(OVEN, {**PRESS, "minor_stop_s": 20.0}))
    newest = rows(plain_dsn, "SELECT machine, as_of FROM oee_latest")
    assert {moment.minute for _, moment in newest} == {34}


@pytest.mark.parametrize("raised", [(Oee,), (Windows, Anomaly, States)])
def test_an_operator_of_another_version_lets_stand_what_it_can_no_longer_tell(
    line, plain_dsn, straight, monkeypatch, raised
):
    line.day(plain_dsn, line.plant(), 90)
    assert line.oldest > 1
    before = rows(plain_dsn, ACCOUNTS), rows(plain_dsn, WINDOWS)
    for operator in raised:
        monkeypatch.setattr(operator, "version", operator.version + 1)
    line.day(plain_dsn, line.plant(), 70)
    undisturbed = straight(line.plant())
    after, true = rows(plain_dsn, ACCOUNTS), rows(undisturbed, ACCOUNTS)
    if Oee in raised:
        assert early(after) == before[0]
        assert after[1::2] == true[1::2]
    else:
        assert after == true
    told, all_true = rows(plain_dsn, WINDOWS), set(rows(undisturbed, WINDOWS))
    assert set(before[1]) <= set(told) <= all_true
    assert len(told) > len(before[1])
    tables = {Oee: ["oee"], Windows: ["windows"]}
    expected = {name for operator in raised for name in tables.get(operator, [])}
    assert expected <= {table for _, table in rows(plain_dsn, HELD)}
    assert rows(plain_dsn, STATES) == rows(undisturbed, STATES)


def test_a_state_that_began_before_the_log_is_ended_and_counts_in_the_shifts_behind_it(
    tmp_path, plain_dsn, monkeypatch
):
    line = Line(tmp_path, {1: "ACTIVE", 135: "READY"})
    line.day(plain_dsn, line.plant(), 90)
    for operator in (States, Oee):
        monkeypatch.setattr(operator, "version", operator.version + 1)
    line.day(plain_dsn, line.plant(), 50)
    states = [row for row in rows(plain_dsn, STATES) if row[0] == "press"]
    assert [(row[3], row[2] and row[2].minute) for row in states] == [("run", 15), ("stop", None)]
    late = [row for row in rows(plain_dsn, ACCOUNTS) if row[:2] == ("press", "late")]
    assert late[0][3] == 0
    line.close()


def test_a_machine_that_comes_back_into_the_plant_file_lets_its_shift_stand(line, plain_dsn, straight):
    line.day(plain_dsn, line.plant(), 40)
    before = early(rows(plain_dsn, ACCOUNTS))
    line.day(plain_dsn, line.plant(PRESS), 20)
    line.day(plain_dsn, line.plant(), 80)
    after = early(rows(plain_dsn, ACCOUNTS))
    assert [row for row in after if row[0] == "oven"] == [row for row in before if row[0] == "oven"]
    late = [row for row in rows(plain_dsn, ACCOUNTS) if row[1] == "late"]
    assert late == [row for row in rows(straight(line.plant()), ACCOUNTS) if row[1] == "late"]
    assert ("oven", "oee") in rows(plain_dsn, HELD)


def test_a_new_shard_name_is_the_way_out_of_a_log_from_the_future(line, tmp_path, plain_dsn):
    line.day(plain_dsn, line.plant(), 60)
    line.clock.time += 26 * HOUR
    line.minutes(1)  # the computer's clock is set a day ahead, and back
    line.clock.time -= 26 * HOUR
    line.minutes(4)
    line.run(plain_dsn, line.plant())
    refused = "SELECT DISTINCT machine FROM quarantine WHERE reason = 'event_time_out_of_range'"
    assert rows(plain_dsn, refused) == [("oven",), ("press",)]
    stands = early(rows(plain_dsn, ACCOUNTS))
    fresh = Line(tmp_path / "fresh", start=line.clock.time, shard="line-1b")
    fresh.day(plain_dsn, fresh.plant(), 80)
    after = rows(plain_dsn, ACCOUNTS)
    since = "SELECT count(*) FROM readings WHERE tag = 'load' AND ts >= '2026-01-05 07:05Z'"
    assert rows(plain_dsn, since + " AND ts < '2026-01-06Z'") == [(80 * 12 * 2,)]
    assert set(stands) <= set(after)
    today = "SELECT machine, no_data_us, good > 0 FROM oee_latest WHERE shift = 'late' AND ts < '2026-01-06'"
    assert rows(plain_dsn, today + " ORDER BY machine") == [("oven", 0, True), ("press", 0, True)]
    fresh.close()


def test_what_a_machine_did_last_does_not_count_through_days_without_a_log(line, tmp_path, plain_dsn):
    line.day(plain_dsn, line.plant(), 60)
    fresh = Line(tmp_path / "fresh", start=line.clock.time + 72 * HOUR, shard="line-1b")
    fresh.day(plain_dsn, fresh.plant(), 30)
    running = "SELECT machine, max(coalesce(end_ts, ts) - ts) < '3 h' FROM states_latest WHERE state = 'run'"
    assert rows(plain_dsn, running + " GROUP BY machine ORDER BY machine") == [
        ("oven", True),
        ("press", True),
    ]
    fresh.close()


def test_what_stands_is_told_for_an_hour():
    standing = Standing()
    assert upheld(standing, SIX) == []
    standing.begin({"oee": {"press": SIX}}, {})
    standing.last = SIX
    (part,) = upheld(standing, SIX + HOUR)
    assert "began before 2026-01-05T06:00:00+00:00 stand as they were committed" in part.trouble
    assert upheld(standing, SIX + HOUR + 1) == []
