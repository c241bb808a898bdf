"""The machines page: states, OEE, losses and stops of the current shift."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from engine.console import machines_page
from engine.console.data import MachineNow
from engine.console.feeds import kinds, of
from engine.console.live import LivePage
from engine.console.locale import Locale
from engine.console.markup import Html, el
from engine.console.page import Console, Page, Query


def page(console: Console) -> Page:
    """Return the page of all machines."""
    return Page("machines", partial(_machines, console))


def _machines(console: Console, live: LivePage, say: Locale, _: Query) -> None:
    for name, kind in kinds(console.plant).items():
        _machine(console, live, say, name, kind)
    if not kinds(console.plant):
        ui.html(el("p", say("machines.none"), class_="empty"), sanitize=False)


def _machine(console: Console, live: LivePage, say: Locale, name: str, kind: str) -> None:
    feeds = console.feeds
    both = (feeds.machines, feeds.progress)

    def machine() -> MachineNow | None:
        return of(feeds.machines, name)

    def heading() -> Html:
        return machines_page.heading(name, kind, machine(), console.now(), say)

    def shift() -> Html:
        return machines_page.shift(kind, machine(), of(feeds.anomalies, name), console.now(), say)

    with ui.element("article").classes(f"machine machine--{kind} card") as article:
        article.props["data-machine"] = name
        live.add(heading, *both, classes="area-heading")
        live.add(lambda: machines_page.ratios(kind, machine(), say), feeds.machines, classes="area-ratios")
        live.add(shift, *both, feeds.anomalies, classes="area-shift")
        live.add(lambda: machines_page.losses(kind, machine(), say), feeds.machines, classes="area-losses")
        live.add(lambda: machines_page.paretos(kind, machine(), say), feeds.machines, classes="area-paretos")
