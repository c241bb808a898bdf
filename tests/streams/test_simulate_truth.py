"""The chain over the simulated stream says what is true: states, runs, losses, parts, the failing bearing."""

import doctest
from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from streams.calendar import Span, containing
from streams.catalog import Catalog
from streams.chain import NO_PARTS, LineChain
from streams.clock import DAY, HOUR, MINUTE, SECOND
from streams.connectors.shdr_lines import ShdrDecoder
from streams.log.abc import Entry, Kind
from streams.oee import Losses
from streams.operators.testing import table
from streams.records import encode
from streams.simulate import SEED, SHOP, adapter_lines, model, readings, score, truth
from streams.simulate.score import Account, Observed
from streams.simulate.truth import Stretch

START = 1_790_000_000 * SECOND
"""A Monday, 22:13 in Shanghai: the night shift has begun, it ends at 06:00."""
NIGHT = START + 8 * HOUR
MEASURES = {one.name: replace(one, judged_s=None) for one in SHOP}
"""The shop without a station: every finished run is a good part."""


def entries(which, until, sample, span):
    """Yield the log of a machine: what its connector hands over in each span, ticks in between."""
    decoder = ShdrDecoder(which.machine(), opened=START)
    position, lines, now = 0, [], START
    for ts, raw in adapter_lines(which, SEED, START, sample):
        while ts >= now + span:
            now += span
            batch = decoder.decode(b"\n".join(lines)).readings
            position += 1
            yield Entry(position, Kind.READINGS, now, "adapter", encode(batch.to_arrow()))
            lines = []
        if now >= until:
            return
        lines.append(raw)


@cache
def chained(name, hours=9.0, sample_s=120.0, span_s=120.0):
    """Return the rows of a chain that has read a machine's log, by table, and when it ended."""
    which, until = MEASURES[name], START + int(hours * HOUR)
    chain = LineChain(Catalog((which.machine(600.0),)), lambda entry: ((), NO_PARTS))
    log = entries(which, until, int(sample_s * SECOND), int(span_s * SECOND))
    kept = ("states", "runs", "oee", "anomalies", "quarantine")
    return [row for entry in log for row in chain.update(entry).rows if row.table in kept]


def seen(name, **how):
    """Return what a chain said of a machine."""
    rows = chained(name, **how)
    newest = {}
    for ts, version, end, state, word in table(rows, "states", "ts", "version", "end_ts", "state", "reason"):
        newest[ts] = max(newest.get(ts, (0,)), (version, end or 0, state, word))
    losses = [f"{item.name}_us" for item in fields(Losses)]
    accounts = {}
    for ts, as_of, good, reject, review, *times in table(
        rows, "oee", "ts", "as_of", "good", "reject", "review", *losses
    ):
        accounts[ts] = Account(ts, as_of, Losses(*times), (good, reject, review))
    until = max(account.as_of for account in accounts.values())
    scores = table(rows, "anomalies", "ts", "score", "threshold")
    return Observed(
        until=until,
        states=tuple(
            Stretch(ts, end or until, state, word) for ts, (_, end, state, word) in sorted(newest.items())
        ),
        finished=tuple(end for end, done in table(rows, "runs", "end_ts", "completed") if done),
        accounts=tuple(accounts[ts] for ts in sorted(accounts)),
        ts=np.array([ts for ts, *_ in scores], dtype=np.int64),
        scores=np.array([value - limit for _, value, limit in scores]),
    )


def true(name, until):
    return truth(SEED, START, until, MEASURES.values())[name]


@pytest.mark.parametrize("name", MEASURES)
def test_states_are_true_to_the_microsecond(name):
    said = seen(name)
    told = true(name, said.until).stretches
    ours = [item for item in said.states if item.start < said.until]
    assert [(item.start, item.state, item.word) for item in ours] == [
        (item.start, item.state, item.word) for item in told
    ]
    assert [item.end for item in ours[:-1]] == [item.end for item in told[:-1]]


@pytest.mark.parametrize("name", MEASURES)
def test_runs_are_true_to_the_microsecond(name):
    said = seen(name)
    rows = table(chained(name), "runs", "ts", "end_ts", "program", "completed", "parts")
    told = [
        (run.start, run.end, run.program, int(run.finished), int(run.finished))
        for run in true(name, said.until).runs
    ]
    assert [row for row in rows if row[1] < said.until] == told


