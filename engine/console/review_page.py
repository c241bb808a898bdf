"""Draw the queue of parts that wait for a person: the part at hand, why it waits, and what comes after."""

from __future__ import annotations

from collections.abc import Iterable

from engine.console import station_page
from engine.console.data import StationNow
from engine.console.icons import icon
from engine.console.locale import Locale, percent
from engine.console.markup import Html, el, join
from engine.console.review_query import Waiting
from engine.console.shell import part_link
from engine.plant import StationSection


def picture(item: Waiting | None, stations: Iterable[StationSection], say: Locale) -> Html:
    """Return the pictures of the part at hand; in one sentence why there is none."""
    if item is None:
        return el("p", say("review.empty"), class_="empty", role="status")
    known = {section.name: section for section in stations}
    section = known.get(item.station) or StationSection(name=item.station, cameras=[])
    return station_page.pictures(StationNow((item.part,), item.pictures), section, say)


def facts(item: Waiting | None, say: Locale) -> Html:
    """Return which part it is, what was said of it and why a person should look."""
    if item is None:
        return Html("")
    part = item.part
    known = {
        say("review.station"): item.station,
        say("review.captured"): say.date(part.ts),
        say("review.uncertainty"): percent(item.uncertainty),
        say("review.novelty"): percent(item.novelty),
    }
    pairs = (el("div", el("dt", name), el("dd", fact)) for name, fact in known.items())
    link = el("a", part.serial, href=part_link(part.serial, say))
    word = el("b", say(f"outcome.{part.outcome}"))
    told = el("p", icon(part.outcome), word, class_=f"said said--{part.outcome}")
    reason = el("p", say.reason(part.reason), class_="reason")
    listed = el("dl", *pairs, class_="facts")
    return el("section", el("h1", link), told, reason, listed, data_serial=part.serial)


def queue(items: Iterable[Waiting], say: Locale) -> Html:
    """Return the parts that come after, in their order."""
    return el("ol", join(_row(item, say) for item in items), class_="waiting")


def _row(item: Waiting, say: Locale) -> Html:
    part = item.part
    share = min(1.0, (item.uncertainty + item.novelty) / 2)
    bar = el("i", style=f"--share:{share:.3f}", title=say("review.priority"))
    words = el("span", el("b", part.serial), el("small", say.reason(part.reason)))
    kind = f"wait wait--{part.outcome}"
    return el("li", icon(part.outcome), words, bar, class_=kind, data_waiting=part.serial)
