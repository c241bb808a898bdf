import csv
import os
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.catalog import Calendar, Catalog, Machine, Shift, Tag
from streams.chain import NO_PARTS, LineChain
from streams.clock import DAY, HOUR, MINUTE, SECOND
from streams.log.abc import Entry, Kind
from streams.oee import Losses, Ratios, ratios, teep
from streams.operators.cycles import Cycles
from streams.operators.oee import Oee, Progress
from streams.operators.states import Timeline
from streams.operators.testing import NOON, judged, keys, machine, table
from streams.operators.tracks import Interval, Run
from streams.records import NULL, Readings, encode

DATA = os.environ.get("SEAMLINE_DATA", "")
LOSSES = (
    "unscheduled", "no_data", "planned_stop", "setup", "unplanned_stop", "minor_stop",
    "speed_loss", "reject_loss", "review_loss", "effective",
)  # fmt: skip
TIMES = ("calendar_us", *(f"{name}_us" for name in LOSSES))
COUNTS = ("good", "reject", "review")
SHIFT = Shift("late", 12 * 60, 20 * 60, breaks=((14 * 60, 14 * 60 + 30),))
LATE = Calendar(ZoneInfo("UTC"), (SHIFT,))


def at(minutes):
    return NOON + int(minutes * MINUTE)


class Line:
    """One machine's books, fed in minutes after noon."""

    def __init__(self, **settings):
        self.oee = Oee(keys(machine(**({"calendar": LATE} | settings))))
        self.rows = []

    def until(self, minute, states=(), runs=(), parts=(), received=None, before=()):
        """Go on to a mark: states (minute, state), runs (start, end, program), parts (minute, outcome).

        Runs ``before`` were told otherwise before; a state None is withdrawn.
        """
        told = [Interval(0, at(start), state or "run", "", None) for start, state in states]
        intervals = tuple(
            item if state else item.withdrawn() for item, (_, state) in zip(told, states, strict=True)
        )
        finished, former = (
            tuple(Run(0, at(start), at(end), program, True, 1) for start, end, program in some)
            for some in (runs, before)
        )
        batch = Progress(
            received=at(minute) if received is None else at(received),
            marks=np.array([at(minute)], dtype=np.int64),
            timeline=Timeline((), intervals, finished, former),
            parts=judged(*(("m", at(ts), outcome) for ts, outcome in parts)),
        )
        told = self.oee.update(batch)
        self.rows += told
        return told

    def last(self, *columns):
        """The newest statement, times in minutes."""
        row = table(self.rows[-1:], "oee", *columns)[-1]
        return [value / MINUTE if name in TIMES else value for name, value in zip(columns, row, strict=True)]

    def told(self, *columns):
        return table(self.rows, "oee", *columns)


def test_states_become_losses_that_add_up():
    line = Line(minor_stop=5 * MINUTE)
    states = [
        (10, "run"),
        (60, "stop"),
        (63, "run"),
        (80, "stop"),
        (100, "setup"),
        (110, "planned_stop"),
        (115, "run"),
    ]
    line.until(240, states)
    assert dict(zip(TIMES, line.last(*TIMES), strict=True)) == {
        "calendar_us": 240, "unscheduled_us": 30, "no_data_us": 10, "planned_stop_us": 5, "setup_us": 10,
        "unplanned_stop_us": 20, "minor_stop_us": 3, "speed_loss_us": 162, "reject_loss_us": 0,
        "review_loss_us": 0, "effective_us": 0,
    }  # fmt: skip


def test_parts_take_their_ideal_time_out_of_the_run_time():
    line = Line(counts="parts", ideal_cycle=MINUTE)
    parts = [(5, "good"), (6, "good"), (7, "reject"), (8, "review")]
    line.until(60, [(0, "run")], parts=parts)
    columns = ("speed_loss_us", "reject_loss_us", "review_loss_us", "effective_us", *COUNTS)
    assert line.last(*columns) == [56, 1, 1, 2, 2, 1, 1]


def test_parts_made_faster_than_the_ideal_make_the_speed_loss_negative():
    line = Line(counts="parts", ideal_cycle=10 * MINUTE)
    line.until(10, [(0, "run")], parts=[(5, "good"), (9, "good")])
    assert line.last("speed_loss_us", "effective_us", "calendar_us") == [-10, 20, 10]


def test_the_ideal_cycle_is_the_mode_of_the_completed_runs():
    line = Line()
    runs = [(0, 4, "40"), (5, 9, "40"), (10, 13, "40"), (20, 60, "40")]
    line.until(70, [(0, "run")], runs)
    assert line.last("ideal_cycle_us", "effective_us", "good") == [4 * MINUTE, 16, 4]


