"""A station is released, blocked and bypassed from the command line while it works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from engine.approvals.testing import vouch
from engine.paths import Home
from engine.plant import Camera, Plant, SimulatedCamera, StationSection, save
from engine.release import Event, State, files, orders
from engine.station import Station
from streams.log.abc import Kind
from streams.testing import KeptEntries, until
from vision import pictures
from vision.cameras import Run
from vision.records import Frame, Verdict
from vision.testing import picture, write_model

Command = Callable[..., Any]
OK, NG = 20, 200
MASTERS = [{"serial": "OK-*", "expect": "OK"}, {"serial": "NG-*", "expect": "NG", "finds": "Surface_pores"}]


class Table:
    """A camera before which parts are laid; it shows each again and again, a serial with its red level."""

    live = True

    def __init__(self, parts: list[tuple[str, int]], run: Run, stop: threading.Event) -> None:
        self._parts, self._run, self._stop, self._shown = parts, run, stop, 0

    def read(self) -> Frame | None:
        """Show the next part that lies there."""
        if self._stop.wait(0.02):
            return None
        serial, red = self._parts[self._shown % len(self._parts)]
        self._shown += 1
        return self._run.frame(pictures.encode_whole(picture(red, seed=self._shown)), serial)

    def close(self) -> None:
        """Do nothing."""


@pytest.fixture
def parts() -> list[tuple[str, int]]:
    """Return what lies before the camera."""
    return [("part", OK)]


def plant_of(masters: list[dict[str, str]]) -> Plant:
    camera = SimulatedCamera(kind="simulated", name="cam")
    section = {"name": "weld", "cameras": [camera], "model": "tiny", "masters": masters}
    return Plant(name="hall", stations=[StationSection.model_validate(section)])


@pytest.fixture
def log(home: Path, parts: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch) -> Iterator[KeptEntries]:
    """Run a station with master parts and give its log."""
    monkeypatch.setattr("engine.station.LOOK", 0.01)
    place = Home(home).create()
    vouch(place, write_model(place.models))
    plant, kept, stop = plant_of(MASTERS), KeptEntries(), threading.Event()
    save(plant, place.plant_file)

    def opener(section: Camera, run: Run, number: int, stopped: threading.Event) -> Table:
        return Table(parts, run, stopped)

    station = Station(plant.stations[0], plant, place, kept, opener)
    line = threading.Thread(target=station.run, args=(stop,))
    line.start()
    yield kept
    stop.set()
    line.join(30)


def verdicts(log: KeptEntries) -> list[Verdict]:
    return [Verdict.from_json(payload) for payload in log.of(Kind.VERDICT)]


def events(log: KeptEntries) -> list[str]:
    return [Event.from_json(payload).event for payload in log.of(Kind.RELEASE)]


def test_a_station_is_released_by_its_master_parts_and_says_so(
    seamline: Command, log: KeptEntries, parts: list[tuple[str, int]]
) -> None:
    until(lambda: bool(verdicts(log)))
    assert verdicts(log)[0].reason == "Station not released: no master part was judged here yet."
    told = seamline("station", "release", "weld", "--json").json
    assert (told["released"], told["cause"]) == (False, "no master part was judged here yet")
    parts += [("OK-1", OK), ("NG-1", NG)]
    until(lambda: "passed" in events(log))
    assert seamline("station", "release", "weld").words == "weld is released."
    assert [row["seen"] for row in seamline("station", "masters", "weld", "--json").json] == [True, True]
    assert "as expected" in seamline("station", "masters", "weld").words
    until(lambda: verdicts(log)[-1].outcome == "OK" and not verdicts(log)[-1].purpose)
    del parts[1:]
    ended = seamline("station", "release", "weld", "--block", "--by", "Li", "--reason", "fixture touched")
    assert ended.words == "Its master parts are asked for again. weld is blocked: fixture touched."


def test_a_bypass_is_named_and_timed_and_ended(seamline: Command, log: KeptEntries) -> None:
    words = ("--by", "Li", "--reason", "lamp broken")
    told = seamline("station", "bypass", "weld", "--minutes", "5", *words, "--json").json
    assert (told["done"], told["bypass"]["person"], told["bypass"]["reason"]) == (
        "bypassed", "Li", "lamp broken",
    )  # fmt: skip
    until(lambda: verdicts(log)[-1].decision.rule == "bypass")
    assert verdicts(log)[-1].reason.startswith("Not inspected: bypass by Li until 20")
    assert verdicts(log)[-1].outcome == "REVIEW"
    assert "Bypassed by Li until" in seamline("station", "release", "weld").words
    assert seamline("station", "bypass", "weld", "--end", *words, "--json").json["bypass"] is None
    until(lambda: events(log)[-1] == "bypass_ended")
    assert events(log).count("bypass_began") == 1
    ended = seamline("station", "bypass", "weld", "--end", *words)
    assert ended.words.startswith("No bypass held, so none was ended.")


def test_an_order_is_obeyed_whatever_the_clock_says_and_what_was_not_noted_is_told(
    seamline: Command, log: KeptEntries, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--by", "Li", "--reason", "lamp broken")
    clock = iter((10**19, 7, 8))
    times = SimpleNamespace(time_ns=lambda: next(clock), monotonic=time.monotonic, sleep=time.sleep)
    monkeypatch.setattr(orders, "time", times)
    seamline("station", "bypass", "weld", "--minutes", "5", *words)
    told = seamline("station", "bypass", "weld", "--end", *words, "--json").json
    assert (told["done"], told["bypass"]) == ("ended", None)

    def full(home: Home, state: State) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "save", full)
    ended = seamline("station", "release", "weld", "--block", *words)
    assert ended.words.startswith("Station weld took the order but cannot note it")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ("bypass", "weld", "--minutes", "5", "--by", "Li"),
            "Say who orders it and why: --by NAME --reason TEXT.",
        ),
        (("bypass", "weld", "--by", "Li", "--reason", "x"), "A bypass ends: say --minutes."),
        (("release", "wold"), "wold is no station of the plant; did you mean weld?"),
    ],
)
def test_orders_without_a_name_a_reason_or_an_end_are_refused(
    seamline: Command, home: Path, words: tuple[str, ...], says: str
) -> None:
    save(plant_of(MASTERS), Home(home).create().plant_file)
    ended = seamline("station", *words)
    assert (ended.code, ended.words) == (2, says)


def test_an_order_that_no_station_takes_is_taken_back(
    seamline: Command, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(orders, "PATIENCE", 0.0)
    place = Home(home).create()
    save(plant_of(MASTERS), place.plant_file)
    ended = seamline("station", "bypass", "weld", "--minutes", "5", "--by", "Li", "--reason", "x")
    assert ended.words.startswith("Station weld does not answer, so nothing was ordered")
    assert files.take(place, "weld") is None


def test_a_station_that_nothing_could_release_is_not_blocked(seamline: Command, home: Path) -> None:
    save(plant_of([]), Home(home).create().plant_file)
    words = ("--block", "--by", "Li", "--reason", "x")
    assert "has no master parts that could release it" in seamline("station", "release", "weld", *words).words
    assert seamline("station", "masters", "weld").words.startswith("weld has no master parts")


def test_nothing_can_be_asked_where_no_plant_was_run(seamline: Command, home: Path) -> None:
    assert seamline("station", "release", "weld").words.startswith("No plant was run in")
