"""The part page, ``/part/SERIAL``: everything about a serial on one page."""

from __future__ import annotations

from functools import cache, partial

from nicegui import ui

from engine.console import part_page, shell
from engine.console.feeds import kinds
from engine.console.live import LivePage
from engine.console.locale import Locale
from engine.console.page import Console, Page, Query
from engine.console.part_query import Rows, Trace, trace
from engine.console.poller import Feed, ask
from engine.paths import Home
from vision import registry

EVERY = 3.0
"""Seconds after which a serial is looked up again: it may be inspected once more meanwhile."""


def page(console: Console) -> Page:
    """Return the page; without a serial it asks for one."""
    return Page("part", partial(_part, console), below="/{serial:path}")


def _part(console: Console, live: LivePage, say: Locale, query: Query) -> None:
    plant, serial = console.plant, query["serial"].strip()
    machines = list(kinds(plant))

    def read(db: Rows) -> Trace:
        return trace(db, plant.tenant, serial, machines)

    feed = Feed(f"part {serial}", read)
    if serial:
        live.ask(partial(ask, console.pool, feed), EVERY)
    ui.html(shell.search(say, serial), sanitize=False).classes("part-search")
    live.add(lambda: part_page.sentence(serial, feed, say))
    live.add(lambda: part_page.history(feed.value, say), feed)
    live.add(
        lambda: part_page.attempts(feed.value, plant.stations, model_names(console.home), console.now(), say),
        feed,
    )


@cache
def model_names(home: Home) -> dict[str, str]:
    """Return the names of the models that are here, by their hash."""
    folders = [folder for place in (home.models, registry.SHIPPED) for folder in place.glob("*/")]
    names = {}
    for folder in folders:
        try:
            found = registry.load(folder)
        except registry.ModelError:
            continue  # what cannot be used has judged nothing that could be named here
        names[found.hash] = found.name
    return names