def test_every_program_has_its_own_ideal_cycle():
    line = Line()
    line.until(70, [(0, "run")], [(0, 4, "40"), (5, 9, "40"), (10, 20, "50")])
    assert line.last("ideal_cycle_us", "effective_us", "good") == [6 * MINUTE, 18, 3]


def test_without_a_known_cycle_no_part_counts_as_time():
    line = Line(counts="parts")
    line.until(10, [(0, "run")], parts=[(5, "good")])
    assert line.last("ideal_cycle_us", "effective_us", "good") == [None, 0, 1]


def test_a_station_learns_its_cycle_from_its_parts():
    line = Line(counts="parts")
    line.until(10, [(0, "run")], parts=[(1, "good"), (2, "good"), (3, "reject"), (7, "good")])
    assert line.last("ideal_cycle_us", "effective_us", "reject_loss_us") == [MINUTE, 3, 1]


def test_a_machine_counts_runs_or_judged_parts_never_both():
    runs, parts = Line(), Line(counts="parts")
    for line in (runs, parts):
        line.until(10, [(0, "run")], runs=[(0, 4, "40")], parts=[(5, "reject")])
    assert runs.last(*COUNTS) == [1, 0, 0]
    assert parts.last(*COUNTS) == [0, 1, 0]


def test_a_stop_is_minor_until_it_passes_the_limit():
    line = Line(minor_stop=5 * MINUTE)
    columns = ("minor_stop_us", "unplanned_stop_us")
    line.until(14, [(0, "run"), (10, "stop")])
    assert line.last(*columns) == [4, 0]
    line.until(15)
    assert line.last(*columns) == [0, 5]


def test_a_stop_across_the_end_of_a_shift_is_judged_as_a_whole():
    line = Line(minor_stop=5 * MINUTE)
    columns = ("minor_stop_us", "unplanned_stop_us", "version")
    line.until(1, [(0, "run")])
    line.until(481, [(478, "stop")])
    assert line.last(*columns) == [2, 0, 2]
    line.until(482)
    assert len(line.told("version")) == 2
    line.until(484)
    assert line.last(*columns) == [0, 2, 3]
    line.until(900)
    assert len(line.told("version")) == 3


def test_accounts_are_told_every_ten_seconds_of_stamps_and_only_when_they_changed():
    line = Line()
    for second in range(30):
        line.until(1 + second / 60, received=1 + second / 60)
    assert [as_of - at(1) for (as_of,) in line.told("as_of")] == [0, 10 * SECOND, 20 * SECOND]
    assert [version for (version,) in line.told("version")] == [1, 2, 3]
    assert line.until(1 + 29 / 60, received=5) != ()
    assert line.until(1 + 29 / 60, received=6) == ()


def test_a_part_is_told_at_once():
    line = Line(counts="parts")
    line.until(1, received=1)
    assert line.until(1.01, parts=[(1, "good")], received=1.01) != ()
    assert line.until(1.02, received=1.02) == ()


def test_the_end_of_a_shift_closes_it_and_the_next_begins():
    line = Line()
    line.until(479, [(0, "run")])
    line.until(481)
    assert line.last("as_of", "calendar_us", "shift") == [at(480), 480, "late"]
    assert line.until(700) == ()
    line.until(24 * 60 + 1)
    assert line.last("ts", "calendar_us", "speed_loss_us", "version") == [NOON + DAY, 1, 1, 1]


def test_every_shift_that_a_long_silence_skipped_is_told():
    line = Line()
    line.until(1)
    line.until(3 * 24 * 60 + 1)
    ends = [(ts, as_of) for ts, as_of in line.told("ts", "as_of") if as_of - ts == 8 * HOUR]
    assert ends == [(NOON + day * DAY, NOON + day * DAY + 8 * HOUR) for day in range(3)]


def test_a_late_part_revises_a_closed_shift_at_the_cycle_that_held_then():
    line = Line()
    line.until(481, [(0, "run")], [(0, 10, "40"), (20, 30, "40")])
    line.until(490, runs=[(482, 485, "40"), (485, 488, "40"), (488, 489, "40"), (486, 489, "40")])
    line.until(500, runs=[(470, 479, "40")])
    assert line.last("ts", "version", "good", "effective_us") == [NOON, 2, 3, 30]


def test_a_part_a_day_after_its_shift_is_not_counted_anywhere():
    line = Line(counts="parts")
    line.until(1)
    line.until(480 + 24 * 60)
    assert line.until(480 + 24 * 60, parts=[(5, "good")]) == ()


def test_a_part_outside_every_shift_belongs_to_none():
    line = Line(counts="parts")
    line.until(600, [(0, "run")])
    assert line.until(601, parts=[(550, "good")]) == ()


