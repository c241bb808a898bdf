import threading

import pytest

from streams.abc import Output
from streams.flow import run_flow
from streams.log.abc import Entry, Kind

ENTRIES = [Entry(number, Kind.TICK, number * 10, "", b"") for number in range(1, 101)]
TIMEOUT = 60.0


class Log:
    """A log in memory, read a few entries at a time; when it is exhausted it may set an event."""

    def __init__(self, entries, exhausted=None):
        self.entries, self.exhausted, self.reads = list(entries), exhausted, 0

    def read(self, after, limit):
        assert limit > 0
        self.reads += 1
        found = [entry for entry in self.entries if entry.position > after][:7]
        if not found and self.exhausted is not None:
            self.exhausted.set()
        return found

    def close(self):
        """Nothing to release."""


class Echo:
    """A chain that gives nothing but positions."""

    def update(self, entry):
        if entry.kind != Kind.TICK:
            raise RuntimeError(f"entry {entry.position} is too much")
        return Output(entry.position, entry.received, ())


class Kept:
    """A sink in memory; from a position on it fails."""

    def __init__(self, fails_from=None):
        self.positions, self.fails_from = [], fails_from
        self.changed = threading.Condition()

    def write(self, outputs):
        for output in outputs:
            if self.fails_from is not None and output.position >= self.fails_from:
                raise OSError("the database is away")
            self.positions.append(output.position)
        with self.changed:
            self.changed.notify_all()


def test_every_entry_behind_the_position_reaches_the_sink_once_and_in_order():
    stop, sink = threading.Event(), Kept()
    assert run_flow(Log(ENTRIES, exhausted=stop), Echo(), sink, 40, stop) == 100
    assert sink.positions == list(range(41, 101))


def test_a_flow_told_to_stop_before_it_begins_does_nothing():
    stop, log = threading.Event(), Log(ENTRIES)
    stop.set()
    assert run_flow(log, Echo(), Kept(), 0, stop) == 0
    assert log.reads == 0


def test_a_flow_runs_in_a_thread_takes_what_is_appended_and_stops_when_told():
    stop, sink, log = threading.Event(), Kept(), Log(ENTRIES[:10])
    thread = threading.Thread(target=run_flow, args=(log, Echo(), sink, 0, stop))
    thread.start()
    with sink.changed:
        assert sink.changed.wait_for(lambda: sink.positions[-1:] == [10], TIMEOUT)
    log.entries += ENTRIES[10:]
    with sink.changed:
        assert sink.changed.wait_for(lambda: sink.positions[-1:] == [100], TIMEOUT)
    stop.set()
    thread.join(TIMEOUT)
    assert not thread.is_alive()
    assert sink.positions == list(range(1, 101))


def test_an_exhausted_log_is_asked_again_without_hurry():
    stop, enough = threading.Event(), threading.Event()

    class Counting(Log):
        def read(self, after, limit):
            found = super().read(after, limit)
            if self.reads == 20:
                enough.set()
            return found

    log = Counting([])
    thread = threading.Thread(target=run_flow, args=(log, Echo(), Kept(), 0, stop))
    thread.start()
    assert enough.wait(TIMEOUT)
    stop.set()
    thread.join(TIMEOUT)
    assert not thread.is_alive()


def test_a_failing_sink_ends_the_flow_and_is_raised_as_it_was():
    sink = Kept(fails_from=30)
    with pytest.raises(OSError, match="database is away"):
        run_flow(Log(ENTRIES), Echo(), sink, 0, threading.Event())
    assert sink.positions == list(range(1, 30))


def test_a_failing_chain_ends_the_flow_and_nothing_behind_it_is_written():
    entries = [*ENTRIES[:20], Entry(21, Kind.READINGS, 0, "", b""), *ENTRIES[21:]]
    sink = Kept()
    with pytest.raises(RuntimeError, match="entry 21 is too much"):
        run_flow(Log(entries), Echo(), sink, 0, threading.Event())
    assert sink.positions == list(range(1, len(sink.positions) + 1))
    assert len(sink.positions) < 21


def test_a_failing_reader_ends_the_flow():
    class Broken(Log):
        def read(self, after, limit):
            if after >= 14:
                raise LookupError("entries 15 and on were removed")
            return super().read(after, limit)

    sink = Kept()
    with pytest.raises(LookupError, match="were removed"):
        run_flow(Broken(ENTRIES), Echo(), sink, 0, threading.Event())


def test_an_interrupt_in_the_sink_is_handed_on():
    class Interrupted(Kept):
        def write(self, outputs):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_flow(Log(ENTRIES), Echo(), Interrupted(), 0, threading.Event())
