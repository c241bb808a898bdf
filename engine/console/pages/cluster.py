"""The cluster page: rates, backlog, the frame ledger, and the health of everything that must run."""

from __future__ import annotations

from functools import partial

from nicegui import ui

from engine.console import cluster_page
from engine.console.chain import chain
from engine.console.cluster_query import Rows, Store, store
from engine.console.feeds import plant_time
from engine.console.live import LivePage
from engine.console.locale import Locale
from engine.console.markup import Html
from engine.console.page import Console, Page, Query
from engine.console.poller import Feed
from engine.console.vitals import Vital, Vitals, processes


def page(console: Console) -> Page:
    """Return the page; it lives on health records, so it goes on when the database is away."""
    plant = console.plant

    def read(db: Rows) -> Store:
        return store(db, plant.tenant, plant_time(plant, db))

    feed = Feed("store", read, 2.0)
    return Page("cluster", partial(_cluster, console, Vitals(console.home.health), feed), (feed,))


def _cluster(
    console: Console, vitals: Vitals, feed: Feed[Store], live: LivePage, say: Locale, _: Query
) -> None:
    plant = console.plant

    def all_() -> list[Vital]:
        return processes(plant, vitals)

    def headline() -> Html:
        return cluster_page.headline(all_(), feed.away_since, vitals.clock(), say)

    def station(name: str) -> Html:
        return cluster_page.station(vitals.of("station", name), say)

    live.add(headline)
    live.add(lambda: chain(all_(), feed.value, feed.away_since is not None, say))
    with ui.element("div").classes("cluster"):
        with ui.element("div").classes("cluster-column"):
            for section in plant.stations:
                live.add(partial(station, section.name))
            live.add(lambda: cluster_page.processes(all_(), say))
        with ui.element("div").classes("cluster-column"):
            live.add(lambda: cluster_page.connectors(vitals.of("gateway", plant.shard), say))
            live.add(lambda: cluster_page.log(vitals.of("appender", plant.shard), say))
            live.add(lambda: cluster_page.shard(vitals.of("shard", plant.shard), feed.value, say))