def test_a_state_told_late_revises_the_shift_that_it_reaches_into():
    line = Line()
    line.until(1, [(0, "run")])
    line.until(481)
    line.until(482, [(470, "no_data")])
    assert line.last("version", "no_data_us", "speed_loss_us") == [3, 10, 440]


def test_a_state_that_is_withdrawn_was_none():
    line = Line(minor_stop=5 * MINUTE)
    line.until(20, [(0, "run"), (10, "stop"), (18, "run")])
    assert line.last("unplanned_stop_us", "speed_loss_us") == [8, 12]
    line.until(21, [(10, None), (18, None)])
    assert line.last("unplanned_stop_us", "speed_loss_us") == [0, 21]


def test_a_run_that_is_told_otherwise_counts_as_it_is_told_now():
    line = Line()
    line.until(20, [(0, "run")], [(0, 4, "40"), (5, 15, "50")])
    assert line.last("good", "effective_us") == [2, 14]
    line.until(21, runs=[(5, 8, "40")], before=[(5, 15, "50")])
    assert line.last("good", "effective_us", "ideal_cycle_us") == [2, 6, 3 * MINUTE]


def test_the_ideal_cycle_of_a_shift_is_that_of_the_cycles_that_ended_in_it():
    """Though the watermark passes its end together with that of many shorter cycles behind it."""
    line = Line()
    line.until(470, [(0, "run")], [(0, 10, "40"), (20, 30, "40")])
    line.until(500, runs=[(481 + run, 482 + run, "40") for run in range(5)])
    assert line.last("ts", "good", "effective_us") == [NOON, 2, 20]


def test_nothing_is_told_of_a_machine_of_which_nothing_is_known():
    line = Line()
    batch = Progress(NOON, np.array([NULL]), Timeline(), judged())
    assert line.oee.update(batch) == ()


def test_restored_books_go_on_as_if_nothing_had_happened():
    before, after = Line(), Line()
    before.until(478, [(0, "run"), (476, "stop")], [(0, 10, "40"), (20, 30, "40")])
    after.oee.restore(before.oee.snapshot())
    assert after.oee.snapshot() == before.oee.snapshot()
    for minute in (479, 481, 482, 700, 1441):
        one = before.until(minute, runs=[(minute - 9, minute - 1, "40")])
        other = after.until(minute, runs=[(minute - 9, minute - 1, "40")])
        assert table(one, "oee", "ts", "version", *TIMES) == table(other, "oee", "ts", "version", *TIMES)


def test_a_machine_that_the_books_did_not_know_starts_with_empty_ones():
    before, after = Line(), Oee(keys(machine("m", calendar=LATE), machine("new", calendar=LATE)))
    before.until(60, [(0, "run")], [(0, 10, "40")])
    after.restore(before.oee.snapshot())
    told = after.update(Progress(at(61), np.array([at(61), at(61)]), Timeline(), judged()))
    assert table(told, "oee", "machine", "version", "good") == [("m", 2, 1), ("new", 1, 0)]


def test_a_shift_that_has_begun_ends_as_it_began_though_the_calendar_is_changed():
    earlier = Calendar(ZoneInfo("UTC"), (Shift("day", 8 * 60, 16 * 60), Shift("night", 16 * 60, 24 * 60)))
    changed = Line(calendar=earlier)
    before = Line()
    before.until(60, [(0, "run")], [(0, 10, "40")])
    changed.oee.restore(before.oee.snapshot())
    told = [
        table(changed.until(minute), "oee", "shift", "ts", "as_of") for minute in (120, 480, 490, 721, 1300)
    ]
    assert [rows[-1][0] for rows in told if rows] == ["late", "late", "day"]
    assert table(changed.until(1310), "oee", "shift", "ts")[-1] == ("day", at(20 * 60))


def test_a_shift_that_has_not_begun_is_that_of_the_new_calendar():
    before, changed = Line(), Line(calendar=Calendar(ZoneInfo("UTC"), (Shift("new", 11 * 60, 20 * 60),)))
    before.until(-120, [(-200, "run")])  # ten in the morning: the shift of twelve is to come
    changed.oee.restore(before.oee.snapshot())
    assert table(changed.until(10), "oee", "shift", "ts") == [("new", at(-60))]


def test_a_machine_without_shifts_has_no_account():
    line = Line(calendar=Calendar(ZoneInfo("UTC"), ()))
    assert line.until(60, [(0, "run")], [(0, 10, "40")]) == ()
    assert line.until(60 * 24 * 3) == ()


def test_a_revised_state_takes_the_place_of_the_one_told_before():
    line = Line()
    line.until(20, [(0, "run"), (10, "stop")])
    line.until(30, [(10, "run")])
    assert line.last("speed_loss_us", "minor_stop_us", "unplanned_stop_us") == [30, 0, 0]


