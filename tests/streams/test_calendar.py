from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.calendar import Span, containing, upcoming
from streams.catalog import AROUND_THE_CLOCK, Calendar, Shift
from streams.clock import DAY, HOUR, MINUTE

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
EARLY = Shift("early", 6 * 60, 14 * 60, frozenset(range(5)), ((9 * 60, 9 * 60 + 15), (11 * 60, 11 * 60 + 30)))
NIGHT = Shift("night", 22 * 60, 30 * 60, frozenset(range(5)), ((26 * 60, 26 * 60 + 30),))


def utc(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def test_local_hours_become_utc():
    span = containing(Calendar(SHANGHAI, (EARLY,)), utc("2026-03-02T00:00"))
    assert (span.name, span.start, span.end) == ("early", utc("2026-03-01T22:00"), utc("2026-03-02T06:00"))
    assert span.breaks[0] == (utc("2026-03-02T01:00"), utc("2026-03-02T01:15"))


def test_a_shift_contains_its_start_and_not_its_end():
    calendar = Calendar(SHANGHAI, (EARLY,))
    start, end = utc("2026-03-01T22:00"), utc("2026-03-02T06:00")
    assert containing(calendar, start - 1) is None
    assert containing(calendar, start).start == start
    assert containing(calendar, end - 1).start == start
    assert containing(calendar, end) is None


def test_a_night_shift_belongs_to_the_day_it_begins_on():
    calendar = Calendar(SHANGHAI, (NIGHT,))
    assert containing(calendar, utc("2026-03-06T20:00")).start == utc("2026-03-06T14:00")
    assert containing(calendar, utc("2026-03-07T20:00")) is None


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28T23:00", 7), ("2026-10-24T22:00", 9), ("2026-06-01T22:00", 8)]
)
def test_a_night_of_daylight_saving_is_an_hour_shorter_or_longer(day, hours):
    always = Shift("night", 22 * 60, 30 * 60)
    span = containing(Calendar(BERLIN, (always,)), utc(day))
    assert span.end - span.start == hours * HOUR


def test_the_next_shift_is_found_over_a_weekend():
    calendar = Calendar(SHANGHAI, (EARLY,))
    friday_evening = utc("2026-03-06T12:00")
    assert upcoming(calendar, friday_evening).start == utc("2026-03-08T22:00")


def test_a_calendar_without_shifts_has_none():
    assert upcoming(Calendar(SHANGHAI, ()), 0) is None
    assert containing(Calendar(SHANGHAI, ()), 0) is None


def test_breaks_are_left_out_of_working_time():
    span = Span("x", 0, 100, ((20, 30), (50, 60)))
    assert span.working(100) == [(0, 20), (30, 50), (60, 100)]
    assert span.working(25) == [(0, 20)]
    assert span.working(55) == [(0, 20), (30, 50)]
    assert [span.unscheduled(until) for until in (-5, 25, 55, 100, 500)] == [0, 5, 15, 20, 20]


def test_overlapping_breaks_are_one_and_those_outside_are_cut():
    shift = Shift("x", 60, 120, breaks=((30, 70), (65, 80), (110, 140), (90, 90)))
    span = containing(Calendar(ZoneInfo("UTC"), (shift,)), HOUR)
    assert span.breaks == ((60 * MINUTE, 80 * MINUTE), (110 * MINUTE, 120 * MINUTE))


@given(st.integers(utc("2020-01-01T00:00"), utc("2030-01-01T00:00")))
def test_around_the_clock_days_meet_without_gap(ts):
    span = containing(AROUND_THE_CLOCK, ts)
    assert span.start <= ts < span.end == span.start + DAY
    assert containing(AROUND_THE_CLOCK, span.end).start == span.end
    assert upcoming(AROUND_THE_CLOCK, ts) == span
