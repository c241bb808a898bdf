import errno
import threading

import pytest

from engine.store import connect
from engine.store.snapshots import PART_BYTES, Keeper, Snapshot, join, load, rows_of, save
from streams.log.errors import LogError

VERSIONS = {"windows": 2, "states": 1}


def state(mark, size=10):
    return {"windows": (2, mark * size), "states": (1, b"")}


@pytest.fixture
def connection(dsn):
    with connect(dsn) as connection:
        yield connection


def own(connection, epoch=1, position=100):
    connection.execute("INSERT INTO shard VALUES ('line-1', 1, %s, %s)", [epoch, position])
    connection.commit()


def positions(connection):
    found = connection.execute("SELECT DISTINCT position FROM snapshots ORDER BY 1").fetchall()
    connection.commit()
    return [position for (position,) in found]


def test_parts_stay_below_a_megabyte_and_join_again():
    snapshot = Snapshot(5, state(b"x", 3 * PART_BYTES + 1))
    rows = list(rows_of(snapshot))
    assert max(len(data) for *_, data in rows) < 1_000_000
    assert [part for operator, _, _, part, _ in rows if operator == "windows"] == [0, 1, 2, 3]
    assert join([(operator, version, data) for operator, version, _, _, data in rows]) == snapshot.state


def test_what_was_saved_is_loaded(connection):
    own(connection)
    assert save(connection, "line-1", 1, Snapshot(40, state(b"a", PART_BYTES + 5))) == 40
    assert load(connection, "line-1", 100, VERSIONS) == Snapshot(40, state(b"a", PART_BYTES + 5))


def test_the_newest_two_are_kept(connection):
    own(connection)
    oldest = [save(connection, "line-1", 1, Snapshot(at, state(b"a"))) for at in (10, 20, 30, 30)]
    assert oldest == [10, 10, 20, 20]
    assert positions(connection) == [20, 30]


def test_the_log_is_needed_as_far_back_as_any_snapshot_kept_asks_for(connection):
    own(connection)
    needed = [
        save(connection, "line-1", 1, Snapshot(at, state(b"a"), since))
        for at, since in ((10, 3), (20, None), (30, 25), (40, 22))
    ]
    assert needed == [3, 3, 20, 22]
    assert load(connection, "line-1", 100, VERSIONS) == Snapshot(40, state(b"a"), 22)
    assert load(connection, "line-1", 30, VERSIONS).since == 25


def test_none_is_ahead_of_the_committed_position(connection):
    own(connection, position=25)
    assert save(connection, "line-1", 1, Snapshot(26, state(b"a"))) is None
    for at in (10, 25):
        save(connection, "line-1", 1, Snapshot(at, state(b"a")))
    assert load(connection, "line-1", 24, VERSIONS).position == 10
    assert load(connection, "line-1", 9, VERSIONS) is None


def test_a_former_owner_keeps_none(connection):
    own(connection, epoch=2)
    assert save(connection, "line-1", 1, Snapshot(10, state(b"a"))) is None
    assert positions(connection) == []


def test_an_operator_with_another_layout_falls_back_to_an_older_snapshot(connection):
    own(connection)
    save(connection, "line-1", 1, Snapshot(10, state(b"a")))
    save(connection, "line-1", 1, Snapshot(20, {"windows": (3, b"new"), "states": (1, b"")}))
    assert load(connection, "line-1", 100, VERSIONS).position == 10


def test_what_no_operator_can_read_is_left_out_of_the_newest_snapshot(connection):
    own(connection)
    for at in (10, 20):
        save(connection, "line-1", 1, Snapshot(at, state(b"a")))
    raised = {**VERSIONS, "windows": VERSIONS["windows"] + 1}
    assert load(connection, "line-1", 100, raised) == Snapshot(20, {"states": state(b"a")["states"]})


def test_an_older_layout_that_an_operator_still_reads_is_loaded(connection):
    own(connection)
    save(connection, "line-1", 1, Snapshot(10, state(b"a")))
    newer = VERSIONS | {"windows": 4}
    assert "windows" not in load(connection, "line-1", 100, newer, {"windows": (3,)}).state
    assert load(connection, "line-1", 100, newer, {"windows": (3, 2)}).state == state(b"a")


def test_the_keeper_waits_for_the_commit(dsn, connection):
    own(connection)
    saved = threading.Event()
    kept = []
    keeper = Keeper(dsn, "line-1", 1, lambda oldest: (kept.append(oldest), saved.set()), interval=0)
    assert keeper.due
    keeper.offer(Snapshot(50, state(b"a")))
    assert not keeper.due
    keeper.committed(49)
    assert not saved.wait(0.1)
    keeper.committed(50)
    assert saved.wait(10)
    assert kept == [50]
    keeper.close()
    assert positions(connection) == [50]


def test_one_snapshot_is_here_at_a_time(dsn, connection):
    own(connection)
    saving, go_on = threading.Event(), threading.Event()
    keeper = Keeper(dsn, "line-1", 1, lambda oldest: (saving.set(), go_on.wait(10)), interval=0)
    keeper.committed(60)
    keeper.offer(Snapshot(50, state(b"a")))
    assert saving.wait(10)
    assert not keeper.due
    go_on.set()
    while not keeper.due:
        assert keeper._thread.is_alive()
        threading.Event().wait(0.01)
    keeper.close()


def test_closing_saves_what_is_committed_and_nothing_else(dsn, connection):
    own(connection)
    keeper = Keeper(dsn, "line-1", 1, lambda oldest: None)
    keeper.committed(60)
    keeper.offer(Snapshot(60, state(b"a")))
    keeper.close()
    other = Keeper(dsn, "line-1", 1, lambda oldest: None)
    other.offer(Snapshot(61, state(b"b")))
    other.close()
    assert positions(connection) == [60]


@pytest.mark.parametrize(
    "failure",
    [
        OSError(errno.EROFS, "Read-only file system"),
        LogError("The stream keeps its messages otherwise than it must."),
        ValueError("2 frames are no answer"),
    ],
    ids=["disk", "log", "nonsense"],
)
def test_a_log_that_cannot_be_told_costs_one_telling_not_the_snapshots(dsn, connection, failure):
    own(connection)
    told = []

    def tell(oldest):
        told.append(oldest)
        if len(told) == 1:
            raise failure

    keeper = Keeper(dsn, "line-1", 1, tell, interval=0)
    keeper.committed(60)
    keeper.offer(Snapshot(50, state(b"a")))
    while not keeper.failures:
        assert keeper._thread.is_alive()
        threading.Event().wait(0.01)
    keeper.offer(Snapshot(60, state(b"b")))
    keeper.close()
    assert (told, keeper.failures, positions(connection)) == ([50, 50], 1, [50, 60])


def test_what_ends_the_keeper_is_raised_where_the_next_snapshot_would_be_taken(dsn, connection):
    own(connection)
    keeper = Keeper(dsn, "line-1", 1, {}.__getitem__, interval=0)
    keeper.committed(60)
    keeper.offer(Snapshot(50, state(b"a")))
    keeper._thread.join(10)
    with pytest.raises(KeyError):
        keeper.due  # noqa: B018 - a property that raises
    keeper.close()


def test_a_database_that_is_away_costs_a_snapshot_not_the_shard():
    keeper = Keeper("host=/nowhere", "line-1", 1, lambda oldest: None)
    keeper.committed(5)
    keeper.offer(Snapshot(5, state(b"a")))
    keeper.close()
    assert keeper.failures == 1
