"""However readings come, late, repeated, disordered: within the allowance all ends as if they were sorted."""

import json
from dataclasses import dataclass
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.catalog import Calendar, Catalog, Shift
from streams.chain import LineChain
from streams.clock import SECOND
from streams.log.abc import Entry, Kind
from streams.operators.testing import NOON, everything, judged, machine, plain
from streams.records import NULL, Readings, Text, encode

TWO_SHIFTS = Calendar(
    ZoneInfo("UTC"), (Shift("early", 660, 721), Shift("late", 721, 1200, breaks=((722, 723),)))
)
SPAN = 130
"""Seconds of event time: the first shift ends after 60, a break begins after 120."""
DELAY = 32 * SECOND
"""Disorder and allowance together: what comes so late still counts."""
CATALOG = Catalog(
    (
        machine("mill", ("load", "speed"), calendar=TWO_SHIFTS, minor_stop=7 * SECOND),
        machine("cell", ("force",), calendar=TWO_SHIFTS, counts="parts", minor_stop=7 * SECOND),
    )
)
KEYS = {
    "windows": ("machine", "tag", "width_us", "ts"),
    "states": ("machine", "ts"),
    "runs": ("machine", "ts"),
    "anomalies": ("machine", "ts"),
    "oee": ("machine", "ts", "shift"),
}
EXECUTION = ("ACTIVE", "READY", "STOPPED", "INTERRUPTED", "PROGRAM_COMPLETED")


@dataclass(frozen=True, order=True)
class Told:
    """One reading, or a part that was judged, at its time."""

    ts: int
    machine: str
    tag: str
    value: float | str


def line():
    return LineChain(CATALOG, parts_of)


def parts_of(entry):
    return (), judged(*[(name, ts, outcome) for ts, name, outcome in json.loads(entry.payload)])


def story(rng):
    """What two machines do for some minutes; a tag tells one thing at a time."""
    told = {(name, "load" if name == "mill" else "force", 0): 1.0 for name in ("mill", "cell")}
    for name, tag in (("mill", "load"), ("mill", "speed"), ("cell", "force")):
        times = rng.integers(0, SPAN * 10, 260) * SECOND // 10
        for ts, value in zip(
            times.tolist(), (rng.normal(size=260) * 10.0 ** rng.integers(-9, 9)).tolist(), strict=True
        ):
            told[name, tag, ts] = value
    for name in ("mill", "cell"):
        for tag, words, count in (
            ("execution", EXECUTION, 25),
            ("program", "AB", 6),
            ("avail", ("AVAILABLE", "UNAVAILABLE"), 4),
        ):
            for ts in (rng.integers(1, SPAN * 2, count) * SECOND // 2).tolist():
                told[name, tag, ts] = str(rng.choice(list(words)))
    for ts in (rng.integers(1, SPAN * 10, 30) * SECOND // 10).tolist():
        told["cell", "", ts] = str(rng.choice(["good", "reject", "review"]))
    return sorted(Told(NOON + ts, name, tag, value) for (name, tag, ts), value in told.items())


def entries(arrivals, silence=120):
    """Return the log of (stamp, told): entries of what has one stamp, a tick every second, then silence."""
    stamped = [
        (received, [item for _, item in some])
        for received, some in groupby(arrivals, key=lambda item: item[0])
    ]
    ticks = [(NOON + second * SECOND, None) for second in range(SPAN + DELAY // SECOND + silence)]
    log = []
    for received, some in sorted(stamped + ticks, key=lambda item: (item[0], item[1] is not None)):
        log += (
            [(Kind.TICK, received, b"")]
            if some is None
            else [(kind, received, load) for kind, load in payloads(some)]
        )
    return [
        Entry(place, kind, received, "gw/1", load)
        for place, (kind, received, load) in enumerate(log, start=1)
    ]


def payloads(some):
    numbers = [item for item in some if isinstance(item.value, float)]
    words = [item for item in some if item.tag and not isinstance(item.value, float)]
    parts = [(item.ts, item.machine, item.value) for item in some if not item.tag]
    for make, readings in ((Readings.numbers, numbers), (Readings.texts, words)):
        if readings:
            columns = zip(*((item.machine, item.tag, item.ts, item.value) for item in readings), strict=True)
            yield Kind.READINGS, encode(make(*columns).to_arrow())
    if parts:
        yield Kind.VERDICT, json.dumps(parts).encode()


def disturbed(told, rng, share, again, grain):
    """Delay a share of what was told, send some of it again, hand over what comes within a grain together."""
    arrivals = []
    for item in told:
        delays = [0 if item.ts == NOON or rng.random() > share else int(rng.integers(0, DELAY + 1 - grain))]
        if item.tag and rng.random() < again:
            delays.append(int(rng.integers(0, DELAY + 1 - grain)))
        arrivals += [(-(-(item.ts + delay) // grain) * grain, rng.random(), item) for delay in delays]
    return [(received, item) for received, _, item in sorted(arrivals, key=lambda item: item[:2])]


def newest(outputs):
    """Return the newest version of everything, bit for bit; what was withdrawn is not there."""
    found = {}
    for rows in (rows for output in outputs for rows in output.rows if rows.table in KEYS):
        names = [name for name in rows.columns if name != "version"]
        columns = zip(*(exact(rows, name) for name in names), strict=True)
        for version, row in zip(rows.columns["version"].tolist(), columns, strict=True):
            line = dict(zip(names, row, strict=True))
            key = (rows.table, *(line[name] for name in KEYS[rows.table]))
            assert version == found.get(key, (0,))[0] + 1, "versions rise one by one"
            found[key] = (version, line)
    return {key: line for key, (_, line) in found.items() if line.get("end_ts", NULL) != line["ts"]}


def exact(rows, name):
    column = rows.columns[name]
    if isinstance(column, Text):
        return column.to_list()
    return [value.hex() for value in column.tolist()] if column.dtype == np.float64 else plain(rows, name)


def refused(outputs):
    return [rows for output in outputs for rows in output.rows if rows.table == "quarantine"]


@settings(max_examples=8, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.sampled_from([0.02, 0.3, 1.0]),
    again=st.sampled_from([0.0, 0.3]),
    grain=st.sampled_from([1, SECOND // 2, 5 * SECOND]),
)
def test_any_disturbance_within_the_allowance_ends_in_what_the_sorted_input_gives(seed, share, again, grain):
    rng = np.random.default_rng(seed)
    told = story(rng)
    straight = list(map(line().update, entries([(item.ts, item) for item in told])))
    other = list(map(line().update, entries(disturbed(told, rng, share, again, grain))))
    assert refused(straight) == refused(other) == []
    truth = newest(straight)
    assert {key[0] for key in truth} == set(KEYS)
    assert newest(other) == truth


@pytest.mark.parametrize("seed", range(3))
def test_a_restart_in_the_middle_of_a_revision_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    log = entries(disturbed(story(rng), rng, 0.5, 0.2, SECOND // 4))
    cut = int(rng.integers(1, len(log)))
    undisturbed, restored = line(), line()
    for item in log[:cut]:
        undisturbed.update(item)
    restored.restore(undisturbed.snapshot())
    for item in log[:cut]:
        if undisturbed.since is not None and item.position > undisturbed.since:
            restored.remember(item)
    assert restored.snapshot() == undisturbed.snapshot()
    assert everything(map(restored.update, log[cut:])) == everything(map(undisturbed.update, log[cut:]))
