"""However readings come, late, repeated, disordered: within the allowance all ends as if they were sorted."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.catalog import Calendar, Catalog, EventRule, Shift
from streams.chain import LineChain
from streams.clock import MINUTE, SECOND
from streams.events import written
from streams.log.abc import Entry, Kind
from streams.operators.clocks import RECENT
from streams.operators.testing import (
    NOON,
    believed,
    entry,
    events_of,
    everything,
    judged,
    machine,
    numbers,
    plain,
    table,
)
from streams.records import NULL, Readings, Text, encode

TWO_SHIFTS = Calendar(
    ZoneInfo("UTC"), (Shift("early", 660, 721), Shift("late", 721, 1200, breaks=((722, 723),)))
)
SPAN = 130
"""Seconds of event time: the first shift ends after 60, a break begins after 120."""
TOLD = 90
"""Numbers of each tag."""
DELAY = 32 * SECOND
"""Disorder and allowance together: what comes so late still counts."""
CATALOG = Catalog(
    (
        machine("mill", ("load", "speed"), calendar=TWO_SHIFTS, minor_stop=7 * SECOND),
        machine("cell", ("force",), calendar=TWO_SHIFTS, counts="parts", minor_stop=7 * SECOND),
    ),
    EventRule("line-1", stopped_after=7 * SECOND),
)
KEYS = {
    "windows": ("machine", "tag", "width_us", "ts"),
    "states": ("machine", "ts"),
    "runs": ("machine", "ts"),
    "anomalies": ("machine", "ts"),
    "oee": ("machine", "ts", "shift"),
}
RESTLESS = 360
"""Seconds for which the log goes on behind the others, where what `restless` says has been told."""
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
        times = rng.integers(0, SPAN * 10, TOLD) * SECOND // 10
        for ts, value in zip(
            times.tolist(), (rng.normal(size=TOLD) * 10.0 ** rng.integers(-9, 9)).tolist(), strict=True
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
    """Return the log of (stamp, told): entries of what has one stamp, a tick every second, then silence.

    What is told comes from three sources in turn, whoever tells it.
    """
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
        Entry(place, kind, received, f"gw-{place % 3}/0a1b2c3d", load)
        for place, (kind, received, load) in enumerate(log, start=1)
    ]


def payloads(some):
    values = [item for item in some if isinstance(item.value, float)]
    words = [item for item in some if item.tag and not isinstance(item.value, float)]
    parts = [(item.ts, item.machine, item.value) for item in some if not item.tag]
    for make, readings in ((Readings.numbers, values), (Readings.texts, words)):
        if readings:
            columns = zip(*((item.machine, item.tag, item.ts, item.value) for item in readings), strict=True)
            yield Kind.READINGS, encode(make(*columns).to_arrow())
    if parts:
        yield Kind.VERDICT, json.dumps(parts).encode()


def restless(rng):
    """What a machine measures in six minutes: once it is known, now and then far from what it used to be."""
    wild = rng.random(720) < 0.012
    wild[:130] = False
    values = rng.normal(size=720) + 9.0 * wild
    times = range(NOON, NOON + 360 * SECOND, SECOND // 2)
    return [Told(ts, "mill", "load", value) for ts, value in zip(times, values.tolist(), strict=True)]


@dataclass(frozen=True)
class Move:
    """What becomes of one thing that is told: how late it comes, and how late once more, if at all."""

    delay: int
    again: int | None
    tie: int
    """Where it stands among what comes in the same moment."""


@dataclass(frozen=True)
class Disturbance:
    """Moves of every so manieth thing that is told, from one on, in turn; all else comes at its time."""

    moves: tuple[Move, ...]
    start: int
    step: int
    grain: int
    """What comes within so many microseconds is handed over together."""

    def arrivals(self, told):
        """Return (stamp, told) in the order of arrival."""
        found = []
        for place, item in enumerate(told):
            turn, off = divmod(place - self.start, self.step)
            move = STILL if off or turn < 0 else self.moves[turn % len(self.moves)]
            found += [(self.received(item.ts + move.delay), move.tie, item)]
            if move.again is not None and item.tag:  # the appender drops what a station sends again
                found += [(self.received(item.ts + move.again), -move.tie, item)]
        return [(received, item) for received, _, item in sorted(found, key=lambda item: item[:2])]

    def received(self, time):
        """Return the stamp of what comes at a time: at the most the allowance behind the event."""
        return -(-time // self.grain) * self.grain


STILL = Move(0, None, 0)
GRAINS = (1, SECOND // 2, 5 * SECOND)
DELAYS = st.integers(0, (DELAY - max(GRAINS)) // (SECOND // 4)).map(lambda quarters: quarters * SECOND // 4)
MOVES = st.builds(Move, DELAYS, st.none() | DELAYS, st.integers(-2, 2))
DISTURBANCES = st.builds(
    Disturbance,
    st.lists(MOVES, min_size=1, max_size=30).map(tuple),
    st.integers(0, 400),
    st.integers(1, 40),
    st.sampled_from(GRAINS),
)


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


def alarms(outputs):
    """Return the alarms that are told and not withdrawn."""
    return believed(events_of(rows for output in outputs for rows in output.rows))


def alarms_of(found):
    """Return the alarms that the newest scores make, as the view `anomaly_alarms` has them."""
    made = {}
    scores = sorted((key[1], key[2], line) for key, line in found.items() if key[0] == "anomalies")
    for name, ts, line in scores:
        score, threshold = (float.fromhex(line[item]) for item in ("score", "threshold"))
        if score > threshold:
            began, (last, number, peak) = next(reversed(made.items()), (("", 0), (NULL, 0, 0.0)))
            if began[0] != name or ts - last > MINUTE:
                began, number, peak = (name, ts), 0, 0.0
            made[began] = ts, number + 1, max(peak, score)
    return {
        (name, written(began)): (written(last), number, peak)
        for (name, began), (last, number, peak) in made.items()
    }


def refused(outputs):
    return [rows for output in outputs for rows in output.rows if rows.table == "quarantine"]


@cache
def sorted_input(seed):
    """Return a story, and what becomes of it told in order."""
    items = story(np.random.default_rng(seed))
    outputs = list(map(line().update, entries([(item.ts, item) for item in items])))
    assert refused(outputs) == []
    truth = newest(outputs)
    assert {key[0] for key in truth} == set(KEYS)
    return items, truth


EXAMPLES = int(os.environ.get("SEAMLINE_EXAMPLES", "30"))
"""More of them outside the suite: docs/proof.md."""


@settings(max_examples=EXAMPLES)
@given(seed=st.integers(0, 3), disturbance=DISTURBANCES)
def test_any_disturbance_within_the_allowance_ends_in_what_the_sorted_input_gives(seed, disturbance):
    items, truth = sorted_input(seed)
    outputs = list(map(line().update, entries(disturbance.arrivals(items))))
    assert refused(outputs) == []
    assert newest(outputs) == truth


@cache
def sorted_restlessness(seed):
    """Return what a machine measures, and the alarms of it told in order."""
    items = restless(np.random.default_rng(seed))
    outputs = list(map(line().update, entries([(item.ts, item) for item in items], silence=RESTLESS)))
    truth = alarms_of(newest(outputs))
    assert len(truth) > 1
    assert alarms(outputs) == truth
    return items, truth


@settings(max_examples=EXAMPLES)
@given(
    seed=st.integers(0, 3),
    disturbance=DISTURBANCES,
    cut=st.none() | st.floats(0, 1, exclude_min=True, exclude_max=True),
)
def test_alarms_that_were_told_and_not_withdrawn_are_those_of_the_sorted_input(seed, disturbance, cut):
    """However late things come, and wherever the line starts again from its snapshot."""
    items, truth = sorted_restlessness(seed)
    log = entries(disturbance.arrivals(items), silence=RESTLESS)
    outputs = list(restarting(log, len(log) if cut is None else int(cut * len(log))))
    assert refused(outputs) == []
    assert alarms(outputs) == truth == alarms_of(newest(outputs))


def restarting(log, cut):
    """Yield what a line says that begins anew behind the ``cut``-th entry."""
    before, after = line(), line()
    yield from map(before.update, log[:cut])
    after.restore(before.snapshot())
    for item in log[:cut]:
        if before.since is not None and item.position > before.since:
            after.remember(item)
    yield from map(after.update, log[cut:])


@pytest.mark.parametrize("seed", range(3))
def test_a_restart_in_the_middle_of_a_revision_changes_nothing(seed):
    rng = np.random.default_rng(seed)
    moves = [Move(*rng.integers(0, DELAY - SECOND, 2).tolist(), 0) for _ in range(100)]
    log = entries(Disturbance(tuple(moves), 1, 2, SECOND // 4).arrivals(story(rng)))
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


def simple(**settings):
    return LineChain(Catalog((machine("mill", ("a", "b"), **settings),)), parts_of)


def told_at(place, received, *readings):
    """Return an entry of readings given as (tag, time, number or word)."""
    kind = Readings.numbers if isinstance(readings[0][2], float) else Readings.texts
    columns = zip(*(("mill", tag, ts, value) for tag, ts, value in readings), strict=True)
    return Entry(place, Kind.READINGS, received, "gw/1", encode(kind(*columns).to_arrow()))


def seconds_of(found):
    """Return how many numbers stand in windows of a second."""
    return sum(line["count"] for key, line in found.items() if key[0] == "windows" and key[3] == SECOND)


def two_sources(apart, seconds=60):
    """Return what a machine's line says of two sources, the second of which has a clock that is behind."""
    chain, outputs = simple(), []
    for second in range(seconds):
        for number, (name, tag, behind) in enumerate((("plc", "a", 0), ("box", "b", apart))):
            stamp = NOON + second * SECOND + number * SECOND // 2
            given = told_at(2 * second + number + 1, stamp, (tag, stamp - behind, float(second)))
            outputs.append(chain.update(given._replace(producer=f"{name}/0a1b2c3d")))
    outputs.append(chain.update(Entry(2 * seconds + 1, Kind.TICK, NOON + 3600 * SECOND, "", b"")))
    return outputs


