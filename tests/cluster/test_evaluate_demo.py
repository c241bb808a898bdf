from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from cluster.commands.evaluate_demo import machine_sentence
from cluster.demo_machines import machine_section
from engine.paths import Home
from engine.plant import Plant, ReplaySection, save
from engine.writer import Writer
from streams.chain import NO_PARTS, LineChain
from streams.clock import HOUR, MINUTE, SECOND
from streams.log.abc import Entry, Kind
from streams.records import encode
from streams.simulate import SEED, model, readings
from streams.simulate.score import Score, ShiftScore

START = 1_790_000_000 * SECOND
PRESS = "press-1"


@pytest.fixture
def played(home: Path, plain_dsn: str, monkeypatch: pytest.MonkeyPatch) -> Plant:
    """A home whose demo has played the press for an hour, into a database of its own."""
    clock = ReplaySection(origin_us=START, start_us=START)
    press = machine_section(model(PRESS), idle_s=600.0)
    plant = Plant(name="demo", timezone="Asia/Shanghai", simulated=True, machines=[press], replay=clock)
    save(plant, Home(home).create().plant_file)
    monkeypatch.setenv("SEAMLINE_DSN", plain_dsn)
    chain, writer = LineChain(plant.catalog(), lambda entry: ((), NO_PARTS)), Writer(plain_dsn, "line-1", 1)
    for position, batch in enumerate(readings(model(PRESS), SEED, START, 30 * SECOND, 4 * MINUTE), start=1):
        if batch.ts[0] > START + HOUR:
            break
        output = chain.update(
            Entry(position, Kind.READINGS, int(batch.ts[-1]), "gw", encode(batch.to_arrow()))
        )
        writer.write([replace(output, rows=tuple(row for row in output.rows if row.table != "readings"))])
    assert writer.flush(60)
    writer.close()
    return plant


def test_a_running_demo_is_laid_beside_the_truth_of_its_machines(
    played: Plant, seamline: Callable[..., Any]
) -> None:
    found = seamline("evaluate", "demo", "--running", "--json").json
    (press,) = found["machines"]
    assert (press["machine"], press["states_wrong_s"]) == (PRESS, 0)
    assert press["runs_said"] == press["runs_true"] > 0
    assert f"{PRESS}: states wrong for 0 s" in seamline("evaluate", "demo", "--running").words


def test_a_machine_is_told_in_one_sentence() -> None:
    night = ShiftScore("night", 0, 0, said=0.70, true=0.65, parts_said=9, parts_true=9)
    young = ShiftScore("early", 0, 0, said=None, true=None, parts_said=0, parts_true=0)
    score = Score("mill", 0.5, 3.0, 1.0, 9, 10, (night, young), (73.6,), missed=1, false_alarms=1)
    row = asdict(score) | {"false_alarms_per_day": score.false_alarms_per_day}
    assert machine_sentence(row) == (
        "mill: states wrong for 3 s and unknown for 1 s of 12.0 h; OEE without quality off by 5.00% at most;"
        " runs 9 of 10; alarms before a failure: 74 min, missed 1, false 2.0 a day."
    )