@pytest.mark.parametrize("name", MEASURES)
def test_the_losses_of_the_closed_shift_are_true_to_the_microsecond(name):
    said = seen(name)
    night = next(
        item for item in said.accounts if item.ts == containing(MEASURES[name].calendar, START).start
    )
    span = containing(MEASURES[name].calendar, START)
    machine = MEASURES[name].machine()
    assert night.as_of == span.end < said.until
    told = true(name, said.until)
    assert night.losses == told.losses(span, night.as_of, machine.minor_stop)
    assert night.losses.calendar == 8 * HOUR
    assert night.parts == (len(told.finished(span.start, span.end)), 0, 0)
    assert all(getattr(night.losses, name) > 0 for name in ("setup", "minor_stop", "speed_loss", "effective"))


@pytest.mark.parametrize("name", MEASURES)
def test_nothing_simulated_is_quarantined(name):
    assert table(chained(name), "quarantine", "reason") == []


@pytest.mark.parametrize("name", MEASURES)
def test_the_score_of_an_undisturbed_chain_is_full(name):
    said = seen(name)
    found = score(true(name, said.until), said)
    assert (found.states_wrong_s, found.states_unknown_s) == (0, 0)
    assert found.runs_said == found.runs_true > 20
    for shift in found.shifts:
        assert shift.said == pytest.approx(shift.true, abs=0.02)
        assert shift.parts_said == shift.parts_true


def test_the_failing_bearing_alarms_an_hour_before_it_seizes():
    said = seen("mill-1", hours=3.5, sample_s=5.0, span_s=60.0)
    found = score(true("mill-1", said.until), said)
    (lead,) = found.leads_min
    assert 45 < lead < 90
    assert (found.missed, found.false_alarms) == (0, 0)


@pytest.mark.parametrize("name", ["weld-cell-1", "press-1"])
def test_sound_machines_do_not_alarm(name):
    said = seen(name, hours=3.5, sample_s=5.0, span_s=60.0)
    found = score(true(name, said.until), said)
    assert found.leads_min == ()
    assert (found.missed, found.false_alarms) == (0, 0)
    assert found.false_alarms_per_day == 0


def test_the_truth_is_a_matter_of_the_seed_alone():
    assert truth(SEED, START, NIGHT) == truth(SEED, START, NIGHT)
    assert truth(SEED, START, NIGHT)["mill-1"].stretches != truth(SEED + 1, START, NIGHT)["mill-1"].stretches


def test_a_shorter_truth_is_the_beginning_of_a_longer_one():
    short, long = truth(SEED, START, START + HOUR), truth(SEED, START, NIGHT)
    for name, one in short.items():
        assert one.stretches[:-1] == long[name].stretches[: len(one.stretches) - 1]
        assert one.runs == long[name].runs[: len(one.runs)]


def test_the_damage_is_told_for_any_time():
    told = truth(SEED, START, START + DAY, [model("mill-1")])["mill-1"]
    first, second = told.lives[:2]
    ts = np.array([START, first.onset, first.trip, second.born, second.onset + 1, second.trip])
    damage = told.damage(ts)
    assert damage[[0, 1, 3]].tolist() == [0, 0, 0]
    assert damage[[2, 5]] == pytest.approx([1, 1])


def test_batches_over_zeromq_give_the_same_states_as_lines():
    press, until = MEASURES["press-1"], START + 2 * HOUR
    chain = LineChain(Catalog((press.machine(600.0),)), lambda entry: ((), NO_PARTS))
    rows = []
    for position, batch in enumerate(readings(press, SEED, START, MINUTE, MINUTE), start=1):
        if batch.ts[0] >= until:
            break
        entry = Entry(position, Kind.READINGS, int(batch.ts[-1]), "press", encode(batch.to_arrow()))
        rows += chain.update(entry).rows
    told = {(item.start, item.state, item.word) for item in true("press-1", until + MINUTE).stretches}
    found = set(table(rows, "states", "ts", "state", "reason"))
    assert len(found) > 500
    assert found <= told


def test_time_before_the_start_is_without_data():
    told = true("mill-1", NIGHT)
    span = containing(told.model.calendar, START)
    losses = told.losses(span, START + HOUR, 5 * MINUTE)
    assert losses.no_data == START - span.start
    assert losses.calendar == START + HOUR - span.start


def test_losses_of_a_shift_that_was_not_reached_are_none():
    told = true("mill-1", NIGHT)
    assert told.losses(Span("later", NIGHT, NIGHT + HOUR), NIGHT, 5 * MINUTE).calendar == 0


def test_the_session_of_the_page_is_true():
    page = Path(__file__).parents[2] / "docs" / "simulation-machines.md"
    assert doctest.testfile(str(page), module_relative=False) == (0, 5)
