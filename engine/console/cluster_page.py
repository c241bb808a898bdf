"""Draw how the plant's processes are: what needs attention, then stations, connectors, log, shard."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta

from engine.console import ledger
from engine.console.chain import level, rate
from engine.console.cluster_query import COUNTED, Store
from engine.console.handshake_card import handshake
from engine.console.icons import icon
from engine.console.locale import DASH, Locale, number
from engine.console.markup import Html, el, join
from engine.console.vitals import Vital, moment
from engine.health import Part
from engine.station_drift import WINDOW

SIGNS = {"alive": "OK", "silent": "warning", "missing": "no_data", "ended": "stop"}
ENDS = ("inspected", "dropped", "late", "unmatched")
"""What a captured frame can become; while a station runs, some are still under way."""
GIB, MIB = 1 << 30, 1 << 20


def headline(vitals: Sequence[Vital], away_since: float | None, now: int, say: Locale) -> Html:
    """Return in one line whether all is well, and below it every trouble with its beginning."""
    troubles = list(_troubles(vitals, say))
    if away_since is not None:
        since = _since(int(away_since * 1e6), now, say)
        troubles.append(_trouble(say("chain.database"), say("chain.database.away"), since))
    if not troubles:
        return el("div", icon("OK"), el("strong", say("cluster.well")), class_="headline headline--good")
    title = say("cluster.trouble", count=len(troubles))
    return el(
        "div",
        el("div", icon("warning"), el("strong", title), class_="headline headline--bad"),
        el("ul", *troubles, class_="troubles"),
        role="alert",
    )


def _troubles(vitals: Sequence[Vital], say: Locale) -> Iterator[Html]:
    for vital in vitals:
        if vital.life == "missing":
            yield _trouble(title(vital, say), say("life.unknown"), "")
        elif not vital.alive:
            since = _since(vital.record.updated if vital.record else 0, vital.now, say)
            yield _trouble(title(vital, say), say(f"life.{vital.life}"), since)
        if vital.lagging:
            behind = say("shard.lags", duration=_seconds(vital, "lag_s", say))
            yield _trouble(
                title(vital, say), behind, say("chain.shard.backlog", count=_count(vital, "lag_entries"))
            )
        # The console's own feeds ask the same database as its banner tells of.
        for part in vital.troubles if vital.kind != "console" else ():
            since = _since(part.since, vital.now, say)
            yield _trouble(f"{title(vital, say)} · {part.name}", say.trouble(part.trouble), since)


def _trouble(name: str, sentence: str, since: str) -> Html:
    return el("li", el("b", name), el("span", sentence), el("small", since))


def title(vital: Vital, say: Locale) -> str:
    """Return what a process is called."""
    return say(f"kind.{vital.kind}") if vital.kind != "station" else f"{say('title.station')} {vital.name}"


def _since(us: int, now: int, say: Locale) -> str:
    return say("cluster.since", time=_time(us, now, say), duration=_span(us, now, say))


def _time(us: int, now: int, say: Locale) -> str:
    ts, today = moment(us), moment(now)
    return say.clock(ts) if say.date(ts)[:10] == say.date(today)[:10] else say.date(ts)


def _span(us: int, now: int, say: Locale) -> str:
    return say.duration(timedelta(microseconds=now - us))


def _ago(us: int | None, vital: Vital, say: Locale) -> str:
    return say("cluster.never") if us is None else say("cluster.ago", age=_span(us, vital.now, say))


def age(vital: Vital, say: Locale) -> str:
    """Return of when a process's figures are, in one sentence; nothing while it runs."""
    if vital.record is None:
        return say("life.unknown")
    told, now = vital.record.updated, vital.now
    sentences = {
        "silent": say("life.old", time=_time(told, now, say), duration=_span(told, now, say)),
        "ended": say("life.over", time=_time(told, now, say)),
    }
    return sentences.get(vital.life, "")


