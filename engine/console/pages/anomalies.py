"""The anomalies page: how unusual each machine is, when it was, and which tags explain it."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from engine.console import anomalies_page
from engine.console.data import Scores
from engine.console.feeds import of
from engine.console.live import LivePage
from engine.console.locale import Locale
from engine.console.markup import Html, el
from engine.console.page import Console, Page, Query
from engine.plant import Plant


def page(console: Console) -> Page:
    """Return the page of all machines with a watched tag."""
    return Page("anomalies", partial(_anomalies, console))


def watched(plant: Plant) -> list[str]:
    """Return the machines whose anomaly score looks at a tag."""
    return [machine.name for machine in plant.machines if any(tag.detect for tag in machine.tags)]


def _anomalies(console: Console, live: LivePage, say: Locale, _: Query) -> None:
    for name in watched(console.plant):
        _machine(console, live, say, name)
    if not watched(console.plant):
        ui.html(el("p", say("anomalies.unwatched"), class_="empty"), sanitize=False)
    ui.html(el("p", say("anomalies.about"), class_="muted about"), sanitize=False)


def _machine(console: Console, live: LivePage, say: Locale, name: str) -> None:
    scores = console.feeds.anomalies

    def found() -> Scores | None:
        return of(scores, name)

    def heading() -> Html:
        return anomalies_page.heading(name, found(), say)

    with ui.element("article").classes("anomalous card") as article:
        article.props["data-machine"] = name
        live.add(heading, scores, classes="area-heading")
        live.add(lambda: anomalies_page.chart(found(), say), scores, classes="area-chart")
        live.add(lambda: anomalies_page.alarms(found(), say), scores, classes="area-alarms")
