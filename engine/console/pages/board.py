"""The board: a big screen for the hall, readable in five seconds from three metres."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from nicegui import ui

from engine.console import board_page
from engine.console.feeds import kinds, of
from engine.console.live import LivePage
from engine.console.locale import Locale
from engine.console.markup import Html, el
from engine.console.notices import notices
from engine.console.page import Console, Page, Query
from engine.console.poller import Feed


def page(console: Console) -> Page:
    """Return the page of the whole line."""
    return Page("board", partial(_board, console))


def _board(console: Console, live: LivePage, say: Locale, _: Query) -> None:
    feeds, tiles, line = console.feeds, kinds(console.plant), console.plant.catalog().machines

    def strip() -> Html:
        machines, anomalies, counts = feeds.machines.value, feeds.anomalies.value, feeds.counts.value
        found = notices(line, console.now(), machines or {}, anomalies or {}, counts or {})
        return board_page.strip(found, console.now(), say)

    with ui.element("main").classes("board").style(f"--columns:{board_page.columns(len(tiles))}"):
        for name, kind in tiles.items():
            _tile(console, live, say, name, kind)
        if not tiles:
            ui.html(el("p", say("machines.none"), class_="empty"), sanitize=False)
    live.add(strip, feeds.progress, feeds.machines, feeds.anomalies, feeds.counts, classes="area-calls")


def _tile(console: Console, live: LivePage, say: Locale, name: str, kind: str) -> None:
    feeds = console.feeds

    def machine() -> Html:
        return board_page.machine(name, of(feeds.machines, name), console.now(), say)

    def rig() -> Html:
        return board_page.rig(name, of(feeds.anomalies, name), say)

    def station() -> Html:
        parts, counts = of(feeds.stations, name), of(feeds.counts, name)
        return board_page.station(name, of(feeds.machines, name), parts, counts, say)

    drawn: dict[str, tuple[Callable[[], Html], tuple[Feed[Any], ...]]] = {
        "machine": (machine, (feeds.machines, feeds.progress)),
        "rig": (rig, (feeds.anomalies,)),
        "station": (station, (feeds.machines, feeds.stations, feeds.counts)),
    }
    render, followed = drawn[kind]
    with ui.element("article").classes("board-tile") as article:
        article.props["data-machine"] = name
        live.add(render, *followed, classes="board-cell")