def versions(outputs):
    rows = (rows for output in outputs for rows in output.rows)
    return [version for _, version in table(rows, "windows", "width_us", "version")]


@pytest.mark.parametrize("apart", [0, 1, 5, 9])
def test_sources_whose_clocks_differ_do_not_make_each_other_late(apart):
    outputs = two_sources(apart * SECOND)
    assert set(versions(outputs)) == {1}
    assert seconds_of(newest(outputs)) == 120


def test_a_source_far_behind_is_revised_and_holds_the_other_up_for_so_long_and_no_longer():
    outputs = two_sources(20 * SECOND)
    assert max(versions(outputs)) > 1
    assert seconds_of(newest(outputs)) == 120
    rows = [(output.received, rows) for output in outputs for rows in output.rows]
    told = [
        received - ts - SECOND
        for received, some in rows
        for tag, ts, width in table([some], "windows", "tag", "ts", "width_us")
        if (tag, width) == ("a", SECOND) and ts < NOON + 40 * SECOND
    ]
    assert 2 + 10 <= max(told) / SECOND <= 2 + 10 + 1


@pytest.mark.parametrize("jump", [3600 * SECOND, -3600 * SECOND])
def test_a_clock_that_jumps_an_hour_and_back_loses_nothing_and_is_told(jump):
    """Ahead it is not believed for seven entries, back it is late: all is in windows or refused."""
    chain, outputs, sent = simple(), [], 0
    for second in range(300):
        stamp = NOON + second * SECOND
        ts = stamp + (jump if 100 <= second < 200 else 0)
        outputs.append(chain.update(told_at(second + 1, stamp, ("a", ts, float(second)))))
        sent += 1
    outputs.append(chain.update(Entry(sent + 1, Kind.TICK, NOON + 2 * 3600 * SECOND, "", b"")))
    late = [reason for rows in refused(outputs) for reason in rows.columns["reason"].to_list()]
    assert late.count("late") == 100
    assert late.count("ahead_of_its_clock") == (RECENT - 1 if jump > 0 else 0)
    assert seconds_of(newest(outputs)) + len(late) == sent
    jumps = [
        item
        for output in outputs
        for rows in output.rows
        if rows.table == "clocks"
        for item in plain(rows, "jump_us")
    ]
    assert [item for item in jumps if item] == [jump, -jump]


