"""Verdicts of the demo's station beside the truth, of held-out parts and of a plant that runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from cluster.commands import load
from cluster.demo_station import STATION, VIEWS, simulated_station
from cluster.proof import beside_truth, prove, prove_running
from engine.paths import Home
from engine.store.levels import partitions
from vision.records import Outcome
from vision.simulate import VIEWS as DRAWN
from vision.simulate import draw_part

NOON = datetime(2026, 5, 11, 12, tzinfo=UTC)
KEYS = {
    "parts", "escape_rate", "escape_upper95", "overkill_rate", "overkill_upper95", "review_rate",
    "lazy_escape_rate", "lazy_overkill_rate", "kinds", "model", "calibration",
}  # fmt: skip


def test_the_demo_looks_at_every_part_from_three_sides() -> None:
    station = simulated_station()
    assert station.views == [camera.view for camera in station.cameras] == list(VIEWS)
    assert len(VIEWS) >= 3
    assert {*VIEWS} <= {*DRAWN}


def test_a_verdict_is_laid_beside_what_the_part_truly_was() -> None:
    part = next(index for index in range(1, 99) if draw_part(1, index).flaws)
    assert beside_truth(f"P1-{part:06d}-4", Outcome.OK).kinds == draw_part(1, part).kinds
    with pytest.raises(ValueError, match="no simulated part"):
        beside_truth("weld-17-1", Outcome.OK)


def test_a_few_held_out_parts_are_judged_the_same_each_time(tmp_path: Path) -> None:
    told: list[None] = []
    first = prove(Home(tmp_path), simulated_station(), 12, lambda: told.append(None))
    assert {*first} >= KEYS
    assert first["parts"] == len(told) == 12
    assert first == prove(Home(tmp_path), simulated_station(), 12, lambda: None)


def test_a_running_plant_is_judged_by_its_rows(plain_dsn: str) -> None:
    flawed = next(index for index in range(1, 99) if draw_part(1, index).flaws)
    sound = next(index for index in range(1, 99) if not draw_part(1, index).flaws)
    with psycopg.connect(plain_dsn) as db:
        write(db, f"P1-{flawed:06d}-1", "OK")
        write(db, f"P1-{sound:06d}-1", "NG")
        write(db, f"P1-{sound:06d}-2", "OK")
        write(db, "photograph-17", "OK")
        write(db, f"P1-{flawed:06d}-3", "OK", station="another")
    found = prove_running(plain_dsn, STATION)
    assert (found["parts"], found["escaped"], found["overkill"]) == (3, 1, 1)
    assert (found["escape_rate"], found["overkill_rate"]) == (1.0, 0.5)


def write(db: psycopg.Connection[Any], serial: str, outcome: str, station: str = STATION) -> None:
    """Write a verdict as the flow does."""
    row = {
        "tenant_id": 1, "station": station, "machine": station, "serial": serial, "part_number": "demo",
        "attempt": 1, "ts": NOON, "outcome": outcome, "reason": "", "model_hash": "",
        "preprocessing_hash": "", "recipe_hash": "", "received": NOON,
    }  # fmt: skip
    partitions(db).ensure(db, "verdicts", [int(NOON.timestamp() // 86400)])
    places = ", ".join(["%s"] * len(row))
    db.execute(f"INSERT INTO verdicts ({', '.join(row)}) VALUES ({places})", list(row.values()))


def test_the_command_prints_one_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEAMLINE_HOME", str(tmp_path))
    result = CliRunner().invoke(load(), ["evaluate", "demo", "--parts", "4", "--json"])
    assert result.exit_code == 0
    assert {*json.loads(result.stdout)} >= KEYS


def test_people_are_told_what_escapes_and_whether_scores_are_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEAMLINE_HOME", str(tmp_path))
    result = CliRunner().invoke(load(), ["evaluate", "demo", "--parts", "4"])
    words = " ".join(result.stderr.split())
    assert "Escapes: 0 of" in words
    assert "Comparing with the mean picture of sound parts: escapes" in words
    assert "A part's worst score is off by" in words
