"""Draw a machine's shift over time: its states as bars, its anomaly score as a curve below them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from engine.console.data import MachineNow, Scores, State
from engine.console.locale import Locale
from engine.console.markup import Html, el, join
from engine.console.notices import OLD

STEPS = 600
"""Positions that an interval can begin at: what is narrower than one is not drawn."""
HEIGHTS = {"run": 40, "setup": 30, "planned_stop": 22, "stop": 30, "no_data": 8}
"""A state is told by its height too; units of a drawing 40 high."""
TICKS = 9
PITCHES = tuple(timedelta(minutes=minutes) for minutes in (5, 10, 15, 30, 60, 120, 180, 360))
"""Distances that marks on the axis of time may have."""
LATE = 0.92
"""Right of so much of the drawing there is no room for a word."""
HEADROOM = 1.6
"""The curve's upper edge: this many times the threshold, or higher if a score is."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One state from ``left`` to ``right``, in `STEPS`."""

    left: int
    right: int
    first: State
    end: datetime


def segments(states: Sequence[State], start: datetime, end: datetime, now: datetime) -> list[Segment]:
    """Place states on the drawing; neighbours of one state become one segment."""
    drawn: list[Segment] = []
    for state in states:
        until = min(state.end or now, end)
        left, right = (place(item, start, end) for item in (max(state.ts, start), until))
        last = drawn[-1] if drawn else None
        if last and last.first.state == state.state and last.right >= left:
            drawn[-1] = Segment(last.left, max(last.right, right), last.first, until)
        elif right > left:
            drawn.append(Segment(left, right, state, until))
    return drawn


def place(ts: datetime, start: datetime, end: datetime) -> int:
    """Return where a time lies between start and end, 0 to `STEPS`."""
    return round(STEPS * min(1.0, max(0.0, (ts - start) / (end - start))))


def timeline(machine: MachineNow, now: datetime, say: Locale) -> Html:
    """Return states with an axis of time and a mark at the plant's time now."""
    mark = now_mark(place(now, machine.start, machine.end), say)
    plot = el("div", lane(machine, now, say), mark, class_="plot")
    return el("div", plot, axis(machine.start, machine.end, say), key(say), class_="timeline")


def lane(machine: MachineNow, now: datetime, say: Locale) -> Html:
    """Return the states alone."""
    bars = (_bar(item, say) for item in segments(machine.states, machine.start, machine.end, now))
    mark = place(now, machine.start, machine.end)
    return el(
        "svg",
        el("rect", x=mark, y=0, width=STEPS - mark, height=40, class_="ahead"),
        *bars,
        viewBox=f"0 0 {STEPS} 40",
        preserveAspectRatio="none",
        class_="states",
        role="img",
    )


def now_mark(mark: int, say: Locale) -> Html:
    """Return the line at the plant's time now; at the end of the drawing its word stands left of it."""
    late = " now--late" if mark > LATE * STEPS else ""
    return el("span", say("timeline.now"), class_="now" + late, style=f"left:{100 * mark / STEPS:.2f}%")


def key(say: Locale) -> Html:
    """Return what the colours of the states mean."""
    signs = (el("span", el("i", class_=f"sign sign--{state}"), say(f"state.{state}")) for state in HEIGHTS)
    return el("div", *signs, class_="legend")


def _bar(segment: Segment, say: Locale) -> Html:
    state, height = segment.first, HEIGHTS.get(segment.first.state, 40)
    ended = say.hour(segment.end) if state.end else say("state.until_now")
    words = say(
        "state.for",
        state=say(f"state.{state.state}"),
        begin=say.hour(state.ts),
        end=ended,
        duration=say.duration(segment.end - state.ts),
    )
    return el(
        "rect",
        el("title", words),
        x=segment.left,
        y=40 - height,
        width=segment.right - segment.left,
        height=height,
        class_=f"state state--{state.state}",
    )


def axis(start: datetime, end: datetime, say: Locale) -> Html:
    """Return the hours below a drawing."""
    start, end = start.astimezone(say.zone), end.astimezone(say.zone)
    marks = (
        el("span", say.hour(ts), style=f"left:{100 * ((ts - start) / (end - start)):.2f}%")
        for ts in ticks(start, end)
    )
    return el("div", *marks, class_="axis")


def ticks(start: datetime, end: datetime) -> Iterator[datetime]:
    """Yield round times of day, as many as fit well."""
    step = next((item for item in PITCHES if (end - start) / item <= TICKS), PITCHES[-1])
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    ts = midnight + step * ceil((start - midnight) / step)
    while ts < end:
        yield ts
        ts += step


def curve(scores: Scores | None, start: datetime, end: datetime, say: Locale) -> Html:
    """Return the anomaly score over the axis of the states, with its threshold."""
    if scores is None:
        return el("p", say("anomaly.none"), class_="muted")
    top = scale(scores)
    limit = 40 - 40 * scores.newest.threshold / top
    pieces = (points(piece, start, end, 40, top) for piece in unbroken(scores.curve))
    drawing = el(
        "svg",
        el("line", x1=0, x2=STEPS, y1=limit, y2=limit, class_="threshold"),
        *(el("polyline", points=piece, class_="score") for piece in pieces if piece),
        viewBox=f"0 0 {STEPS} 40",
        preserveAspectRatio="none",
        class_="curve",
        role="img",
    )
    return join((_score(scores, start, say), drawing))


def scale(scores: Scores) -> float:
    """Return the score at the upper edge of a drawing."""
    return max(HEADROOM * scores.newest.threshold, *(score for _, score in scores.curve))


def unbroken(curve: Sequence[tuple[datetime, float]]) -> Iterator[list[tuple[datetime, float]]]:
    """Yield the pieces of a curve: it is broken where scores are missing for longer than `OLD`."""
    piece: list[tuple[datetime, float]] = []
    for ts, score in curve:
        if piece and ts - piece[-1][0] > OLD:
            yield piece
            piece = []
        piece.append((ts, score))
    if piece:
        yield piece


def points(
    piece: Sequence[tuple[datetime, float]], start: datetime, end: datetime, height: float, top: float
) -> str:
    """Return a piece of a curve as points of a drawing; of those in one place the highest."""
    highest: dict[int, float] = {}
    for ts, score in piece:
        if start <= ts <= end:
            x = place(ts, start, end) // 2 * 2
            highest[x] = max(score, highest.get(x, 0.0))
    return " ".join(f"{x},{height * (1 - score / top):.1f}" for x, score in highest.items())


def _score(scores: Scores, start: datetime, say: Locale) -> Html:
    newest, now = scores.newest, scores.as_of
    since = el("span", say("anomaly.since", time=say.hour(scores.start)), class_="muted")
    name = el("span", say("anomaly"), class_="name")
    shorter = since if scores.start > start else None
    if now - newest.ts > OLD:
        last = el("span", say("anomaly.old", time=say.moment(newest.ts, now)), class_="muted")
        return el("p", name, last, shorter, class_="score-line")
    alarm = scores.alarm is not None
    level = say("anomaly.now", score=f"{newest.score:.2f}", threshold=f"{newest.threshold:.2f}")
    return el(
        "p",
        name,
        el("b", level),
        el("span", say("anomaly.alarm" if alarm else "anomaly.quiet"), class_="bad" if alarm else "good"),
        el("span", say("anomaly.tag", tag=newest.tag)) if alarm else None,
        shorter,
        class_="score-line",
    )