def _section(vital: Vital, name: str, body: Sequence[Html], say: Locale) -> Html:
    """Return a card on one process: pale, with the reason, where its figures are not of now."""
    life = el("span", icon(SIGNS[vital.life]), say(f"life.{vital.life}"), class_=f"life life--{vital.life}")
    note = None if vital.alive else el("p", age(vital, say), class_="then")
    return el(
        "section",
        el("header", el("h2", name), life),
        note,
        *(body if vital.record else ()),
        class_=f"card vital vital--{vital.life}",
        data_vital=f"{vital.kind}-{vital.name}",
    )


def station(vital: Vital, say: Locale) -> Html:
    """Return a station: every camera with its health and ledger, its PLC, then evidence and log."""
    cameras = [_camera(vital, part, say) for part in vital.of("camera")]
    names = {"evidence": "evidence", "log": "to_log", "recipe": "recipe", "release": "release"}
    names |= {"model": "model", "shadow": "shadow", "drift": "drift"}
    needs = [part for part in vital.parts if vital.alive and part.kind in names]
    others = [_line(_well(names[part.kind], part, vital, say), part, vital, say) for part in needs]
    begun = vital.record.started if vital.record else 0
    since = el("p", say("camera.since", time=_time(begun, vital.now, say)), class_="muted")
    plcs = [handshake(vital, part, _line, say) for part in vital.of("handshake")]
    body = [*cameras, *plcs, since, el("div", *others, class_="needs")]
    return _section(vital, title(vital, say), body, say)


def _well(name: str, part: Part, vital: Vital, say: Locale) -> str:
    """Return the words of a part that is well; drift is not known before there is a reference."""
    learning = [frames for one in vital.of("drift_reference") for frames in one.counters.values()]
    if part.kind == "drift" and learning:
        return say("drift.learning", frames=int(min(learning)), all=WINDOW)
    return say(name)


def _camera(vital: Vital, part: Part, say: Locale) -> Html:
    ends = {name: int(part.counters.get(name, 0)) for name in ENDS}
    ends["under_way"] = int(part.counters.get("open", 0))
    facts = {
        say("camera.rate"): _rate(vital.rate("captured", part), say),
        say("camera.last"): _ago(part.moved, vital, say),
    }
    state = _line(say("camera.works") if part.ok else "", part, vital, say)
    row = ledger.row(part.name, int(part.counters.get("captured", 0)), ends, say)
    return el("div", row, state, _facts(facts), class_="camera-card", data_part=part.name)


def _line(well: str, part: Part, vital: Vital, say: Locale) -> Html:
    """Return a part's state in words: well, or its trouble, and since when."""
    if not vital.alive:
        return el("p", icon("no_data"), el("span", say("life.then")), class_="state-line unknown")
    words = well if part.ok else say.trouble(part.trouble)
    return el(
        "p",
        icon("OK" if part.ok else "warning"),
        el("span", words),
        el("small", _since(part.since, vital.now, say)),
        class_=f"state-line {'good' if part.ok else 'bad'}",
    )


def _rate(value: float | None, say: Locale) -> str:
    return DASH if value is None else say("cluster.per_s", rate=rate(value))


def _facts(facts: Mapping[str, str]) -> Html:
    pairs = (el("div", el("dt", name), el("dd", fact)) for name, fact in facts.items())
    return el("dl", *pairs, class_="facts")


def connectors(gateway: Vital, say: Locale) -> Html:
    """Return every connector: its state, its rates, what it could not read."""
    sources = [_source(gateway, part, say) for part in gateway.of("source")]
    body = sources or [el("p", say("connectors.none"), class_="muted")]
    return _section(gateway, say("connectors"), body, say)


