"""Draw what costs most first: bars from the largest down, and how far they add up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from engine.console.data import LOSSES, Oee, Stop
from engine.console.locale import Locale, number, percent
from engine.console.markup import Html, el

OEE_LOSSES = tuple(name for name in LOSSES if name not in ("unscheduled", "no_data", "planned_stop"))
"""Losses within planned busy time: these keep OEE below 100 %."""
ROWS = 6
"""So many causes are named; the others are added up."""
FIRST = 2
"""Row of the grid that the largest cause stands in, below the head."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One bar: what it is, the class that colours it, how long it lasted, how often, and a note."""

    name: str
    looks: str
    lasted: int
    times: int | None = None
    note: str = ""


def stops(found: Sequence[Stop], say: Locale) -> Html:
    """Return why a machine did not run, by the time that each reason cost."""
    causes = (
        Cause(
            item.reason or say(f"state.{item.state}"),
            f"sign--{item.state}",
            item.lasted,
            item.stops,
            say(
                "pareto.stops.note",
                state=say(f"state.{item.state}"),
                longest=say.microseconds(item.longest),
            ),
        )
        for item in found
    )
    return _section(say("pareto.stops"), causes, say("pareto.stops.none"), say)


def losses(oee: Oee, say: Locale) -> Html:
    """Return what keeps OEE below 100 %, the largest loss first."""
    lost = dict(zip(LOSSES, oee.losses, strict=True))
    causes = (Cause(say(f"loss.{name}"), f"loss--{name}", lost[name]) for name in OEE_LOSSES)
    return _section(say("pareto.losses"), causes, say("pareto.losses.none"), say)


def _section(title: str, causes: Iterable[Cause], none: str, say: Locale) -> Html:
    ranked = rank(causes, say)
    drawn = pareto(ranked, say) if ranked else el("p", none, class_="muted")
    return el("section", el("h3", title), drawn, class_="pareto-section")


def rank(causes: Iterable[Cause], say: Locale) -> list[Cause]:
    """Return causes that cost time, largest first; those beyond `ROWS` become one."""
    ranked = sorted((item for item in causes if item.lasted > 0), key=lambda item: -item.lasted)
    named, others = ranked[:ROWS], ranked[ROWS:]
    if not others:
        return named
    rest = sum(item.lasted for item in others)
    return [*named, Cause(say("pareto.others", count=len(others)), "loss--unscheduled", rest)]


def pareto(ranked: Sequence[Cause], say: Locale) -> Html:
    """Return a row for each cause: its bar, its time, and the share of all up to it."""
    total = sum(item.lasted for item in ranked)
    sums = [so_far / total for so_far in accumulate(item.lasted for item in ranked)]
    rows = (
        _row(place, item, total, so_far, say)
        for place, (item, so_far) in enumerate(zip(ranked, sums, strict=True), FIRST)
    )
    head = el("span", say("pareto.sum"), class_="sum sum-head")
    return el("div", head, *rows, _curve(sums), class_="pareto", style=f"--rows:{len(ranked)}")


def _row(place: int, item: Cause, total: int, so_far: float, say: Locale) -> Html:
    times = None if item.times is None else el("small", f" {number(item.times)}×")
    bar = el("i", class_=f"amount {item.looks}", style=f"width:{100 * item.lasted / total:.2f}%")
    return el(
        "div",
        el("span", item.name, times, class_="name"),
        el("span", bar, class_="track"),
        el("span", say.microseconds(item.lasted), class_="time"),
        el("span", percent(so_far, 0), class_="sum"),
        class_="cause",
        style=f"--row:{place}",
        title=item.note or None,
        data_cause=item.name,
    )


def _curve(sums: Sequence[float]) -> Html:
    """Return the line of sums over the bars."""
    points = [f"{100 * share:.2f},{place + 0.5}" for place, share in enumerate(sums)]
    return el(
        "svg",
        el("polyline", points=" ".join(points)),
        el("path", d="".join(f"M{point}h0" for point in points)),
        viewBox=f"0 0 100 {len(sums)}",
        preserveAspectRatio="none",
        class_="sums",
        aria_hidden="true",
    )
