"""Draw the way of the data: connectors and stations, log, shard, database, each with its figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.console.cluster_query import Store
from engine.console.icons import icon
from engine.console.locale import DASH, Locale, number, percent
from engine.console.markup import Html, el
from engine.console.vitals import Vital

SIGNS = {"good": "OK", "bad": "warning", "unknown": "no_data"}
FEW = 10
"""Rates below it are shown with a decimal."""


@dataclass(frozen=True, slots=True)
class Node:
    """One stage: how it is, its figure and what stands below."""

    name: str
    state: str
    figure: str
    unit: str
    notes: tuple[str, ...]


def chain(vitals: Sequence[Vital], store: Store | None, away: bool, say: Locale) -> Html:
    """Return all stages in the order in which data passes them."""
    of = {kind: [item for item in vitals if item.kind == kind] for kind in ("gateway", "appender", "shard")}
    stations = [item for item in vitals if item.kind == "station"]
    first = el("div", _draw(_sources(of["gateway"][0], say), say), _draw(_stations(stations, say), say))
    rest = (_log(of["appender"][0], say), _shard(of["shard"][0], say), _database(store, away, say))
    return el("div", first, *(_draw(node, say) for node in rest), class_="chain")


def _draw(node: Node, say: Locale) -> Html:
    notes = (el("small", note) for note in node.notes)
    return el(
        "section",
        el("h3", icon(SIGNS[node.state]), say(f"chain.{node.name}")),
        el("p", el("b", node.figure), " ", el("span", node.unit)),
        *notes,
        class_=f"node node--{node.state}",
        data_node=node.name,
    )


def state(vitals: Iterable[Vital]) -> str:
    """Return how processes are together: a silent one is unknown, one in trouble is bad."""
    items = list(vitals)
    if any(item.troubles or item.lagging for item in items):
        return "bad"
    return "good" if all(item.alive for item in items) else "unknown"


def rate(value: float | None) -> str:
    """Return a rate; a dash where it is not known."""
    if value is None:
        return DASH
    return f"{value:.1f}" if value < FEW else number(value)


def total(rates: Iterable[float | None]) -> float | None:
    """Return the sum of the rates that are known, None where none is."""
    known = [item for item in rates if item is not None]
    return sum(known) if known else None


def _sources(gateway: Vital, say: Locale) -> Node:
    sources = gateway.of("source")
    heard = sum(part.ok for part in sources) if gateway.alive else 0
    known = say("chain.sources.heard", count=heard, total=len(sources))
    readings = rate(total(gateway.rate("readings", part) for part in sources))
    return Node("sources", state([gateway]), readings, say("chain.sources.unit"), _notes(gateway, known, say))


def _notes(vital: Vital, known: str, say: Locale) -> tuple[str, ...]:
    """Return what is known of a process, or that nothing is."""
    return (known,) if vital.alive else (say(f"life.{vital.life}"),)


def _stations(stations: Sequence[Vital], say: Locale) -> Node:
    unit = say("chain.stations.unit")
    if not stations:
        return Node("stations", "good", DASH, unit, (say("chain.stations.none"),))
    cameras = [(item.alive and part.ok) for item in stations for part in item.of("camera")]
    note = say("chain.stations.cameras", count=sum(cameras), total=len(cameras))
    return Node(
        "stations", state(stations), rate(total(item.rate("captured") for item in stations)), unit, (note,)
    )


def _log(appender: Vital, say: Locale) -> Node:
    entries = rate(appender.rate("position"))
    notes = _notes(appender, say("chain.log.room", percent=fullness(appender)), say)
    return Node("log", state([appender]), entries, say("chain.log.unit"), notes)


def fullness(appender: Vital) -> str:
    """Return how much of its room the log uses."""
    used, limit = appender.counter("bytes"), appender.counter("limit_bytes")
    return DASH if used is None or not limit else percent(used / limit)


def _shard(shard: Vital, say: Locale) -> Node:
    behind = shard.counter("lag_s") if shard.alive else None
    backlog = say("chain.shard.backlog", count=number(shard.counter("lag_entries") or 0))
    return Node("shard", state([shard]), rate(behind), say("chain.shard.unit"), _notes(shard, backlog, say))


def _database(store: Store | None, away: bool, say: Locale) -> Node:
    if away or store is None:
        return Node(
            "database", "bad" if away else "unknown", say("chain.database.away") if away else DASH, "", ()
        )
    return Node("database", "good", say("chain.database.answers"), "", (level(store, say),))


def level(store: Store, say: Locale) -> str:
    """Return what kind of database it is."""
    return say(f"database.{store.level}", version=store.version)
