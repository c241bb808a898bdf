"""The demo's station as it runs: three cameras, one line, one verdict a part, and the truth nowhere in it."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from cluster.demo_station import VIEWS, simulated_station
from engine.paths import Home
from engine.plant import Plant, StationSection
from engine.station import Station
from streams.log.abc import Kind
from vision.records import Verdict
from vision.simulate.line import truth

WANTED = 4


class Listener:
    """A log that ends the station once enough parts were judged."""

    def __init__(self, stop: threading.Event) -> None:
        self.payloads: list[bytes] = []
        self._stop = stop

    def send(self, kind: Kind, payload: bytes) -> int:
        if kind is Kind.VERDICT:
            self.payloads.append(payload)
        if len(self.payloads) >= WANTED:
            self._stop.set()
        return len(self.payloads)

    def acknowledged(self) -> int:
        return len(self.payloads)

    def flush(self, timeout: float) -> bool:
        return True

    def close(self) -> None:
        """Hold nothing open."""


def hurried(section: StationSection) -> StationSection:
    """Return the station with parts that come as fast as they are judged."""
    cameras = [camera.model_copy(update={"rate": 50.0}) for camera in section.cameras]
    return section.model_copy(update={"cameras": cameras, "patience_s": 60.0})


def judge(home: Path) -> tuple[list[Verdict], Any]:
    stop = threading.Event()
    section, log = hurried(simulated_station()), Listener(stop)
    station = Station(section, Plant(name="demo", stations=[section]), Home(home).create(), log)
    station.run(stop)
    return [Verdict.from_json(payload) for payload in log.payloads], station.stats()


def test_every_part_is_seen_from_all_sides_and_every_frame_accounted_for(tmp_path: Path) -> None:
    verdicts, stats = judge(tmp_path / "first")
    whole = [verdict for verdict in verdicts if len(verdict.views) == len(VIEWS)]
    assert len(whole) >= WANTED
    for verdict in whole:
        assert tuple(view.view for view in verdict.views) == VIEWS
        assert len({view.frame_hash for view in verdict.views}) == len(VIEWS)
        assert truth(verdict.serial) is not None
        assert "Missing views" not in verdict.reason
    assert stats.frames.open == 0
    again, _ = judge(tmp_path / "second")
    assert [said(verdict) for verdict in again[:WANTED]] == [said(verdict) for verdict in verdicts[:WANTED]]


def said(verdict: Verdict) -> tuple[object, ...]:
    """Return what must be the same whenever the same parts pass."""
    return verdict.serial, verdict.outcome, verdict.reason, [view.frame_hash for view in verdict.views]
