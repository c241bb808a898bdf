"""What leaves by policy, what stays although it is old, and what is told of it."""

from __future__ import annotations

import hashlib
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from engine.plant import Plant, RetentionSection
from engine.retention import sweep
from engine.retention.steward import steward
from engine.store import StoreBusy, StoreError, connect
from engine.store.hold import hold
from engine.store.levels import DailyPartitions, partitions
from engine.store.master import register
from streams.clock import DAY, HOUR, MINUTE, SECOND
from vision import evidence
from vision.evidence import EvidenceStore
from vision.evidence.testing import age

NOW = 20_500 * DAY + 12 * HOUR
TEXTS = dict.fromkeys(("reason", "model_hash", "preprocessing_hash", "recipe_hash"), "")


def stamp(ts: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=ts)


def plant(
    retention: dict[str, object], shard: str = "line-1", machine: str = "press", station: str = "gate"
) -> Plant:
    return Plant.model_validate(
        {
            "name": "shop",
            "shard": shard,
            "machines": [{"name": machine, "tags": [{"name": "load"}]}],
            "stations": [{"name": station, "cameras": []}],
            "retention": retention,
        }
    )


class Shop:
    """A database and an evidence folder whose rows and pictures lie some days back."""

    def __init__(self, dsn: str, folder: Path) -> None:
        self.dsn = dsn
        self.evidence = folder / "evidence"
        self.archive = folder / "archive"
        self._store = EvidenceStore(self.evidence, "gate")
        with connect(dsn) as connection:
            register(connection, plant({}))
            connection.execute("INSERT INTO shard VALUES ('line-1', 1, 1, 1, %s, now())", [stamp(NOW)])

    def insert(self, table: str, days: float, **values: object) -> None:
        ts = NOW - int(days * DAY)
        row = {"tenant_id": 1, "ts": stamp(ts), **values}
        columns, marks = ", ".join(row), ", ".join(["%s"] * len(row))
        with connect(self.dsn) as connection:
            partitions(connection).ensure(connection, table, [ts // DAY])
            connection.execute(f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(row.values()))

    def reading(
        self, days: float, value: float | None = 1.5, text: str | None = None, machine: str = "press"
    ) -> None:
        received = stamp(NOW - int(days * DAY))
        self.insert(
            "readings",
            days,
            machine=machine,
            tag="load",
            value=value,
            text=text,
            quality=0,
            received=received,
        )

    def window(self, days: float, width: int) -> None:
        sums = {"count": 1, "sum": 1.0, "min": 1.0, "max": 1.0, "version": 1}
        self.insert("windows", days, machine="press", tag="load", width_us=width, **sums)

    def part(self, days: float, outcome: str, picture: bytes, number: int = 1, station: str = "gate") -> str:
        """Judge a part on a picture so many days ago and return the picture's hash."""
        name = hashlib.sha256(picture).hexdigest()
        self._store.keep({name: picture})
        age(self.evidence, 2 * evidence.FRESH)
        part = {
            "station": station,
            "serial": f"{station}-{days}-{outcome}-{number}",
            "ts": stamp(NOW - int(days * DAY)),
        }
        judged = {"machine": station, "part_number": "1", "attempt": 1, "outcome": outcome, **TEXTS}
        self.insert("verdicts", days, **part | judged, received=stamp(NOW))
        frame = {"camera": "c1", "view": "front", "run": "1", "first": number, "last": number}
        self.insert("frame_ledger", days, **part, **frame, outcome="inspected", reason="", frame_hash=name)
        return name

    def has(self, name: str) -> bool:
        with evidence.Shelf(self.evidence) as shelf:
            return bool(shelf.size(name))

    def sweep(self, dry: bool = False, **retention: object) -> list[tuple[str, int]]:
        return [(item.what, item.rows) for item in sweep(self.dsn, plant(retention), self.evidence, dry=dry)]

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with connect(self.dsn) as connection:
            return connection.execute(query).fetchall()

    def ages(self, table: str, where: str = "true") -> list[int]:
        """Return how many whole days old the rows of a table are."""
        days = self.rows(f"SELECT ts FROM {table} WHERE {where} ORDER BY ts DESC")
        return [(stamp(NOW) - ts).days for (ts,) in days]


@pytest.fixture
def shop(dsn, tmp_path):
    return Shop(dsn, tmp_path)


def test_without_a_policy_everything_stays(shop):
    shop.reading(4000)
    assert shop.sweep() == []
    assert shop.ages("readings") == [4000]


def test_readings_leave_by_whole_days_of_plant_time(shop):
    for days in (0, 1, 9, 9.4, 10, 10.4, 11, 12):
        shop.reading(days)
    assert shop.sweep(dry=True, readings=10) == [("readings", 1), ("readings", 1)]
    assert len(shop.ages("readings")) == 8
    assert shop.sweep(readings=10) == [("readings", 1), ("readings", 1)]
    assert shop.ages("readings") == [0, 1, 9, 9, 10, 10]
    assert shop.sweep(readings=10) == []


def test_what_left_is_in_the_audit(shop):
    shop.reading(20)
    shop.reading(20.1)
    shop.sweep(readings=10)
    day = stamp(NOW // DAY * DAY) - timedelta(days=20)
    audit = shop.rows(
        "SELECT shard, what, since, until, rows, bytes > 0, place, policy, clock, finished IS NOT NULL"
        " FROM retention_log"
    )
    told = (day, day + timedelta(days=1), 2, True, None, {"readings": 10}, stamp(NOW), True)
    assert audit == [("line-1", "readings", *told)]


def test_each_width_of_windows_has_its_own_days(shop):
    for days in (5, 15, 25, 35):
        for width in (SECOND, MINUTE, HOUR):
            shop.window(days, width)
    assert len(shop.sweep(windows_1s=10, windows_1min=20, windows_1h=30)) == 3
    assert shop.ages("windows", f"width_us = {SECOND}") == [5]
    assert shop.ages("windows", f"width_us = {MINUTE}") == [5, 15]
    assert shop.ages("windows", f"width_us = {HOUR}") == [5, 15, 25]


def test_a_state_that_lasts_stays_however_old_it_is(shop):
    told = {"machine": "press", "reason": "READY"}
    shop.insert("states", 50.2, version=1, state="run", **told)
    shop.insert("states", 50.1, version=1, state="stop", **told)
    shop.insert("states", 60, version=1, state="run", **told)
    assert shop.sweep(states=30) == [("states", 1), ("states", 1)]
    assert shop.rows("SELECT state FROM states_latest") == [("stop",)]
    shop.insert("states", 1, version=1, state="run", **told)
    assert shop.sweep(states=30) == [("states", 1)]


def test_rows_of_another_line_stay(shop):
    with connect(shop.dsn) as connection:
        register(connection, plant({}, "line-2", "lathe", "gate-2"))
    shop.reading(20)
    shop.reading(20, machine="lathe")
    assert shop.sweep(readings=10) == [("readings", 1)]
    assert shop.rows("SELECT machine FROM readings") == [("lathe",)]


def test_a_partition_that_left_can_be_made_again(plain_dsn, tmp_path):
    shop = Shop(plain_dsn, tmp_path)
    shop.reading(20)
    writer = DailyPartitions()
    with connect(plain_dsn) as connection:
        writer.ensure(connection, "readings", {NOW // DAY, NOW // DAY - 20})
        shop.sweep(readings=10)
        writer.ensure(connection, "readings", {NOW // DAY - 20})
        assert len(writer.pieces(connection, "readings")) == 2


def test_rows_become_parquet_before_they_leave(shop):
    shop.reading(20, value=0.1 + 0.2)
    shop.reading(20.1, value=None, text="")
    shop.reading(20.2, value=None, text='a "quoted",\nline')
    before = shop.rows("SELECT * FROM readings ORDER BY ts")
    shop.sweep(readings=10, archive=str(shop.archive))
    (file,) = shop.archive.rglob("*.parquet")
    assert file.relative_to(shop.archive) == Path(
        f"readings/readings-{stamp(NOW) - timedelta(20):%Y-%m-%d}.parquet"
    )
    assert [tuple(row.values()) for row in pq.read_table(file).to_pylist()] == before
    assert shop.rows("SELECT place FROM retention_log") == [(str(file),)]
    assert shop.ages("readings") == []


def test_each_width_has_a_file_of_its_own(shop):
    shop.window(25, SECOND)
    shop.window(25, HOUR)
    shop.sweep(windows_1s=10, archive=str(shop.archive))
    shop.sweep(windows_1s=10, windows_1min=20, windows_1h=20, archive=str(shop.archive))
    assert sorted(
        pq.read_table(file)["width_us"].to_pylist() for file in shop.archive.rglob("*.parquet")
    ) == [
        [SECOND],
        [HOUR],
    ]


def test_an_archive_that_cannot_be_written_removes_nothing(shop, tmp_path):
    shop.reading(20)
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"Not a directory.*mend retention\.archive"):
        shop.sweep(readings=10, archive=str(tmp_path / "file" / "archive"))
    assert shop.ages("readings") == [20]
    assert shop.rows("SELECT count(*) FROM retention_log") == [(0,)]


def test_pictures_leave_by_what_was_said_of_their_parts(shop):
    good, bad, unsure = (shop.part(20, outcome, outcome.encode()) for outcome in ("OK", "NG", "REVIEW"))
    young = shop.part(5, "OK", b"young")
    assert shop.sweep(dry=True, evidence={"OK": 10, "NG": 30}) == [("evidence", 1)]
    assert shop.has(good)
    assert shop.sweep(evidence={"OK": 10, "NG": 30}) == [("evidence", 1)]
    assert [shop.has(name) for name in (good, bad, unsure, young)] == [False, True, True, True]
    assert shop.sweep(evidence={"OK": 10, "NG": 15}) == [("evidence", 1)]
    assert [shop.has(name) for name in (bad, unsure)] == [False, True]
    assert len(shop.ages("verdicts")) == 4


def test_a_picture_of_several_parts_stays_for_the_last_of_them(shop):
    again = shop.part(20, "OK", b"same picture")
    shop.part(11, "OK", b"same picture")
    also_bad = shop.part(20, "OK", b"other", 2)
    shop.part(19, "NG", b"other", 2)
    assert shop.sweep(evidence={"OK": 15, "NG": 30}) == []
    assert shop.sweep(evidence={"OK": 10, "NG": 30}) == [("evidence", 1)]
    assert [shop.has(name) for name in (again, also_bad)] == [False, True]
    assert shop.sweep(evidence={"OK": 10, "NG": 12}) == [("evidence", 1)]


def test_every_attempt_at_a_part_counts(shop):
    name = shop.part(20, "OK", b"picture")
    repeated = {
        "station": "gate",
        "serial": "gate-20-OK-1",
        "machine": "gate",
        "part_number": "1",
        "attempt": 2,
    }
    shop.insert("verdicts", 20, **repeated, outcome="NG", received=stamp(NOW), **TEXTS)
    assert shop.sweep(evidence={"OK": 10, "NG": 30}) == []
    assert shop.has(name)


def test_a_picture_that_another_line_saw_stays(shop):
    with connect(shop.dsn) as connection:
        register(connection, plant({}, "line-2", "lathe", "gate-2"))
    name = shop.part(20, "OK", b"seen by both")
    shop.part(20, "OK", b"seen by both", station="gate-2")
    assert shop.sweep(evidence={"OK": 10}) == []
    assert shop.has(name)


def test_a_picture_that_was_just_kept_again_stays(shop):
    name = shop.part(20, "OK", b"picture")
    with EvidenceStore(shop.evidence, "gate") as store:
        store.keep({name: b"picture"})
    assert shop.sweep(evidence={"OK": 10}) == []
    assert shop.has(name)
    age(shop.evidence, 2 * evidence.FRESH)
    assert shop.sweep(evidence={"OK": 10}) == [("evidence", 1)]
    assert not shop.has(name)


def test_pictures_move_into_the_archive(shop):
    name = shop.part(20, "OK", b"picture")
    assert shop.sweep(evidence={"OK": 10}, archive=str(shop.archive)) == [("evidence", 1)]
    assert not shop.has(name)
    assert evidence.read(shop.archive / "evidence", name) == b"picture"
    audit = shop.rows("SELECT rows, bytes, place FROM retention_log")
    assert audit == [(1, len(b"picture"), str(shop.archive / "evidence"))]


def test_a_pass_that_was_interrupted_is_gone_on_with(shop):
    name = shop.part(20, "OK", b"picture")
    stop = threading.Event()
    stop.set()
    assert sweep(shop.dsn, plant({"evidence": {"OK": 10}}), shop.evidence, stop) == []
    assert shop.has(name)
    assert shop.sweep(evidence={"OK": 10}) == [("evidence", 1)]
    assert shop.rows("SELECT finished IS NOT NULL, rows FROM retention_log ORDER BY id") == [
        (False, 0),
        (True, 1),
    ]


def test_what_is_said_of_pictures_stays_as_long_as_they(shop):
    days = {"OK": 10, "NG": 30, "REVIEW": 30}
    shop.part(20, "NG", b"picture")
    assert shop.sweep(verdicts=5, frame_ledger=5, evidence=days) == []
    assert shop.sweep(verdicts=5, frame_ledger=5, evidence=days | {"NG": 15}) == [("evidence", 1)]
    gone = shop.sweep(verdicts=5, frame_ledger=5, evidence={"OK": 10, "NG": 15, "REVIEW": 15})
    assert gone == [("verdicts", 1), ("frame_ledger", 1)]


def test_frames_whose_rows_are_gone_are_still_accounted_for(shop):
    days = {"OK": 10, "NG": 10, "REVIEW": 10}
    for number, days_back in enumerate((30, 20, 20.1, 1), start=1):
        shop.part(days_back, "OK", bytes([number]), number)
    frame = {"station": "gate", "camera": "c1", "view": "front", "run": "1"}
    shop.insert("frame_ledger", 1, **frame, first=5, last=9, outcome="dropped", reason="full")
    balance = "SELECT run, since, until, captured, inspected, dropped, difference FROM frame_balance"
    before = shop.rows(balance)
    assert before[0][3:] == (9, 4, 5, 0)
    shop.sweep(frame_ledger=10, verdicts=10, evidence=days)
    assert len(shop.ages("frame_ledger")) == 2
    assert shop.rows(balance) == before


def test_a_piece_that_is_read_is_left_for_the_next_pass(shop):
    shop.reading(20)
    with connect(shop.dsn) as reader:
        reader.execute("SELECT count(*) FROM readings").fetchall()
        assert shop.sweep(readings=10) == []
    assert shop.sweep(readings=10) == [("readings", 1)]


def test_nothing_is_removed_while_a_backup_is_taken(shop):
    with connect(shop.dsn) as other:
        hold(other, shared=True)
        with pytest.raises(StoreBusy, match="try again when it has ended"):
            shop.sweep(readings=10)


def test_a_running_shard_has_a_steward(shop):
    shop.reading(20)
    done = threading.Event()

    def look() -> bool:
        return shop.ages("readings") == [] or done.wait(0.05)

    with steward(plant({"readings": 10}), shop.evidence, shop.dsn, every=0.01):
        while not look():
            pass
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("retention")]


def test_a_plant_that_keeps_everything_needs_no_steward(shop):
    with steward(plant({}), shop.evidence, "host=nowhere"):
        assert not [thread for thread in threading.enumerate() if thread.name.startswith("retention")]


@pytest.mark.parametrize(
    "wrong", [{"readings": 1}, {"oee": 7}, {"evidence": {"OK": 0}}, {"evidence": {"ok": 10}}, {"reading": 10}]
)
def test_days_too_few_and_words_unknown_are_refused(wrong):
    with pytest.raises(ValueError, match=r"Extra|greater"):
        RetentionSection.model_validate(wrong)
