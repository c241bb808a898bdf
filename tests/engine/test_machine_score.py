"""What a chain wrote to the database about the simulated shop is compared with what is true of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cluster.demo_machines import machine_section
from engine.machine_score import machine_scores
from engine.plant import Plant, PlantError, ReplaySection
from engine.writer import Writer
from streams.chain import NO_PARTS, LineChain
from streams.clock import HOUR, MINUTE, SECOND
from streams.log.abc import Entry, Kind
from streams.records import Readings, encode
from streams.simulate import SEED, model, readings

START = 1_790_000_000 * SECOND
NAMES = ("mill-1", "press-1")


def plant(**settings: object) -> Plant:
    return Plant(
        name="demo",
        timezone="Asia/Shanghai",
        simulated=True,
        machines=[machine_section(model(name), idle_s=600.0) for name in NAMES],
        replay=ReplaySection(origin_us=START, start_us=START),
    ).model_copy(update=settings)


def write(dsn: str, hours: int, seed: int = SEED) -> None:
    """Run the chain over what the machines tell and write its rows."""
    chain = LineChain(plant().catalog(), lambda entry: ((), NO_PARTS))
    batches = [
        (int(batch.ts[-1]), batch)
        for name in NAMES
        for batch in until(readings(model(name), seed, START, 30 * SECOND, 4 * MINUTE), hours)
    ]
    writer = Writer(dsn, "line-1", 1)
    for position, (received, batch) in enumerate(sorted(batches, key=lambda item: item[0]), start=1):
        output = chain.update(Entry(position, Kind.READINGS, received, "gw", encode(batch.to_arrow())))
        writer.write([replace(output, rows=tuple(row for row in output.rows if row.table != "readings"))])
    assert writer.flush(60)
    writer.close()


def until(batches: Iterator[Readings], hours: int) -> Iterator[Readings]:
    for batch in batches:
        if batch.ts[0] > START + hours * HOUR:
            return
        yield batch


def test_an_undisturbed_chain_was_right(plain_dsn: str) -> None:
    write(plain_dsn, hours=3)
    mill, press = machine_scores(plant(), plain_dsn)
    assert (mill.machine, press.machine) == NAMES
    for found in (mill, press):
        assert (found.states_wrong_s, found.states_unknown_s, found.false_alarms) == (0, 0, 0)
        assert found.runs_said == found.runs_true > 0
        (night,) = found.shifts
        assert night.said == pytest.approx(night.true, abs=0.05)
        assert (night.shift, night.parts_said) == ("night", night.parts_true)
    (lead,) = mill.leads_min
    assert 30 < lead < 90


def test_another_seed_is_not_what_was_played(plain_dsn: str) -> None:
    write(plain_dsn, hours=1)
    for found in machine_scores(plant(), plain_dsn, seed=SEED + 1):
        assert found.states_wrong_s > 60


def test_a_plant_that_nobody_played_has_no_scores(plain_dsn: str) -> None:
    assert machine_scores(plant(), plain_dsn) == []


@pytest.mark.parametrize("settings", [{"replay": None}, {"simulated": False}])
def test_a_real_plant_has_no_truth(plain_dsn: str, settings: dict[str, object]) -> None:
    with pytest.raises(PlantError, match="Only a simulated plant"):
        machine_scores(plant(**settings), plain_dsn)
