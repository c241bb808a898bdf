"""Processes judged by the records that they publish."""

from __future__ import annotations

import pytest

from engine import health
from engine.console import vitals as vitals_module
from engine.console.vitals import Vitals, moment, processes
from engine.health import SILENT_AFTER, Health, Part

NOW = 1_700_000_000_000_000
SECOND = 1_000_000


class Plant:
    """A folder of records at a time that the test sets."""

    def __init__(self, folder):
        self.folder, self.time = folder, NOW
        self.vitals = Vitals(folder, lambda: self.time)

    def says(self, kind="gateway", name="line-1", after=SECOND, **values):
        self.time += after
        record = {"pid": 7, "started": NOW, "updated": self.time} | values
        health.write(self.folder, Health(kind, name, **record))
        return self.sees(kind, name)

    def sees(self, kind="gateway", name="line-1"):
        return self.vitals.of(kind, name)


@pytest.fixture
def plant(tmp_path, monkeypatch):
    monkeypatch.setattr(vitals_module, "FRESH", -1.0)
    return Plant(tmp_path / "health")


def sent(readings, trouble=""):
    return (Part("source", "mill", trouble, {"readings": readings}),)


def test_a_process_never_heard_of(plant):
    vital = plant.sees()
    assert (vital.life, vital.alive, vital.parts, vital.counter("x")) == ("missing", False, (), None)
    assert vital.rate("x") is None


def test_a_process_lives_until_it_is_silent(plant):
    assert plant.says().life == "alive"
    plant.time += SILENT_AFTER
    assert plant.sees().life == "alive"
    plant.time += 1
    assert plant.sees().life == "silent"


def test_a_process_that_has_ended_is_not_silent(plant):
    plant.says(ended=True)
    plant.time += 3600 * SECOND
    assert plant.sees().life == "ended"


def test_rates_are_taken_over_the_last_seconds(plant):
    assert plant.says(parts=sent(0), counters={"entries": 0}).rate("entries") is None
    vital = plant.says(parts=sent(500), counters={"entries": 5})
    assert (vital.rate("entries"), vital.rate("readings", vital.parts[0])) == (5.0, 500.0)
    for second in range(2, 40):
        vital = plant.says(parts=sent(500 + second), counters={"entries": 5})
    assert (vital.rate("entries"), vital.rate("readings", vital.parts[0])) == (0.0, 1.0)


def test_a_counter_that_is_not_there_has_no_rate(plant):
    plant.says()
    vital = plant.says(parts=sent(5), counters={"entries": 5})
    assert vital.rate("entries") is None
    assert vital.rate("readings", vital.parts[0]) is None


def test_a_process_that_began_again_counts_from_the_start(plant):
    plant.says(counters={"entries": 900})
    assert plant.says(pid=8, counters={"entries": 1}).rate("entries") is None
    assert plant.says(pid=8, counters={"entries": 3}).rate("entries") == 2.0


def test_a_silent_process_has_neither_rate_nor_trouble(plant):
    plant.says(counters={"entries": 1}, parts=sent(1))
    vital = plant.says(counters={"entries": 2}, parts=sent(1, "The cable is loose."))
    assert [part.name for part in vital.troubles] == ["mill"]
    plant.time += SILENT_AFTER + 1
    assert (plant.sees().rate("entries"), plant.sees().troubles) == (None, ())


def test_what_was_read_a_moment_ago_is_good_enough_for_all(tmp_path):
    plant = Plant(tmp_path)
    assert plant.says(counters={"entries": 1}).counter("entries") == 1
    assert plant.says(counters={"entries": 2}).counter("entries") == 1


def test_every_process_of_the_plant_file_is_looked_for(plant, a_plant):
    plant.says("shard")
    found = [(item.kind, item.name, item.life) for item in processes(a_plant(), plant.vitals)]
    assert found == [
        ("gateway", "line-1", "missing"),
        ("station", "weld-check", "missing"),
        ("appender", "line-1", "missing"),
        ("shard", "line-1", "alive"),
        ("console", "line-1", "missing"),
    ]


def test_times_are_utc():
    assert moment(NOW).isoformat() == "2023-11-14T22:13:20+00:00"
