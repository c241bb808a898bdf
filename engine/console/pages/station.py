"""The station page: each part judged, live."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from engine.console import shell, station_page
from engine.console.data import Counts, StationNow
from engine.console.feeds import of
from engine.console.live import LivePage
from engine.console.locale import Locale
from engine.console.markup import Html, el
from engine.console.page import Console, Page, Query
from engine.console.release_banner import banner
from engine.plant import StationSection
from engine.recipe import sections_of


def page(console: Console) -> Page:
    """Return the page; ``?station=NAME`` chooses one of several."""
    return Page("station", partial(_stations, console))


def _stations(console: Console, live: LivePage, say: Locale, query: Query) -> None:
    sections, chosen = console.plant.stations, query.get("station")
    if len(sections) > 1:
        ui.html(shell.station_choice([section.name for section in sections], chosen, say), sanitize=False)
    shown = [section for section in sections if chosen in (None, section.name)]
    for section in shown:
        _station(console, live, say, section)
    if not shown:
        text = say("station.unknown", name=chosen) if chosen and sections else say("station.none")
        ui.html(el("p", text, class_="empty"), sanitize=False)


def standing(console: Console, found: StationNow | None, section: StationSection, say: Locale) -> Html:
    """Return why a station's verdicts do not count now; nothing when they do."""
    masters = (master for recipe in sections_of(section, console.plant) for master in recipe.masters)
    return banner(found.release if found else None, tuple(masters), console.now(), say)


def _station(console: Console, live: LivePage, say: Locale, section: StationSection) -> None:
    feeds, name = console.feeds, section.name

    def now() -> StationNow | None:
        return of(feeds.stations, name)

    def counts() -> Counts | None:
        return of(feeds.counts, name)

    with ui.element("article").classes("station") as article:
        article.props["data-station"] = name
        live.add(lambda: standing(console, now(), section, say), feeds.stations, classes="area-release")
        live.add(lambda: station_page.verdict(now(), name, say), feeds.stations, classes="area-verdict")
        live.add(lambda: station_page.pictures(now(), section, say), feeds.stations, classes="area-picture")
        live.add(lambda: station_page.strip(now(), say), feeds.stations, classes="area-strip")
        live.add(lambda: station_page.counts(counts(), say), feeds.counts, classes="area-counts")
        live.add(lambda: station_page.ledger(counts(), say), feeds.counts, classes="area-ledger")
        live.add(lambda: station_page.versions(now(), say), feeds.stations, classes="area-versions")
