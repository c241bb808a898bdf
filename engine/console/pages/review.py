"""The review page, ``/review``: one part after another, decided by a person who says why."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import psycopg
from nicegui import run, ui

from engine import review
from engine.console import review_page
from engine.console.feeds import UNSEEN
from engine.console.live import LivePage
from engine.console.locale import Locale
from engine.console.markup import Html, el
from engine.console.page import Console, Page, Query
from engine.console.poller import Feed
from engine.console.review_query import Rows, Waiting, waiting
from engine.review import Decision, ReviewError
from engine.store.errors import StoreError
from vision import registry
from vision.judge import FEATURES
from vision.registry import ModelError

EVERY = 2.0


def page(console: Console) -> Page:
    """Return the page of what waits for a decision."""

    def read(db: Rows) -> tuple[Waiting, ...]:
        return waiting(db, console.plant.tenant)

    feed = Feed("review", read, EVERY, unseen=UNSEEN)
    return Page("review", partial(_review, console, feed), (feed,))


@dataclass(slots=True)
class Desk:
    """One person's desk: what was decided here is gone before the database says so."""

    feed: Feed[tuple[Waiting, ...]]
    done: set[tuple[str, str, int]] = field(default_factory=set)

    @property
    def waiting(self) -> list[Waiting]:
        """Return what is still to be decided."""
        return [item for item in self.feed.value or () if item.key not in self.done]

    @property
    def item(self) -> Waiting | None:
        """Return the part at hand."""
        return next(iter(self.waiting), None)


def _review(console: Console, feed: Feed[tuple[Waiting, ...]], live: LivePage, say: Locale, _: Query) -> None:
    desk, stations = Desk(feed), console.plant.stations
    with ui.element("main").classes("desk"):
        live.add(lambda: _drawn(feed, review_page.picture(desk.item, stations, say)))
        with ui.element("div").classes("card decide"):
            live.add(lambda: _drawn(feed, review_page.facts(desk.item, say)))
            _form(console, desk, live, say)
        with ui.element("div").classes("card next"):
            ui.html(el("h2", say("review.next")), sanitize=False)
            live.add(lambda: _drawn(feed, review_page.queue(desk.waiting[1:], say)))
    ui.html(el("p", say("review.about"), class_="muted about"), sanitize=False)


def _drawn(feed: Feed[tuple[Waiting, ...]], html: Html) -> Html:
    """Say that a page shows the feed: what is decided here changes what is drawn without it."""
    feed.look()
    return html


def _form(console: Console, desk: Desk, live: LivePage, say: Locale) -> None:
    person = ui.input(say("review.person")).props("outlined dense")
    reason = ui.input(say("review.reason")).props("outlined dense")
    known = _labels(console, say)
    label = ui.select(known, label=say("review.label"), clearable=True).props("outlined dense")

    async def decide(said: str) -> None:
        item = desk.item
        if item is None:
            return
        station, serial, _ = item.key
        told = Decision(serial, said, person.value, reason.value, label.value or "", (), station)
        try:
            await run.io_bound(review.decide, console.dsn, console.plant.tenant, told)
        except ReviewError:
            ui.notify(say("review.say_why"), type="warning")
        except (psycopg.Error, StoreError):
            ui.notify(say("review.away"), type="negative")
        else:
            desk.done.add(item.key)
            reason.value, label.value = "", None
            live.refresh()

    with ui.element("div").classes("buttons"):
        for said in ("OK", "NG"):
            button = ui.button(say(f"review.{said}"), on_click=partial(decide, said), color=None)
            button.props["data-decide"] = said
            button.props("unelevated no-caps")


def _labels(console: Console, say: Locale) -> dict[str, str]:
    """Return the defects that the models of the plant's stations know, as people call them."""
    found: dict[str, str] = {}
    for section in console.plant.stations:
        try:
            classes = registry.find(section.model, (console.home.models,)).classes if section.model else ()
        except ModelError:
            continue  # the cluster page says so
        found |= {name: say.label(name) for name in classes if name not in FEATURES}
    return found
