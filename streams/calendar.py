"""Shifts as spans of time: local wall-clock hours become UTC microseconds, daylight saving included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from streams.catalog import Calendar, Shift
from streams.clock import DAY, SECOND

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
AHEAD = 15
"""Days looked ahead for the next shift: every weekday twice."""


@dataclass(frozen=True, slots=True)
class Span:
    """One shift of one day: [start, end) in microseconds UTC, and the breaks inside it, in order."""

    name: str
    start: int
    end: int
    breaks: tuple[tuple[int, int], ...] = ()

    def working(self, until: int) -> list[tuple[int, int]]:
        """Return what lies before ``until`` and in no break."""
        edges = [self.start, *(edge for pair in self.breaks for edge in pair), self.end]
        clipped = [min(edge, until) for edge in edges]
        return [(a, b) for a, b in zip(clipped[::2], clipped[1::2], strict=True) if a < b]

    def unscheduled(self, until: int) -> int:
        """Return how much of what lies before ``until`` is break."""
        elapsed = max(min(until, self.end) - self.start, 0)
        return elapsed - sum(b - a for a, b in self.working(until))


def containing(calendar: Calendar, ts: int) -> Span | None:
    """Return the shift that contains a time, the one that started first where shifts overlap."""
    return next((span for span in _around(calendar, ts, 0) if span.start <= ts < span.end), None)


def upcoming(calendar: Calendar, ts: int) -> Span | None:
    """Return the shift that contains a time, or else the next; None where there is none for two weeks."""
    return next((span for span in _around(calendar, ts, AHEAD) if ts < span.end), None)


def holds(calendar: Calendar, span: Span) -> bool:
    """Return whether a shift is one of the calendar's."""
    return span in _around(calendar, span.start, 0)


def _around(calendar: Calendar, ts: int, ahead: int) -> Iterator[Span]:
    """Go through shifts in the order of their starts, from those of two days before ``ts``."""
    local = (EPOCH + timedelta(microseconds=ts)).astimezone(calendar.timezone).date()
    for offset in range(-2, ahead + 1):
        day = local + timedelta(days=offset)
        shifts = [shift for shift in calendar.shifts if day.weekday() in shift.weekdays]
        spans = [_span(calendar, shift, day) for shift in shifts]
        yield from sorted((span for span in spans if span.start < span.end), key=lambda span: span.start)


def _span(calendar: Calendar, shift: Shift, day: date) -> Span:
    def at(minute: int) -> int:
        wall = datetime.combine(day, datetime.min.time()) + timedelta(minutes=minute)
        known = wall.replace(tzinfo=calendar.timezone).astimezone(UTC) - EPOCH
        return known.days * DAY + known.seconds * SECOND + known.microseconds

    start, end = at(shift.start), at(shift.end)
    cuts = sorted((max(at(low), start), min(at(high), end)) for low, high in shift.breaks)
    return Span(shift.name, start, end, _united(cuts))


def _united(cuts: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Return rising intervals without overlap; empty ones vanish."""
    united: list[tuple[int, int]] = []
    for low, high in cuts:
        if united and low <= united[-1][1]:
            united[-1] = (united[-1][0], max(high, united[-1][1]))
        elif low < high:
            united.append((low, high))
    return tuple(united)