def _source(gateway: Vital, part: Part, say: Locale) -> Html:
    counts = {
        name: number(part.counters.get(name, 0)) for name in ("readings", "rejects", "waiting", "failures")
    }
    facts = {
        say("source.rate"): _rate(gateway.rate("readings", part), say),
        **{say(f"source.{name}"): count for name, count in counts.items()},
        say("source.last"): _ago(part.moved, gateway, say),
    }
    line = _line(say("source.heard"), part, gateway, say)
    return el("div", el("h3", part.name), line, _facts(facts), class_="source", data_part=part.name)


def log(appender: Vital, say: Locale) -> Html:
    """Return the log: where it stands, how much room it has."""
    known = appender.record.counters if appender.record else {}
    used = say("log.of", used=size(known.get("bytes", 0)), limit=size(known.get("limit_bytes", 0)))
    facts = {
        say("log.position"): number(known.get("position", 0)),
        say("log.used"): used,
        say("log.free"): size(known.get("disk_free_bytes", 0)),
        say("log.needed"): number(known.get("position", 0) - known.get("consumed", 0)),
    }
    lines = [_line(say("all_well"), part, appender, say) for part in appender.of("log")]
    return _section(appender, say("log"), [*lines, _facts(facts)], say)


def size(count: float) -> str:
    """Return bytes in a unit that people read."""
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / MIB:.1f} MiB"


def shard(vital: Vital, store: Store | None, say: Locale) -> Html:
    """Return the shard: how far behind it is, and the database that it writes to."""
    facts = {
        say("shard.behind"): _seconds(vital, "lag_s", say),
        say("shard.backlog"): _count(vital, "lag_entries"),
        say("shard.position"): _count(vital, "position"),
        say("shard.commits"): _rate(vital.rate("commits"), say),
        say("shard.snapshot"): _seconds(vital, "snapshot_age_s", say, "cluster.ago"),
        say("shard.epoch"): _count(vital, "epoch"),
        say("shard.refused"): _count(vital, "refused"),
        say("database.level"): level(store, say) if store else DASH,
    }
    lines = [_line(say("chain.database"), part, vital, say) for part in vital.of("database")]
    return _section(vital, say("shard"), [*lines, _facts(facts), quarantine(store, say)], say)


def _count(vital: Vital, name: str) -> str:
    value = vital.counter(name)
    return DASH if value is None else number(value)


def _seconds(vital: Vital, name: str, say: Locale, key: str = "") -> str:
    value = vital.counter(name)
    if value is None:
        return DASH
    span = say.duration(timedelta(seconds=value))
    return say(key, age=span) if key else span


def quarantine(store: Store | None, say: Locale) -> Html:
    """Return what was rejected or came too late, by reason."""
    if store is None:
        return Html("")
    items = [el("span", f"{reason} ", el("b", number(count))) for reason, count in store.quarantine]
    if store.flooded:
        items.append(el("span", say("quarantine.more", count=number(COUNTED))))
    return el(
        "div",
        el("h3", say("quarantine")),
        el("p", *(items or [el("span", say("quarantine.none"))]), class_="muted"),
        class_="quarantine",
    )


def processes(vitals: Sequence[Vital], say: Locale) -> Html:
    """Return every process: whether it runs, since when, how often it began again."""
    rows = (_process(vital, say) for vital in vitals)
    return el("section", el("h2", say("processes")), el("div", join(rows), class_="processes"), class_="card")


def _process(vital: Vital, say: Locale) -> Html:
    record = vital.record
    facts = {
        say("process.started"): _time(record.started, vital.now, say) if record else DASH,
        say("process.restarts"): number(record.restarts) if record else DASH,
        say("process.pid"): str(record.pid) if record else DASH,
    }
    life = say(f"life.{vital.life}")
    if record and not vital.alive:
        life = f"{life}, {_since(record.updated, vital.now, say)}"
    return el(
        "div",
        el("span", icon(SIGNS[vital.life]), el("b", title(vital, say)), class_="name"),
        el("span", life, class_=f"life life--{vital.life}"),
        _facts(facts),
        class_="process",
        data_process=f"{vital.kind}-{vital.name}",
        data_life=vital.life,
    )