def test_books_do_not_grow_with_time():
    line = Line()
    sizes = []
    for day in range(6):
        states = [(day * 1440 + minute, ("run", "stop")[minute % 2]) for minute in range(0, 480)]
        line.until(day * 1440 + 490, states)
        sizes.append(len(line.oee.snapshot()))
    assert sizes[5] < 1.1 * sizes[2]


state = st.sampled_from(["no_data", "run", "stop", "setup", "planned_stop"])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-60, 600), state), max_size=30),
    st.lists(st.tuples(st.integers(0, 600), st.sampled_from(["good", "reject", "review"])), max_size=20),
    st.lists(st.integers(1, 2000), min_size=1, max_size=5),
)
def test_losses_always_add_up_to_the_time_elapsed(states, parts, marks):
    line = Line(counts="parts", minor_stop=7 * MINUTE)
    changes = sorted(dict(states).items())
    rising = sorted(marks)
    for since, until in pairwise([-1000, *rising]):
        line.until(until, [item for item in changes if since <= item[0] < until], parts=parts)
        parts = ()
    for row in line.told("ts", "as_of", *TIMES):
        ts, as_of, calendar, *losses = row
        assert sum(losses) == calendar == as_of - ts


def test_the_mode_is_the_shorter_of_two_that_are_equally_frequent():
    cycles = Cycles()
    for duration in (59.3, 223.6, 58.8, 223.9, -5.0):
        cycles.add(int(duration * SECOND))
    assert cycles.best == 59 * SECOND


def test_ratios_are_undefined_where_there_was_no_time():
    assert ratios(Losses(no_data=5), 0, 0) == Ratios(None, None, None, None)


def test_ratios_of_two_shifts_are_those_of_the_sums():
    one, other = Losses(unplanned_stop=10, speed_loss=20, effective=70), Losses(speed_loss=50, effective=50)
    both = Losses(unplanned_stop=10, speed_loss=70, effective=120)
    assert ratios(both, 12, 12).oee_index == 0.6
    assert ratios(one, 7, 7).oee_index == 0.7
    assert ratios(other, 5, 5).oee_index == 0.5


TOLERANCE = {2: 0.06, 1: 0.1, 0: 0.5}
"""By printed decimals, in percentage points: with one, Willmott cuts 77.78 to 77.7."""


def worked_examples():
    path = Path(DATA) / "oee_worked_examples.csv"
    if not DATA or not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def losses_of(example):
    """The time model of a published example: unknown all-time counts as planned time only."""
    planned = float(example["planned_production_min"]) * MINUTE
    stop, ideal = float(example["unplanned_stop_min"]) * MINUTE, float(example["ideal_cycle_s"]) * SECOND
    total, reject = int(example["total_count"]), int(example["reject_count"] or 0)
    outside = float(example["all_time_min"]) * MINUTE - planned if example["all_time_min"] else 0
    return Losses(
        unscheduled=int(outside),
        unplanned_stop=int(stop),
        speed_loss=int(planned - stop - ideal * total),
        reject_loss=int(ideal * reject),
        effective=int(ideal * (total - reject)),
    )


@pytest.mark.data
@pytest.mark.skipif(not DATA, reason="SEAMLINE_DATA names no folder with the published examples")
def test_published_examples_come_out_as_printed():
    checked = 0
    for example in worked_examples():
        losses, total = losses_of(example), int(example["total_count"])
        found = ratios(losses, total - int(example["reject_count"] or 0), total)
        printed = {
            "availability_pct": found.availability,
            "performance_pct": found.effectiveness,
            "quality_pct": found.quality_ratio,
            "oee_pct": found.oee_index,
            "teep_pct": teep(losses),
        }
        for column, ratio in printed.items():
            if example[column]:
                tolerance = TOLERANCE[len(example[column].partition(".")[2])]
                assert ratio * 100 == pytest.approx(float(example[column]), abs=tolerance), (example, column)
                checked += 1
    assert checked >= 20


def test_a_rig_that_never_tells_its_state_has_no_oee() -> None:
    rig = LineChain(Catalog((Machine("pump", (Tag("load"),)),)), parts=lambda entry: ((), NO_PARTS))
    batch = Readings.numbers(["pump"] * 2, ["load"] * 2, [0, HOUR], [1.0, 2.0])
    outputs = [
        rig.update(Entry(1, Kind.READINGS, HOUR, "gateway", encode(batch.to_arrow()))),
        rig.update(Entry(2, Kind.TICK, 2 * HOUR, "", b"")),
    ]
    tables = {rows.table for output in outputs for rows in output.rows}
    assert "windows" in tables
    assert "oee" not in tables
