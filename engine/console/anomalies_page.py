"""Draw how unusual a machine is: its score over the last hours, alarms, the tags that explain them."""

from __future__ import annotations

from datetime import timedelta

from engine.console.data import Alarm, Scores
from engine.console.icons import icon
from engine.console.locale import Locale, number, percent
from engine.console.markup import Html, el
from engine.console.notices import condition
from engine.console.timeline import STEPS, axis, now_mark, place, points, scale, unbroken

HEIGHT = 100
"""Units of the drawing's height."""
SHOWN = 6
"""So many alarms are listed, newest first; the others are counted."""
ALL = 0.995
"""From here on a tag explains an alarm wholly."""
TAGS = 3
"""So many tags are named for an alarm."""


def heading(name: str, found: Scores | None, say: Locale) -> Html:
    """Return the machine's name, whether it is as usual, and its newest score."""
    kind = condition(found)
    sign = {"alarm": "warning", "quiet": "OK", "old": "no_data"}[kind]
    pill = el("span", icon(sign), say(f"anomalies.{kind}"), class_=f"pill pill--{kind}", data_condition=kind)
    words = _told(found, kind, say) if found else [el("span", say("anomalies.none"))]
    return el("header", el("h2", name), el("div", pill, *words, class_="doing"), class_="machine-head")


def _told(found: Scores, kind: str, say: Locale) -> list[Html]:
    now = found.as_of
    if kind == "old":
        return [el("span", say("anomaly.old", time=say.moment(found.newest.ts, now)))]
    newest, alarm = found.newest, found.alarm
    level = say("anomaly.now", score=f"{newest.score:.2f}", threshold=f"{newest.threshold:.2f}")
    words = [el("b", level, class_="level")]
    if alarm:
        span = say.duration(now - alarm.began)
        words.append(el("span", say("state.since", time=say.moment(alarm.began, now), duration=span)))
    most = say("anomalies.most", tag=newest.tag, share=percent(newest.share, 0))
    return [*words, el("span", most)]


def chart(found: Scores | None, say: Locale) -> Html:
    """Return the score over time with its threshold, an axis and a mark at the plant's time."""
    if found is None:
        return Html("")
    top = scale(found)
    marks = (
        _level("anomalies.threshold", found.newest.threshold, top, say),
        _level("anomalies.usual", 1.0, top, say),
        now_mark(place(found.as_of, found.start, found.end), say),
    )
    plot = el("div", drawing(found), *marks, class_="plot")
    return el("div", plot, axis(found.start, found.end, say), class_="scores")


def drawing(found: Scores) -> Html:
    """Return the curve alone, red where it is above the threshold, alarms shaded."""
    top = scale(found)
    limit = HEIGHT * (1 - found.newest.threshold / top)
    pieces = [points(piece, found.start, found.end, HEIGHT, top) for piece in unbroken(found.curve)]
    areas = [_area(piece) for piece in pieces]
    lines = (el("polyline", points=piece, class_="score") for piece in pieces)
    return el(
        "svg",
        *(_band(alarm, found) for alarm in found.alarms),
        *areas,
        *lines,
        el("svg", *areas, width=STEPS, height=limit, class_="over"),
        el("line", x1=0, x2=STEPS, y1=limit, y2=limit, class_="threshold"),
        viewBox=f"0 0 {STEPS} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
    )


def _area(piece: str) -> Html:
    """Return what lies below a piece of the curve."""
    first, last = piece.split(",", 1)[0], piece.rsplit(" ", 1)[-1].split(",", 1)[0]
    return el("polygon", points=f"{first},{HEIGHT} {piece} {last},{HEIGHT}", class_="area")


def _band(alarm: Alarm, found: Scores) -> Html:
    left, right = (place(ts, found.start, found.end) for ts in (alarm.began, alarm.ended))
    return el("rect", x=left, y=0, width=max(2, right - left), height=HEIGHT, class_="band")


def _level(key: str, level: float, top: float, say: Locale) -> Html:
    style = f"bottom:{100 * level / top:.2f}%"
    return el("span", f"{say(key)} {level:.2f}", class_=f"mark-level mark-{key.split('.')[1]}", style=style)


def alarms(found: Scores | None, say: Locale) -> Html:
    """Return the alarms of the last hours and the tags that explain each."""
    if found is None:
        return Html("")
    title = el("h3", say("anomalies.list", time=say.hour(found.start)))
    if not found.alarms:
        return el("section", title, el("p", icon("OK"), say("anomalies.no_alarm"), class_="calm good"))
    above = sum(alarm.scores for alarm in found.alarms) / found.total
    counted = say("anomalies.count", count=number(len(found.alarms)), share=percent(above))
    rows = (_alarm(alarm, alarm is found.alarm, say) for alarm in found.alarms[:SHOWN])
    hidden = len(found.alarms) - SHOWN
    more = el("p", say("anomalies.more", count=hidden), class_="muted") if hidden > 0 else None
    return el("section", title, el("p", counted, class_="muted"), el("ol", *rows, class_="alarms"), more)


def _alarm(alarm: Alarm, lasting: bool, say: Locale) -> Html:
    until = say("state.until_now") if lasting else say.hour(alarm.ended)
    span = max(alarm.ended - alarm.began, timedelta(seconds=1))
    return el(
        "li",
        el("b", f"{say.hour(alarm.began)} – {until}"),
        el("span", say.duration(span), class_="muted"),
        el("span", say("anomalies.peak", peak=f"{alarm.peak:.2f}"), class_="peak"),
        el("div", *(_tag(tag, explains) for tag, explains in alarm.tags[:TAGS]), class_="tags"),
        class_="lasting" if lasting else None,
    )


def _tag(tag: str, explains: float) -> Html:
    """Return a tag and how much of the alarm it explains at least."""
    bar = el("i", style=f"width:{100 * min(1.0, explains):.1f}%")
    least = "" if explains > ALL else "≥ "
    return el(
        "span",
        el("span", tag, class_="tag"),
        el("span", bar, class_="bar"),
        el("span", f"{least}{percent(explains, 0)}", class_="share"),
        data_tag=tag,
    )