def test_a_restart_remembers_what_was_not_believed():
    """What was ahead of a clock before it was known to have jumped is in no window later."""
    log, hour = [], 3600 * SECOND
    for second in range(130):
        stamp = NOON + second * SECOND
        ahead = hour if second >= 100 else 0
        readings = [("mill", "load", stamp + ahead, float(second)), ("cell", "force", stamp, 1.0)]
        log.append(entry(second + 1, numbers(readings), stamp))
    late = NOON + hour + 103 * SECOND + 1
    log.append(entry(131, numbers([("mill", "load", late, 1.0)]), NOON + 130 * SECOND))
    undisturbed, restored = line(), line()
    for item in log[:120]:
        undisturbed.update(item)
    restored.restore(undisturbed.snapshot())
    for item in log[undisturbed.since : 120]:
        restored.remember(item)
    rest = [undisturbed.update(item) for item in log[120:]]
    assert everything(map(restored.update, log[120:])) == everything(rest)
    told = table((rows for output in rest for rows in output.rows), "windows", "ts", "width_us", "count")
    assert (late - 1, SECOND, 1) in told


def test_a_single_wild_time_disturbs_no_other_reading():
    chain, outputs = simple(), []
    for second in range(200):
        stamp = NOON + second * SECOND
        readings = [("a", stamp, float(second))] + [("b", stamp + 20 * 3600 * SECOND, 1.0)] * (
            second % 50 == 49
        )
        outputs.append(chain.update(told_at(second + 1, stamp, *readings)))
    outputs.append(chain.update(Entry(201, Kind.TICK, NOON + 3600 * SECOND, "", b"")))
    reasons = [reason for rows in refused(outputs) for reason in rows.columns["reason"].to_list()]
    assert reasons == ["ahead_of_its_clock"] * 4
    assert seconds_of(newest(outputs)) == 200


