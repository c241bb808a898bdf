import string
import threading

import numpy as np
import psycopg
import pytest

from engine.parts import verdict_row
from engine.store import Fenced, RowsRefused, WriterClosed, connect, landing
from engine.store.backlog import Pace
from engine.writer import Writer
from streams.abc import Output
from streams.records import NULL, Rows, Text
from vision.records import Outcome, Verdict, Versions

T0 = 1_700_000_000_000_000
QUICK = Pace(delay=0.01, idle=0.01)


def readings(count, ts=T0, machine="press"):
    return Rows(
        "readings",
        {
            "machine": Text.constant(machine, count),
            "tag": Text.of([f"t{i % 3}" for i in range(count)]),
            "ts": ts + np.arange(count, dtype=np.int64),
            "value": np.where(np.arange(count) % 2, np.nan, np.arange(count) / 7),
            "text": Text.of([f"é{i}" if i % 2 else None for i in range(count)]),
            "quality": np.zeros(count, np.int16),
            "received": np.full(count, T0, np.int64),
            "source_ts": np.full(count, NULL, np.int64),
        },
    )


def outputs(*sizes, start=1):
    return [
        Output(start + i, T0 + i, (readings(size, T0 + 1000 * (start + i)),) if size else ())
        for i, size in enumerate(sizes)
    ]


def query(dsn, statement):
    with connect(dsn) as connection:
        return connection.execute(statement).fetchall()


@pytest.fixture
def writer(dsn):
    writer = Writer(dsn, "line-1", 7, QUICK)
    yield writer
    writer.close()


