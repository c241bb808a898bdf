"""Draw the big screen of the hall: one tile a machine or station, few words, large."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from math import ceil

from engine.console.anomalies_page import drawing
from engine.console.data import Counts, MachineNow, Scores, StationNow, Tally
from engine.console.icons import icon
from engine.console.locale import DASH, Locale, number, percent
from engine.console.markup import Html, el, join
from engine.console.notices import Notice, condition, present
from engine.console.timeline import lane
from engine.console.waterfall import FACTORS

SHOWN = 4
"""So many notices are told, the newest first; the others are counted."""
ROW = 4
"""So many tiles may stand in a row while there are few."""
SIGNS = {"stop": "stop", "no_data": "no_data", "anomaly": "warning", "ledger": "NG"}
CONDITIONS = {"alarm": "warning", "quiet": "OK", "old": "no_data"}


def columns(tiles: int) -> int:
    """Return how many tiles stand side by side on a wide screen.

    >>> [columns(tiles) for tiles in (0, 1, 3, 4, 5, 6, 8, 12)]
    [1, 1, 3, 4, 3, 3, 4, 4]
    """
    rows = ceil(tiles / ROW)
    return ceil(tiles / rows) if rows else 1


def machine(name: str, found: MachineNow | None, now: datetime, say: Locale) -> Html:
    """Return a machine's state, OEE, and its shift as a lane of states."""
    known, last = present(found, now)
    since = say.duration(now - last.ts) if last and known == last.state else None
    lamp = _lamp(known, known, say(f"state.{known}"), since)
    if found is None or found.oee is None:
        return join((el("h2", name), lamp, _figure(say("board.oee"), DASH, "oee")))
    facts = (_fact(percent(getattr(found.oee, factor), 0), say(f"oee.{factor}")) for factor in FACTORS)
    shift = el("div", lane(found, now, say), class_="glimpse")
    figure = _figure(say("board.oee"), percent(found.oee.oee, 0), "oee")
    return join((el("h2", name), lamp, figure, shift, _facts(*facts)))


def rig(name: str, found: Scores | None, say: Locale) -> Html:
    """Return whether a machine that only sends readings is as usual, its score, and the last hours of it."""
    kind = condition(found)
    alarm = found.alarm if found and kind == "alarm" else None
    since = say.duration(found.as_of - alarm.began) if found and alarm else None
    lamp = _lamp(kind, CONDITIONS[kind], say(f"anomalies.{kind}"), since)
    if found is None or kind == "old":
        return join((el("h2", name), lamp))
    facts = [_fact(f"{found.newest.threshold:.2f}", say("anomalies.threshold"))]
    if alarm:
        facts.append(_fact(alarm.tags[0][0], say("board.most")))
    figure = _figure(say("anomaly"), f"{found.newest.score:.2f}", "score")
    hours = el("div", drawing(found), class_="glimpse scores")
    return join((el("h2", name), lamp, figure, hours, _facts(*facts)))


def station(
    name: str, found: MachineNow | None, parts: StationNow | None, counts: Counts | None, say: Locale
) -> Html:
    """Return a station's last verdict, its rejects of today, the verdicts before, and OEE."""
    seen = parts.parts if parts else ()
    lamp = _lamp("none", "no_data", say("board.no_part"), None)
    if seen:
        lamp = _lamp(seen[0].outcome, seen[0].outcome, say(f"outcome.{seen[0].outcome}"), seen[0].serial)
    today = counts.today if counts else Tally(0, 0, 0)
    facts = (
        _fact(number(today.total), say("board.parts")),
        _fact(percent(today.share(today.reject)), say("counts.reject_rate")),
        _fact(percent(found.oee.oee, 0), say("board.oee")) if found and found.oee else None,
    )
    signs = (el("li", icon(part.outcome), class_=f"past-sign past-sign--{part.outcome}") for part in seen)
    past = el("ol", *signs, class_="glimpse glimpse--signs", aria_label=say("recent"))
    figure = _figure(say("board.rejects"), number(today.reject), "rejects")
    return join((el("h2", name), lamp, figure, past, _facts(*facts)))


def _lamp(kind: str, sign: str, word: str, note: str | None) -> Html:
    beside = el("span", note, class_="note") if note else None
    words = el("div", el("strong", word), beside)
    return el("div", icon(sign, "lamp-icon"), words, class_=f"lamp lamp--{kind}", data_lamp=kind)


def _figure(name: str, value: str, kind: str) -> Html:
    return el("p", el("span", name), el("b", value), class_="figure", data_figure=kind)


def _fact(value: str, name: str) -> Html:
    return el("span", el("b", value), name)


def _facts(*facts: Html | None) -> Html:
    return el("p", *facts, class_="small-facts")


def strip(found: Sequence[Notice], now: datetime, say: Locale) -> Html:
    """Return what calls for somebody, or that nothing does."""
    if not found:
        return el("p", icon("OK"), say("board.calm"), class_="calls calls--none", data_calls=0)
    rows = (_notice(item, now, say) for item in found[:SHOWN])
    hidden = len(found) - SHOWN
    more = el("li", say("board.more", count=hidden), class_="more") if hidden > 0 else None
    return el("ol", *rows, more, class_="calls", data_calls=len(found), role="alert")


def _notice(item: Notice, now: datetime, say: Locale) -> Html:
    since = say.duration(now - item.since) if item.since else None
    counted = item.kind == "ledger"
    what = say(f"board.{item.kind}", count=item.detail)
    return el(
        "li",
        icon(SIGNS[item.kind]),
        el("b", item.machine),
        el("span", what),
        el("span", item.detail) if item.detail and not counted else None,
        el("span", since, class_="since") if since else None,
        data_kind=item.kind,
    )
