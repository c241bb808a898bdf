"""Draw what the line did around a verdict: states, anomaly scores and the shift's OEE of each machine."""

from __future__ import annotations

from datetime import datetime

from engine.console.data import Anomaly, State
from engine.console.icons import icon
from engine.console.locale import DASH, Locale, percent
from engine.console.markup import Html, el, join
from engine.console.part_query import Attempt, Machine
from engine.console.timeline import HEIGHTS, STEPS, axis, key, place, segments

FACTORS = ("availability", "performance", "quality")


def line(attempt: Attempt, now: datetime, say: Locale) -> Html:
    """Return every machine of the line over the minutes around a verdict; ``now`` is the plant's time."""
    known = [item for item in attempt.line if item.states or item.anomalies]
    if not known:
        return _card(say, el("p", say("around.unknown"), class_="muted"))
    rows = join(_machine(item, attempt, now, say) for item in known)
    mark = el("span", say("around.captured"), class_="mark-word")
    return _card(
        say, rows, el("div", mark, axis(attempt.start, attempt.end, say), key(say), class_="around-axis")
    )


def _card(say: Locale, *body: Html) -> Html:
    return el("section", el("h2", say("around")), *body, class_="card around")


def _machine(machine: Machine, attempt: Attempt, now: datetime, say: Locale) -> Html:
    drawing = el(
        "svg",
        *_bars(machine.states, attempt, now),
        _curve(machine.anomalies, attempt),
        el("line", x1=STEPS / 2, x2=STEPS / 2, y1=0, y2=40, class_="capture"),
        viewBox=f"0 0 {STEPS} 40",
        preserveAspectRatio="none",
        class_="states",
        role="img",
        aria_label=machine.name,
    )
    return el(
        "div",
        el("div", el("h3", machine.name), _state(machine.state(attempt.part.ts), attempt, say)),
        el("div", drawing, class_="plot"),
        el("div", _score(machine.anomalies, say), _shift(machine, say), class_="muted"),
        class_="around-machine",
        data_machine=machine.name,
    )


def _bars(states: tuple[State, ...], attempt: Attempt, now: datetime) -> list[Html]:
    drawn = segments(states, attempt.start, attempt.end, min(max(now, attempt.start), attempt.end))
    return [
        el(
            "rect",
            x=item.left,
            y=40 - HEIGHTS.get(item.first.state, 40),
            width=item.right - item.left,
            height=HEIGHTS.get(item.first.state, 40),
            class_=f"state state--{item.first.state}",
        )
        for item in drawn
    ]


def _curve(scores: tuple[Anomaly, ...], attempt: Attempt) -> Html | None:
    """Return the scores as a line; the upper edge is twice the threshold, or the highest score."""
    if not scores:
        return None
    top = max(2 * scores[-1].threshold, *(item.score for item in scores))
    points = (
        f"{place(item.ts, attempt.start, attempt.end)},{40 - 39 * item.score / top:.1f}" for item in scores
    )
    return el("polyline", points=" ".join(points), class_="around-score")


def _state(state: State | None, attempt: Attempt, say: Locale) -> Html:
    if state is None:
        return el("p", say("around.no_state"), class_="muted")
    name = state.state
    pill = el("span", icon(name), say(f"state.{name}"), class_=f"pill pill--{name}", data_state=name)
    ts = attempt.part.ts
    since = say("state.since", time=say.moment(state.ts, ts), duration=say.duration(ts - state.ts))
    program = say("state.program", program=state.program) if state.program else None
    words = (since, state.reason, program)
    return el("div", pill, *(el("span", text) for text in words if text), class_="doing")


def _score(scores: tuple[Anomaly, ...], say: Locale) -> Html:
    if not scores:
        return el("p", say("around.no_score"))
    top = max(scores, key=lambda item: item.score / item.threshold)
    words = say("around.score", score=f"{top.score:.2f}", threshold=f"{top.threshold:.2f}", tag=top.tag)
    above = top.score > top.threshold
    return el("p", words, el("b", say("around.above"), class_="bad") if above else None)


def _shift(machine: Machine, say: Locale) -> Html:
    shift = machine.shift
    if shift is None:
        return el("p", say("around.no_shift"))
    ratios = [
        el("span", f"{say(f'oee.{name}')} ", el("b", percent(getattr(shift, name)))) for name in FACTORS
    ]
    total = el("span", f"{say('oee')} ", el("b", percent(shift.oee) if shift.oee is not None else DASH))
    name = el("span", say("around.shift", shift=shift.name))
    return el("p", name, total, *ratios, el("span", say("oee.as_of", time=say.date(shift.as_of))))
