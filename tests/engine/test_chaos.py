import random
import threading
import time
from collections import Counter

import numpy as np
import psycopg
import pytest

from bench import chaos
from bench.chaos import disk
from bench.chaos.compare import balance
from engine.store import Embedded, connect, migrate
from engine.store.backlog import Pace
from engine.store.digest import TABLES
from engine.store.levels import partitions
from engine.writer import Writer
from streams.abc import Output
from streams.clock import ManualClock
from streams.log.abc import Kind
from streams.log.files import segments
from streams.log.writer import LogWriter
from streams.records import Rows, Text

INSERT = "INSERT INTO anomalies VALUES (1, 'press', '2023-11-14', 1.5, 3, %s, 0.5)"
T0 = 1_700_000_000_000_000


@pytest.fixture
def may_mount(tmp_path):
    """Whether a small disk can be had here, as a number; root may be forbidden to mount, too."""
    try:
        with disk.small_disk(tmp_path / "small", 1 << 20):
            return 1
    except PermissionError:
        return 0


@pytest.mark.timeout(900)
def test_twenty_kills_and_more_leave_the_rows_of_an_undisturbed_plant(may_mount):
    result = chaos.run(kills=20, cut_s=3, silent_s=3, full_disk=may_mount, seed=20)
    assert (result["lost"], result["duplicated"], result["differs"]) == (0, 0, 0)
    assert result["differences"] == {}
    assert result["log_is_what_was_sent"]
    assert set(result["kills_of"]) == {"appender", "database", "gateway", "shard"}
    assert min(result["kills_of"].values()) >= 5
    assert result["kills"] == sum(result["kills_of"].values())
    assert (result["cut_s"], result["silent_s"], result["disks_filled"]) == (3, 3, may_mount)
    assert (result["takeovers"], result["fenced"], result["tails_torn"]) == (3, 3, 4)
    assert result["restored"] > 0
    assert result["epochs"] > 4
    found = result["rows"]
    assert min(found[table] for table in TABLES) > 0


def test_what_is_missing_and_what_is_doubled_is_counted():
    promised = Counter({"a": 1, "b": 1, "c": 2})
    assert balance(promised, promised) == (0, 0)
    assert balance(promised, Counter({"a": 3, "c": 1})) == (2, 2)


@pytest.mark.parametrize("kind", range(4))
def test_a_torn_tail_is_cut_off_and_nothing_before_it(tmp_path, kind):
    writer = LogWriter(tmp_path, ManualClock(T0))
    for number in range(3):
        writer.append(Kind.READINGS, b"payload", "device/1", number + 1)
    writer.commit()
    writer.close()
    whole = segments(tmp_path)[-1].size
    disk.tear(tmp_path, disk.torn(kind, 3, random.Random(kind)))
    assert segments(tmp_path)[-1].size > whole
    again = LogWriter(tmp_path, ManualClock(T0))
    assert (again.position, again.size) == (3, whole)
    assert again.append(Kind.READINGS, b"payload", "device/1", 3) is None
    again.close()


def test_the_comparison_sees_a_doubled_and_a_lost_row(plain_server):
    one, other = plain_server.create(), plain_server.create()
    for dsn in (one, other):
        with connect(dsn) as connection:
            partitions(connection).ensure(connection, "anomalies", [19_675])
    assert chaos.differences(one, other) == {}
    for dsn, tags in ((one, "aab"), (other, "ac")):
        with connect(dsn) as connection:
            for tag in tags:
                connection.execute(INSERT, [tag])
    (table, found), *others = chaos.differences(one, other).items()
    assert (table, others) == ("anomalies", [])
    assert [times for _, times in found["extra"]] == [1, 1]
    assert len(found["lost"]) == 1
    for dsn in (one, other):
        plain_server.drop(dsn)


def quarantine(position):
    texts = {name: Text.of(["x"]) for name in ("source", "reason", "raw")}
    return Output(position, T0, (Rows("quarantine", {"ts": np.array([T0 + position]), **texts}),))


AWAY = 60.0


@pytest.mark.timeout(180)
def test_a_database_that_is_away_for_a_minute_costs_nothing(database_folder):
    server = Embedded(database_folder() / "pg")
    dsn = server.start()
    migrate(dsn)
    writer = Writer(dsn, "line-1", 1, Pace(delay=0.01, last_retry=0.2))
    writer.write([quarantine(1)])
    assert writer.flush(10)
    server.stop()
    pace, sent, back = threading.Event(), 1, time.monotonic() + AWAY
    while time.monotonic() < back:
        sent += 1
        writer.write([quarantine(sent)])
        pace.wait(0.02)
    assert "away" in writer.trouble
    assert not writer.flush(0.0)
    server.start()
    assert writer.flush(20)
    assert writer.trouble == ""
    writer.close()
    with psycopg.connect(dsn) as connection:
        query = "SELECT count(*)::int, count(DISTINCT ts)::int FROM quarantine"
        assert connection.execute(query).fetchone() == (sent, sent)
    server.stop()
