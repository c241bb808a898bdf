from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cluster.commands import load
from engine.paths import Home
from engine.plant import Plant, save
from streams.clock import DAY, ManualClock
from streams.connectors.stamps import stamp
from streams.log.abc import Kind
from streams.log.writer import LogWriter
from streams.records import Readings, encode

RUN = CliRunner()
MONDAY = stamp("2026-03-02")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home whose plant has logged a reading on each of two days."""
    monkeypatch.setenv("SEAMLINE_HOME", str(tmp_path / "home"))
    home = Home(tmp_path / "home").create()
    save(Plant(name="test"), home.plant_file)
    clock = ManualClock()
    writer = LogWriter(home.log / "line-1", clock)
    for day in range(2):
        clock.time = MONDAY + day * DAY
        batch = Readings.numbers(["mill"], ["load"], [clock.time], [1.0])
        writer.append(Kind.READINGS, encode(batch.to_arrow()), "gw/1", day + 1)
        writer.commit()
    writer.close()
    return home


def test_whole_days_of_the_last_plant_are_written_and_told(home, tmp_path):
    out = tmp_path / "out"
    told = RUN.invoke(load(), ["log", "export", "--out", str(out), "--json"])
    file = {"file": str(out / "readings-2026-03-02.parquet"), "readings": 1}
    assert json.loads(told.stdout) == {"files": [file]}


def test_a_span_of_a_named_log_is_written(home, tmp_path):
    words = ["log", "export", str(home.log / "line-1"), "--from", "2026-03-03", "--to", "2026-03-04"]
    told = RUN.invoke(load(), [*words, "--out", str(tmp_path / "out")])
    assert told.exit_code == 0
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["readings-2026-03-03.parquet"]
    assert "readings-2026-03-03.parquet: 1 readings" in told.stderr.replace("\n", "")


def test_nothing_to_write_and_a_wrong_time_are_said(home, tmp_path):
    words = ["log", "export", "--out", str(tmp_path / "out")]
    assert "no readings of a whole day" in RUN.invoke(load(), [*words, "--to", "2020-01-01"]).stderr
    wrong = RUN.invoke(load(), [*words, "--from", "noon"])
    assert wrong.exit_code == 2
    assert "--from takes a time like" in wrong.stderr