def test_a_leap_smear_is_a_day_like_any_other():
    """The source's clock loses a second in a day: windows are all there, nothing is late, nothing jumps."""
    chain, outputs = simple(), []
    for place in range(24 * 60):
        stamp = NOON + place * 60 * SECOND
        ts = stamp - place * 60 * SECOND // 86_400
        outputs.append(chain.update(told_at(place + 1, stamp, ("a", ts, 1.0))))
    outputs.append(chain.update(Entry(24 * 60 + 1, Kind.TICK, NOON + 25 * 3600 * SECOND, "", b"")))
    found = newest(outputs)
    assert refused(outputs) == []
    assert seconds_of(found) == 24 * 60
    hours = sorted(
        line["count"] for key, line in found.items() if key[0] == "windows" and key[3] == 3600 * SECOND
    )
    assert sum(hours) == 24 * 60
    assert set(hours[1:]) <= {59, 60, 61}
    assert chain.clock_jumps == 0


NIGHT = Calendar(ZoneInfo("Europe/Berlin"), (Shift("night", 22 * 60, 30 * 60),))


@pytest.mark.parametrize(
    ("evening", "hours"), [("2026-03-28T20:00", 7), ("2026-10-24T19:00", 9), ("2026-06-01T19:00", 8)]
)
def test_a_night_in_which_clocks_change_is_accounted_for_to_the_microsecond(evening, hours):
    start = int(datetime.fromisoformat(evening).replace(tzinfo=UTC).timestamp()) * SECOND
    chain = simple(calendar=NIGHT, idle_after=3600 * SECOND)
    log = [told_at(1, start, ("execution", start, "ACTIVE"))]
    log += [Entry(place + 1, Kind.TICK, start + place * 600 * SECOND, "", b"") for place in range(1, 90)]
    late = start + 2 * 3600 * SECOND
    log.insert(14, told_at(0, log[13].received, ("execution", late, "READY")))
    (night,) = [
        line
        for key, line in newest(map(chain.update, log)).items()
        if key[0] == "oee" and line["ts"] >= start
    ]
    parts = [
        value
        for name, value in night.items()
        if name.endswith("_us") and name not in ("calendar_us", "ideal_cycle_us")
    ]
    assert night["calendar_us"] == sum(parts) == hours * 3600 * SECOND
    assert night["as_of"] - night["ts"] == hours * 3600 * SECOND


def test_a_source_that_falls_silent_holds_up_neither_itself_nor_another():
    """What mill said last is told once it is idle, by ticks alone; cell goes on all the while."""
    chain, last = line(), ("windows", "mill", "load", SECOND, NOON)
    outputs = [chain.update(entry(1, numbers([("mill", "load", NOON, 1.0)]), NOON))]
    for second in range(1, 14):
        assert last not in newest(outputs)
        stamp = NOON + second * SECOND
        outputs.append(chain.update(entry(second + 1, numbers([("cell", "force", stamp, 1.0)]), stamp)))
    assert last in newest(outputs)
    assert sum(key[:2] == ("windows", "cell") for key in newest(outputs)) == 10


def test_ticks_alone_tell_that_nothing_is_known():
    outputs = list(map(line().update, entries([], silence=0)))
    found = newest(outputs)
    assert {key[0] for key in found} == {"oee"}
    assert all(
        account["no_data_us"] + account["unscheduled_us"] == account["calendar_us"]
        for account in found.values()
    )
