"""What a station keeps does not grow with the parts that it has judged, and the benchmark tells growth."""

import gc
import json
import sys
import threading
from types import FunctionType, ModuleType

import pytest

from bench import __main__ as bench
from bench import station_memory
from bench.station_memory import EndlessCamera, Sample, figures
from engine.approvals.testing import vouch
from engine.paths import Home
from engine.plant import Plant, SimulatedCamera, StationSection
from engine.station import Station
from vision import pictures
from vision.testing import picture, write_model

FEW, MANY = 500, 1500
"""Parts; multiples of a window of the drift, so that both end with an empty one."""
SLACK = 250
"""Objects that may be there more after `MANY` parts: the drift has a newest window then."""
NO_PART = (type, ModuleType, FunctionType)


class Forgetting:
    """A log that takes everything at once and keeps nothing of it, as it can be read and as it is written."""

    end = 0

    def __init__(self):
        self.sent = 0

    def send(self, kind, payload):
        self.sent += 1
        return self.sent

    def acknowledged(self):
        return self.sent

    def flush(self, timeout):
        return True

    def read(self, after, limit):
        return ()

    def close(self):
        pass


def kept(thing):
    """Return how many objects can be reached from one, texts and numbers too, besides code and classes."""
    seen, left = {}, [thing]
    while left:
        here = left.pop()
        if id(here) not in seen and not isinstance(here, NO_PART):
            seen[id(here)] = here
            left += gc.get_referents(here)
    return len(seen)


@pytest.fixture
def after(tmp_path):
    """Give a function that returns a station of several cameras after so many parts."""
    model = write_model(tmp_path / "models")
    encoded = [pictures.encode_jpeg(picture(20))]

    def run(parts, *views):
        home = Home(tmp_path / f"home-{parts}").create()
        (home.models / "tiny").symlink_to(model.folder)
        vouch(home, model)
        cameras = [SimulatedCamera(kind="simulated", name=view, view=view) for view in views]
        asked = {"views": views, "patience_s": 300} if len(views) > 1 else {}
        section = StationSection(name="weld-1", cameras=cameras, model="tiny", **asked)
        log = Forgetting()
        plant = Plant(name="test", stations=[section])
        station = Station(
            section, plant, home, log, lambda _, run, *__: EndlessCamera(run, encoded, parts), trail=log
        )
        station.run(threading.Event())
        assert station.stats().frames.inspected == parts * len(views)
        assert sum(station.stats().verdicts.values()) == parts
        return station

    return run


@pytest.mark.parametrize("views", [("front",), ("left", "right")])
def test_a_station_keeps_no_more_of_many_parts_than_of_few(after, views, monkeypatch):
    monkeypatch.setattr("vision.assembly.REMEMBERED", 100)
    few, many = (kept(after(parts, *views)) for parts in (FEW, MANY))
    assert few > 100
    assert many - few < SLACK * len(views)


def test_the_benchmark_tells_a_leak_from_memory_that_fills_up_and_stays():
    filled = [
        Sample(frames, 9_000_000, min(5_000_000 + 400 * frames, 7_000_000))
        for frames in range(0, 100_001, 100)
    ]
    assert figures(filled)["growth_mb"] == 0.0
    leaking = [item._replace(own=item.own + 50 * item.frames) for item in filled]
    told = figures(leaking)
    assert told["growth_mb"] == pytest.approx(4.0)
    assert told["growth_kb_per_10000"] == pytest.approx(500.0)
    assert told["tenths_mb"][0] == pytest.approx(7.5)
    assert told["own_mb"] == pytest.approx(12.0)
    assert told["pss_mb"] == 9.0


def test_the_memory_of_a_station_is_a_set_of_the_benchmark_of_memory(monkeypatch, capsys):
    def run(*, frames: int = 100_000, model: str = "weld-pipe"):
        return {"frames": frames, "model": model}

    monkeypatch.setattr(station_memory, "run", run)
    monkeypatch.setattr(sys, "argv", ["bench", "memory", "station", "--frames", "7", "--json"])
    bench.main()
    assert json.loads(capsys.readouterr().out) == {"frames": 7, "model": "weld-pipe"}