def test_rows_arrive_as_they_were_handed_over(dsn, writer):
    writer.write(outputs(4))
    assert writer.flush(10)
    rows = query(
        dsn, "SELECT tenant_id, tag, extract(epoch FROM ts)::int8, value, text, source_ts FROM readings"
    )
    assert rows == [
        (7, "t0", T0 // 10**6, 0.0, None, None),
        (7, "t1", T0 // 10**6, None, "é1", None),
        (7, "t2", T0 // 10**6, 2 / 7, None, None),
        (7, "t0", T0 // 10**6, None, "é3", None),
    ]


def test_position_and_plant_time_move_with_the_rows(dsn, writer):
    writer.write(outputs(2, 0, 3))
    assert writer.flush(10)
    assert writer.position == 3
    found = query(
        dsn, "SELECT id, tenant_id, epoch, position, extract(epoch FROM clock) * 1000000 FROM shard"
    )
    assert found == [("line-1", 7, 1, 3, T0 + 2)]


def test_nobody_needs_to_flush(dsn):
    landed = threading.Event()
    writer = Writer(dsn, "line-1", 1, QUICK)
    writer.listen(lambda position: position == 2 and landed.set())
    writer.write(outputs(1, 1))
    assert landed.wait(10)
    writer.close()


def test_a_second_owner_goes_on_where_the_first_committed(dsn):
    first = Writer(dsn, "line-1", 1, QUICK)
    first.write(outputs(5, 5))
    first.close()
    second = Writer(dsn, "line-1", 1, QUICK)
    assert (second.epoch, second.position) == (2, 2)
    second.close()


def test_a_zombie_is_fenced_and_leaves_no_row(dsn):
    zombie = Writer(dsn, "line-1", 1, QUICK)
    owner = Writer(dsn, "line-1", 1, QUICK)
    zombie.write(outputs(5))
    with pytest.raises(Fenced, match="taken over"):
        zombie.flush(10)
    with pytest.raises(Fenced):
        zombie.close()
    owner.write(outputs(3))
    owner.close()
    assert query(dsn, "SELECT count(*) FROM readings") == [(3,)]


@pytest.fixture
def stalls(monkeypatch):
    """Have the next commit stand still between its last statement and its end, while something is done."""
    meanwhile, move = [], landing.Landing._move

    def move_and_stall(self, last):
        move(self, last)
        if meanwhile:
            meanwhile.pop()(self)

    monkeypatch.setattr(landing, "STALLED_MS", 100)
    monkeypatch.setattr(landing.Landing, "_move", move_and_stall)
    return meanwhile.append


def test_a_writer_that_stalls_before_its_commit_holds_a_takeover_up_for_a_moment_only(dsn, stalls):
    owners = []
    stalls(lambda _: owners.append(Writer(dsn, "line-1", 1)))
    stalled = Writer(dsn, "line-1", 1, Pace(delay=0.01))
    stalled.write(outputs(3))
    with pytest.raises(Fenced):
        stalled.flush(10)
    (owner,) = owners
    assert (owner.epoch, owner.position) == (2, 0)
    assert query(dsn, "SELECT count(*) FROM readings") == [(0,)]
    owner.close()
    with pytest.raises(Fenced):
        stalled.close()


def test_a_writer_that_stalled_and_still_owns_its_shard_goes_on(dsn, stalls):
    def until_ended(self):
        with connect(dsn) as connection:
            ended = "SELECT NOT EXISTS (SELECT 1 FROM pg_stat_activity WHERE pid = %s)"
            while connection.execute(ended, [self._connection.info.backend_pid]).fetchone() == (False,):
                connection.commit()

    stalls(until_ended)
    writer = Writer(dsn, "line-1", 1, Pace(delay=0.01, first_retry=0.01))
    writer.write(outputs(3))
    assert writer.flush(10)
    assert query(dsn, "SELECT count(*) FROM readings") == [(3,)]
    assert writer.trouble == ""
    writer.close()


def test_rows_on_many_days_land_in_their_partitions(dsn, writer):
    day = 86_400_000_000
    writer.write([Output(1, T0, tuple(readings(1, T0 + n * day) for n in range(4)))])
    assert writer.flush(10)
    assert query(dsn, "SELECT count(DISTINCT tableoid), count(*) FROM readings") == [(4, 4)]


WINDOW = {
    "machine": Text.of(["press"]),
    "tag": Text.of(["t"]),
    "ts": np.array([T0]),
    "width_us": np.array([1_000_000]),
    "version": np.array([1]),
    "count": np.array([1]),
    "sum": np.array([1.0]),
    "min": np.array([1.0]),
    "max": np.array([1.0]),
}
BAD = [
    ("count", np.array([NULL]), "column count of table windows must not be null"),
    ("version", np.array([2**40]), "column version of table windows holds numbers beyond int4"),
    ("sum", np.array([np.nan]), "column sum of table windows must not be null"),
    ("tag", Text.of([None]), "column tag of table windows must not be null"),
    ("colour", Text.of(["red"]), "table windows has no column colour"),
    ("ts", np.array([-5]), "column ts of table windows holds a time before 1970 or after 9999"),
    ("max", Text.of(["3"]), "column max of table windows takes numbers"),
]


def test_what_no_table_can_hold_goes_to_quarantine_and_nothing_waits_for_it(dsn, writer):
    bad = [
        Output(2 + i, T0 + i, (Rows("windows", WINDOW | {column: values}),))
        for i, (column, values, _) in enumerate(BAD)
    ]
    writer.write([*outputs(2), *bad, *outputs(3, start=2 + len(bad))])
    assert writer.flush(10)
    assert (writer.position, writer.refused) == (2 + len(bad), len(bad))
    assert query(dsn, "SELECT count(*) FROM readings") == [(5,)]
    found = query(dsn, "SELECT source, reason, raw FROM quarantine ORDER BY ts")
    assert [row[:2] for row in found] == [("shard/line-1", "refused_by_database")] * len(BAD)
    for i, ((_, _, raw), (_, _, complaint)) in enumerate(zip(found, BAD, strict=True)):
        assert raw.startswith(f"log position {2 + i}: {complaint}: windows {{")


def test_a_nul_in_a_text_is_replaced(dsn, writer):
    rows = readings(2)
    rows = Rows("readings", {**rows.columns, "text": Text.of(["a\0b", "\ud800"])})
    writer.write([Output(1, T0, (rows,))])
    assert writer.flush(10)
    assert query(dsn, "SELECT text FROM readings") == [("a\ufffdb",), ("?",)]


def test_what_only_postgresql_can_refuse_goes_to_quarantine_too(dsn, writer):
    ledger = {
        "station": Text.of(["s"]),
        "camera": Text.of(["c"]),
        "view": Text.of(["front"]),
        "run": Text.of(["r"]),
        "first": np.array([1]),
        "last": np.array([1]),
        "ts": np.array([T0]),
        "outcome": Text.of(["dropped"]),
        "reason": Text.of(["full"]),
        "quality": Text.of(["{no json"]),
    }
    writer.write([*outputs(1), Output(2, T0, (Rows("frame_ledger", ledger),))])
    assert writer.flush(10)
    assert query(dsn, "SELECT count(*) FROM quarantine WHERE raw LIKE '%json%'") == [(1,)]
    assert query(dsn, "SELECT count(*) FROM readings") == [(1,)]


def test_a_serial_too_long_for_its_index_goes_to_quarantine_alone_with_what_it_held(dsn, writer):
    serial = "".join(np.random.default_rng(1).choice(list(string.ascii_letters), 6000))
    verdict = Verdict("gate", serial, "p", 1, T0, Outcome.OK, "", Versions("m", "p", "r"), ())
    rows = (verdict_row(verdict, "press", T0), readings(300))
    writer.write([Output(1, T0, rows, True), *outputs(1, start=2)])
    assert writer.flush(10)
    ((raw,),) = query(dsn, "SELECT raw FROM quarantine WHERE raw LIKE '%index%'")
    assert f'verdicts {{"station":"gate","machine":"press","serial":"{serial[:40]}' in raw
    assert query(dsn, "SELECT count(*) FROM readings") == [(301,)]
    assert (writer.position, writer.refused, writer.trouble) == (2, 1, "")


def test_of_many_rows_only_those_that_are_refused_go_to_quarantine(dsn, writer):
    good = readings(500)
    wild = good.columns["ts"].copy()
    wild[[7, 123, 499]] = -5
    writer.write([Output(1, T0, (Rows("readings", {**good.columns, "ts": wild}),))])
    assert writer.flush(10)
    assert query(dsn, "SELECT count(*) FROM readings") == [(497,)]
    found = query(dsn, "SELECT raw FROM quarantine ORDER BY raw")
    assert len(found) == 3
    assert all('readings {"machine":"press","tag":"t' in raw and '"ts":-5' in raw for (raw,) in found)
    assert (writer.position, writer.refused) == (1, 1)


def test_rows_that_are_refused_together_only_go_to_quarantine_together(dsn, writer, monkeypatch):
    monkeypatch.setattr(landing.Landing, "refusal", lambda self, rows: None)
    writer.write([Output(1, T0, (Rows("weather", {"ts": np.array([T0])}), readings(2)))])
    assert writer.flush(10)
    assert len(query(dsn, "SELECT raw FROM quarantine")) == 2
    assert writer.position == 1


def test_a_missing_table_stops_the_writer_instead_of_quarantining_everything(plain_dsn):
    writer = Writer(plain_dsn, "line-1", 1, QUICK)
    with connect(plain_dsn) as connection:
        connection.execute("DROP TABLE readings CASCADE")
    with pytest.raises(psycopg.errors.UndefinedTable):
        writer.write(outputs(1))
        writer.flush(10)
    with pytest.raises(psycopg.errors.UndefinedTable):
        writer.close()


def test_an_unknown_table_is_refused(dsn, writer):
    writer.write([Output(1, T0, (Rows("weather", {"ts": np.array([T0])}),))])
    assert writer.flush(10)
    ((raw,),) = query(dsn, "SELECT raw FROM quarantine")
    assert raw == f'log position 1: there is no table weather: weather {{"ts":{T0}}}'
    assert issubclass(RowsRefused, Exception)


def test_full_means_that_write_waits_until_it_is_told_to_stop(plain_dsn):
    stop = threading.Event()
    with connect(plain_dsn) as blocker:
        writer = Writer(plain_dsn, "line-1", 1, Pace(delay=0, bound=10), stop=stop)
        blocker.execute("LOCK TABLE readings IN ACCESS EXCLUSIVE MODE")
        writer.write(outputs(10))
        waiting = threading.Thread(target=writer.write, args=[outputs(1, start=2)])
        waiting.start()
        waiting.join(0.3)
        assert waiting.is_alive()
        stop.set()
        waiting.join(10)
        assert not waiting.is_alive()
        blocker.rollback()
    writer.close()
    assert query(plain_dsn, "SELECT count(*) FROM readings") == [(11,)]


def terminate_writers(dsn):
    return query(
        dsn,
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user",
    )


def test_a_lost_connection_costs_nothing(dsn, writer):
    writer.write(outputs(3))
    assert writer.flush(10)
    terminate_writers(dsn)
    writer.write(outputs(4, start=2))
    assert writer.flush(10)
    assert query(dsn, "SELECT count(*) FROM readings") == [(7,)]
    assert writer.trouble == ""


def test_a_commit_whose_answer_was_lost_is_not_done_twice(dsn, writer):
    land = writer._landing.land

    def deaf(outputs):
        writer._landing.land = land
        before = writer._landing._own
        land(outputs)
        writer._landing._own = before
        raise psycopg.OperationalError("the connection was lost")

    writer._landing.land = deaf
    writer.write(outputs(3))
    assert writer.flush(10)
    writer.write(outputs(2, start=2))
    assert writer.flush(10)
    assert (writer.position, query(dsn, "SELECT count(*) FROM readings")) == (2, [(5,)])


def test_a_commit_that_overtakes_its_own_repetition_is_not_done_twice(dsn, writer):
    """The old session may still commit while the new one already looks."""
    with connect(dsn) as connection:
        connection.execute("UPDATE shard SET position = 1")
    writer.write(outputs(3))
    assert writer.flush(10)
    assert (writer.position, query(dsn, "SELECT count(*) FROM readings")) == (1, [(0,)])


def test_closing_in_vain_says_so(plain_dsn):
    writer = Writer(plain_dsn, "line-1", 1, Pace(first_retry=0.01))
    writer._landing._dsn = "host=/nowhere"
    terminate_writers(plain_dsn)
    writer.write(outputs(1))
    with pytest.raises(WriterClosed, match="1 entries"):
        writer.close(timeout=0.2)
