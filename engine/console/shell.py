"""Draw what frames every page: the head with the plant's time, and banners that keep the page honest."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from engine.console.data import Progress
from engine.console.icons import icon
from engine.console.locale import Locale
from engine.console.markup import Html, el, join
from engine.console.poller import Feed
from engine.console.texts import LANGUAGES
from engine.plant import Plant

FRESH = 2.0
"""Data younger than so many seconds is called live."""
STALE = 5.0
"""Older data is announced by a banner."""


@dataclass(frozen=True, slots=True)
class Pulse:
    """How old the data is that a page shows, and since when the database is away."""

    progress: Progress | None
    age: float
    away_since: datetime | None
    away_for: float

    @property
    def stale(self) -> bool:
        """Return whether the reader must be told."""
        return self.progress is None or self.away_since is not None or self.age > STALE


def pulse(feed: Feed[Progress | None], wall: datetime, others: Iterable[Feed[Any]] = ()) -> Pulse:
    """Judge the feed of the shard's progress, and those that a page shows beside it, at a wall time."""
    age = feed.value.age + feed.since_read() if feed.value is not None else 0.0
    away = [item.away_since for item in (feed, *others) if item.away_since is not None]
    if not away:
        return Pulse(feed.value, age, None, 0.0)
    since = datetime.fromtimestamp(min(away), UTC)
    return Pulse(feed.value, age, since, (wall - since).total_seconds())


def link(path: str, query: dict[str, str]) -> str:
    """Return an address within the console.

    >>> link("/station", {"lang": "zh"})
    '/station?lang=zh'
    """
    return f"{path}?{urlencode(query)}" if query else path


def part_link(serial: str, say: Locale) -> str:
    """Return the address of everything about a serial."""
    return link(f"/part/{quote(serial, safe='')}", {} if say.language == "en" else {"lang": say.language})


def search(say: Locale, serial: str = "") -> Html:
    """Return the box in which a serial is looked for."""
    tongue = None
    if say.language != "en":
        tongue = el("input", type="hidden", name_="lang", value=say.language)
    words = say("part.search")
    field = el(
        "input",
        type="search",
        name_="serial",
        value=serial or None,
        placeholder=words,
        aria_label=words,
        required=True,
        autocomplete="off",
    )
    return el("form", field, tongue, action="/part", method="get", class_="search", role="search")


def head(
    plant: Plant, pages: Iterable[str], page: str, query: Mapping[str, str], say: Locale, path: str = ""
) -> Html:
    """Return the name of the house and the plant, and the way to ``pages`` and to other languages.

    ``path`` is the page's own address where it is not ``/page``.
    """
    tongue = {} if say.language == "en" else {"lang": say.language}
    ways = (
        el(
            "a",
            say(f"title.{name}"),
            href=link(f"/{name}", tongue),
            aria_current="page" if name == page else None,
        )
        for name in pages
    )
    tongues = (
        el("a", name, href=link(path or f"/{page}", {"lang": code, **query}), lang=code, hreflang=code)
        for code, name in LANGUAGES.items()
        if code != say.language
    )
    toggle = el(
        "button", icon("theme"), type="button", class_="theme", title=say("theme"), aria_label=say("theme")
    )
    return el(
        "div",
        el("a", icon("mark", "mark"), el("b", "Seamline"), href=link("/", tongue), class_="brand"),
        el("span", plant.name, class_="plant"),
        el("nav", *ways),
        el("div", search(say), *tongues, toggle, class_="tools"),
        class_="head",
    )


def station_choice(names: list[str], chosen: str | None, say: Locale) -> Html:
    """Return the way to one station of several, or to all."""
    tongue = {} if say.language == "en" else {"lang": say.language}
    links = [
        (say("station.all"), tongue, None),
        *((name, tongue | {"station": name}, name) for name in names),
    ]
    return el(
        "nav",
        *(
            el("a", text, href=link("/station", query), aria_current="page" if name == chosen else None)
            for text, query, name in links
        ),
        class_="choice",
    )


def time_line(plant: Plant, now: Pulse, say: Locale) -> Html:
    """Return the plant's time and how fresh the data is."""
    chips = []
    if plant.replay is not None:
        chips.append(el("span", say("replay", speed=f"{plant.replay.speed:g}"), class_="chip"))
    if now.progress is None:
        return el("div", *chips, class_="time-line")
    clock = el("b", say.date(now.progress.clock), class_="clock", title=say("plant_time"))
    age = say.duration(timedelta(seconds=now.age))
    quick = now.age < FRESH and not now.stale
    fresh = say("live") if quick else say("as_of", time=say.clock(now.progress.clock), age=age)
    dot = el("span", el("i", class_="dot"), fresh, class_="fresh" if quick else "fresh fresh--old")
    return el("div", clock, *chips, dot, class_="time-line", data_age=int(now.age))


def banners(plant: Plant, now: Pulse, say: Locale) -> Html:
    """Return what the reader must know before trusting the page; nothing when all is well."""
    notes = [_staleness(plant, now, say)] if now.stale else []
    if plant.simulated:
        notes.append(el("div", icon("info"), el("span", say("simulated")), class_="banner banner--note"))
    return join(notes)


def _staleness(plant: Plant, now: Pulse, say: Locale) -> Html:
    as_of = say.date(now.progress.clock) if now.progress else say("never")
    age = say.duration(timedelta(seconds=now.age))
    if now.away_since is not None:
        away = say.duration(timedelta(seconds=now.away_for))
        title = say("away.title", since=say.clock(now.away_since), age=away)
        body = say("away.body", time=as_of) if now.progress else say("away.nothing")
        return _alarm("away", title, body)
    if now.progress is None:
        return _alarm("waiting", say("waiting.title"), say("waiting.body", shard=plant.shard))
    return _alarm("stale", say("stale.title", age=age), say("stale.body", shard=plant.shard, time=as_of))


def _alarm(kind: str, title: str, body: str) -> Html:
    words = el("span", el("b", title), " ", body)
    return el("div", icon("warning"), words, class_=f"banner banner--{kind}", data_banner=kind, role="alert")
