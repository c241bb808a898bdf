import threading

import psycopg
import pytest

from engine.console.poller import Feed, Poller, reader_pool


@pytest.fixture
def pool(plain_dsn):
    with reader_pool(plain_dsn) as opened:
        yield opened


def one(connection):
    return connection.execute("SELECT 1").fetchone()


def test_a_feed_keeps_its_version_while_the_answer_is_the_same(pool):
    feed = Feed("one", one)
    poller = Poller(pool, (feed,))
    poller.refresh(feed)
    poller.refresh(feed)
    assert (feed.value, feed.version) == ((1,), 1)


def test_another_answer_is_another_version():
    feed = Feed("one", one)
    feed.take((1,))
    feed.take((2,))
    assert feed.version == 2


def test_a_feed_that_fails_keeps_its_last_value_and_says_since_when(pool):
    feed = Feed("broken", lambda db: db.execute("SELECT nothing"))
    feed.take((1,))
    poller = Poller(pool, (feed,))
    poller.refresh(feed)
    first = feed.away_since
    poller.refresh(feed)
    assert feed.value == (1,)
    assert feed.away_since == first is not None
    assert "nothing" in feed.fault


def test_an_answer_ends_the_absence():
    feed = Feed("one", one)
    feed.miss(psycopg.OperationalError("gone"))
    feed.take((1,))
    assert (feed.away_since, feed.fault) == (None, "")


def test_the_console_cannot_write(pool):
    def writes(connection):
        connection.execute("INSERT INTO tenants VALUES (1, 'x')")

    feed = Feed("writes", writes)
    Poller(pool, (feed,)).refresh(feed)
    assert "permission denied" in feed.fault or "read-only" in feed.fault


def test_feeds_are_read_until_the_poller_stops(plain_dsn):
    read = threading.Event()

    def answer(connection):
        read.set()
        return one(connection)

    feed = Feed("one", answer, interval=0.01)
    poller = Poller(reader_pool(plain_dsn), (feed,))
    poller.start()
    assert read.wait(10)
    poller.stop()
    assert not any(thread.is_alive() for thread in poller.threads)


def test_a_database_that_is_not_there_is_noted():
    feed = Feed("one", one)
    with reader_pool("host=/nowhere dbname=none") as pool:
        Poller(pool, (feed,)).refresh(feed)
    assert feed.away_since is not None
    assert feed.version == 0


def test_a_feed_that_nobody_looks_at_rests_until_a_page_does(plain_dsn):
    reads = threading.Semaphore(0)

    def answer(connection):
        reads.release()
        return one(connection)

    feed = Feed("one", answer, interval=0.01, unseen=600.0)
    poller = Poller(reader_pool(plain_dsn), (feed,))
    poller.start()
    try:
        assert reads.acquire(timeout=10)
        assert not reads.acquire(timeout=0.5)
        feed.look()
        assert reads.acquire(timeout=10)
        assert reads.acquire(timeout=10)
    finally:
        poller.stop()


def test_an_end_wakes_a_feed_that_rests(plain_dsn):
    feed = Feed("one", one, interval=0.01, unseen=600.0)
    poller = Poller(reader_pool(plain_dsn), (feed,))
    poller.start()
    poller.stop()
    assert not any(thread.is_alive() for thread in poller.threads)


def test_a_feed_without_an_answer_asks_on_though_nobody_looks(plain_dsn):
    reads = threading.Semaphore(0)

    def refused_twice(connection):
        reads.release()
        return one(connection) if feed.version or tries.pop() else connection.execute("SELECT nothing")

    tries = [True, False, False]
    feed = Feed("one", refused_twice, interval=0.01, unseen=600.0)
    poller = Poller(reader_pool(plain_dsn), (feed,))
    poller.start()
    try:
        assert all(reads.acquire(timeout=10) for _ in range(3))
        assert not reads.acquire(timeout=0.5)
        assert (feed.value, feed.fault) == ((1,), "")
    finally:
        poller.stop()
