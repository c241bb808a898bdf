import itertools
import json
import threading
from types import SimpleNamespace

import pytest

from streams.catalog import Machine, Tag
from streams.clock import SECOND, ManualClock
from streams.connectors import polling
from streams.connectors.blocks import Place, plan
from streams.connectors.contact import Contact
from streams.connectors.points import Binding, Point
from streams.connectors.polling import Lost, PollingConnector, Refused
from streams.connectors.values import reader
from streams.records import UNTIMED
from streams.testing import MemoryOutlet, running, until

PRESS = Machine("press", (Tag("force"), Tag("speed"), Tag("execution", False), Tag("avail", False)))
POINTS = [Point("a1", "press", "force", scale=0.1), Point("a9", "press", "speed", deadband=5)]
PLACES = [Place(f"a{at}", "a", at, 1, reader("int16", "big")) for at in (1, 9)]


class Memory:
    """A device: what lies at its addresses, or what happens to who reads them."""

    def __init__(self, **given):
        self.given = given
        self.dialled = self.closed = self.read_times = 0

    def dial(self):
        self.dialled += 1
        if isinstance(refusal := self.given.get("dial"), Exception):
            raise refusal
        return self

    def read(self, block):
        self.read_times += 1
        if isinstance(value := self.given[f"a{block.first}"], Exception):
            raise value
        return value.to_bytes(2, "big")

    def close(self):
        self.closed += 1


@pytest.fixture
def clock():
    return ManualClock(100 * SECOND)


@pytest.fixture
def outlet():
    return MemoryOutlet()


@pytest.fixture
def connect(clock, monkeypatch):
    monkeypatch.setattr(polling, "BACKOFF", (0.001, 0.002))

    def build(memory, points=POINTS):
        contact = Contact([PRESS], {(point.machine, point.tag) for point in points}, clock)
        blocks = plan(PLACES, {"a": 10})
        return PollingConnector("The press", memory.dial, blocks, Binding(points), contact, clock, 0.001)

    return build


def others(outlet):
    """Return tag, reason and raw of all that was refused, gaps left out."""
    told = [
        row
        for some in outlet.refused
        for row in zip(some.tag.to_list(), some.reason.to_list(), some.raw.to_list(), strict=True)
    ]
    return [row for row in told if row[1] != "gap"]


def gaps(outlet):
    return [
        json.loads(raw)
        for some in outlet.refused
        for reason, raw in zip(some.reason.to_list(), some.raw.to_list(), strict=True)
        if reason == "gap"
    ]


def test_values_are_scaled_readings_of_the_time_of_receipt(connect, outlet, clock):
    connector = connect(Memory(a1=70, a9=30))
    with running(lambda stop: connector.run(outlet, stop)):
        outlet.wait_for(lambda told: len(told.rows()) > 3)
    assert outlet.rows()[:2] == [("force", clock.now(), 7.0, UNTIMED), ("speed", clock.now(), 30.0, UNTIMED)]
    assert {tag for tag, *_ in outlet.rows()[2:]} == {"force"}, "the deadband holds the speed back"
    assert connector.trouble == ""


def test_a_refused_block_is_rejected_once_and_the_others_go_on(connect, outlet):
    memory = Memory(a1=Refused("illegal data address"), a9=30)
    connector = connect(memory)
    with running(lambda stop: connector.run(outlet, stop)):
        until(lambda: outlet.rows() and memory.read_times > 8)
        assert others(outlet) == [("force", "refused_by_device", "a1, read with a1: illegal data address")]
        assert connector.trouble == "The press refuses a1 (illegal data address)."
        memory.given["a1"] = Refused("device busy")
        outlet.wait_for(lambda told: len(others(told)) > 1)
        memory.given["a1"] = 70
        outlet.wait_for(lambda told: "force" in {tag for tag, *_ in told.rows()})
    assert len(others(outlet)) == 2
    assert connector.trouble == ""
    assert memory.dialled == 1


def test_what_was_read_before_the_connection_broke_is_kept_and_the_gap_is_on_record(connect, outlet, clock):
    memory = Memory(a1=70, a9=30)
    connector = connect(memory)
    with running(lambda stop: connector.run(outlet, stop)):
        outlet.wait_for(lambda told: len(told.rows()) > 1)
        clock.time += SECOND
        memory.given["a9"] = Lost("no answer within 3 s")
        until(lambda: connector.trouble)
        assert connector.trouble == "The press cannot be read: no answer within 3 s."
        memory.given["a1"] = ConnectionResetError(104, "Connection reset by peer")
        dialled = memory.dialled
        until(lambda: "reset by peer" in connector.trouble and memory.dialled > dialled + 1)
        clock.time += SECOND
        memory.given.update(a1=71, a9=30)
        outlet.wait_for(lambda told: ("speed", 102 * SECOND, 30.0, UNTIMED) in told.rows())
    last = gaps(outlet)[-1]
    assert (last["from"], last["to"]) == ("1970-01-01T00:01:41Z", "1970-01-01T00:01:42Z")
    assert ("force", 101 * SECOND, 7.0, UNTIMED) in outlet.rows()
    assert memory.closed == memory.dialled


def test_a_machine_whose_execution_it_tells_is_unavailable_while_the_device_is_away(connect, outlet):
    memory = Memory(dial=ConnectionRefusedError(111, "Connection refused"))
    connector = connect(memory, [POINTS[0], Point("a9", "press", "execution")])
    with running(lambda stop: connector.run(outlet, stop)):
        until(lambda: memory.dialled > 2)
        assert connector.trouble == "The press cannot be read: Connection refused."
    assert [(tag, value) for tag, _, value, _ in outlet.rows()] == [("avail", "UNAVAILABLE")]


def test_a_failure_that_nobody_foresaw_takes_the_machine_away_and_is_a_gap(connect, outlet):
    memory = Memory(a1=1, a9=2)
    connector = connect(memory, [POINTS[0], Point("a9", "press", "execution")])
    memory.given["a9"] = IndexError("list index out of range")
    with pytest.raises(IndexError):
        connector.run(outlet, threading.Event())
    assert ("avail", "UNAVAILABLE") in [(tag, value) for tag, _, value, _ in outlet.rows()]
    memory.given["a9"] = 2
    with running(lambda stop: connector.run(outlet, stop)):
        until(lambda: len(gaps(outlet)) > 1)
    assert gaps(outlet)[1]["why"] == "the connector failed"


def test_a_device_slower_than_the_interval_is_not_asked_for_what_was_missed(connect, outlet, monkeypatch):
    """Each look at the clock takes half a second, and so does the device."""
    memory, pauses, now, stop = Memory(a1=1, a9=2), [], itertools.count(), threading.Event()

    def wait(seconds):
        pauses.append(seconds)
        if len(pauses) > 5:
            stop.set()

    monkeypatch.setattr(polling, "time", SimpleNamespace(monotonic=lambda: next(now) * 0.5))
    monkeypatch.setattr(stop, "wait", wait)
    connect(memory).run(outlet, stop)
    assert memory.read_times == 2 * len(pauses)
    assert max(pauses) <= 0
