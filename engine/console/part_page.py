"""Draw everything about a serial: every verdict with its pictures, the line then, frames, versions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from engine.console import station_page
from engine.console.around import line
from engine.console.data import StationNow
from engine.console.explanation import explanation
from engine.console.icons import icon
from engine.console.locale import DASH, Locale
from engine.console.markup import Html, el, join
from engine.console.part_query import ATTEMPTS, Attempt, Frame, Trace
from engine.console.poller import Feed
from engine.plant import StationSection
from engine.recipe import holds

Names = Mapping[str, str]
"""Hash of a model -> its name."""


def sentence(serial: str, feed: Feed[Trace], say: Locale) -> Html:
    """Return in one sentence why there is nothing to see; nothing when there is."""
    if not serial:
        return _says(say("part.ask"))
    if feed.value is None and feed.away_since is not None:
        since = say.clock(datetime.fromtimestamp(feed.away_since, UTC))
        return _says(say("part.away", serial=serial, since=since))
    if feed.value is None:
        return _says(say("part.looking", serial=serial))
    return Html("") if feed.value.attempts else _says(say("part.unknown", serial=serial))


def _says(words: str) -> Html:
    return el("p", words, class_="empty", role="status")


def history(trace: Trace | None, say: Locale) -> Html:
    """Return every verdict in a line, newest first; each leads to its place on the page."""
    if trace is None or not trace.attempts:
        return Html("")
    items = (_verdict(index, item, say) for index, item in enumerate(trace.attempts))
    more = el("p", say("part.more", count=ATTEMPTS), class_="muted") if trace.more else None
    count = say("history.count", count=len(trace.attempts))
    title = el("h1", trace.serial, el("small", trace.attempts[0].part.part_number))
    heading = el("h2", say("history"), "" if trace.more else el("small", count))
    return el("section", title, heading, el("ol", *items, class_="verdicts"), more, class_="card history")


def _verdict(index: int, attempt: Attempt, say: Locale) -> Html:
    part = attempt.part
    return el(
        "li",
        el(
            "a",
            icon(part.outcome),
            el("b", say(f"outcome.{part.outcome}")),
            el("span", say.date(part.ts)),
            el("span", attempt.station),
            el("span", f"{say('part.attempt')} {part.attempt}"),
            el("span", say.reason(part.reason), class_="why"),
            href=f"#verdict-{index}",
        ),
        class_=f"told told--{part.outcome}",
    )


def attempts(
    trace: Trace | None, stations: Iterable[StationSection], names: Names, now: datetime, say: Locale
) -> Html:
    """Return every verdict in full."""
    sections = {section.name: section for section in stations}
    found = trace.attempts if trace else ()
    return join(
        _attempt(index, item, sections.get(item.station), names, now, say) for index, item in enumerate(found)
    )


def _attempt(
    index: int, attempt: Attempt, section: StationSection | None, names: Names, now: datetime, say: Locale
) -> Html:
    seen = StationNow((attempt.part,), attempt.pictures)
    known = section or StationSection(name=attempt.station, cameras=[])
    drawn = [station_page.pictures(seen, known, say)]
    if not told(attempt) and not holds(known, attempt.part.recipe):
        drawn.append(el("p", icon("info"), say("limits.today"), class_="limits"))
    return el(
        "article",
        el("div", *drawn, class_="attempt-picture"),
        el(
            "div",
            station_page.verdict(seen, attempt.station, say),
            _facts(attempt, say),
            explanation(attempt, say),
            versions(attempt, names, say),
            class_="attempt-words",
        ),
        el("div", line(attempt, now, say), frames(attempt.frames, say), class_="attempt-rest"),
        class_="attempt",
        id=f"verdict-{index}",
    )


def told(attempt: Attempt) -> bool:
    """Say whether every finding tells what its rule said of it, so that the colours are those of then."""
    return all(item.judged for picture in attempt.pictures for item in picture.findings)


def _facts(attempt: Attempt, say: Locale) -> Html:
    facts = {say("part.time"): say.date(attempt.part.ts), say("part.counts"): attempt.machine}
    facts |= {say(f"part.{name}"): _said(name, told, say) for name, told in attempt.identity}
    pairs = (el("div", el("dt", name), el("dd", fact)) for name, fact in facts.items())
    return el("dl", *pairs, class_="card facts")


def _said(name: str, told: str, say: Locale) -> str:
    """Return what was said of a part, in the reader's words where it is one of ours."""
    words = {"line_answer": f"outcome.{told}", "serial_source": f"source_of.{told}"}
    return say(words[name]) if name in words else told


def versions(attempt: Attempt, names: Names, say: Locale) -> Html:
    """Return what the verdict was decided with: every hash in full, the model by its name too."""
    part = attempt.part
    hashes = [(say(f"versions.{name}"), getattr(part, name)) for name in ("model", "preprocessing", "recipe")]
    hashes += [(say("versions.frame"), item.frame_hash or "") for item in attempt.pictures]
    pairs = (
        el("div", el("dt", name, _named(names.get(digest))), el("dd", digest or DASH))
        for name, digest in hashes
    )
    return el("section", el("h2", say("versions")), el("dl", *pairs, class_="hashes"), class_="card")


def _named(name: str | None) -> Html | None:
    return el("b", f" {name}") if name else None


def frames(entries: Iterable[Frame], say: Locale) -> Html:
    """Return the ledger's entries: how every frame of the part ended."""
    rows = [_frame(item, say) for item in entries]
    body = rows or [el("p", say("frames.none"), class_="muted")]
    return el("section", el("h2", say("frames")), *body, class_="card frames")


def _frame(frame: Frame, say: Locale) -> Html:
    same = frame.first == frame.last
    ended = say(f"ledger.{frame.outcome}") + (f" ({frame.reason})" if frame.reason else "")
    size = f"{frame.width} × {frame.height}" if frame.width and frame.height else ""
    measures = [
        f"{say.measure(name)} {round(value, 3):g}"
        for name, value in (frame.quality or {}).items()
        if value is not None
    ]
    facts = {
        say("frame.camera"): f"{frame.camera} · {frame.view}",
        say("frame.number"): say(
            "frame.run" if same else "frame.runs", run=frame.run, first=frame.first, last=frame.last
        ),
        say("frame.time"): say.date(frame.ts),
        say("frame.ended"): ended,
        say("frame.quality"): " · ".join([size, *measures] if size else measures),
    }
    pairs = [el("div", el("dt", name), el("dd", fact)) for name, fact in facts.items() if fact]
    if frame.frame_hash:
        link = el("a", frame.frame_hash, href=f"/evidence/{quote(frame.frame_hash)}")
        pairs.append(el("div", el("dt", say("frame.bytes")), el("dd", link, class_="hash")))
    return el("dl", *pairs, class_="facts frame-entry", data_outcome=frame.outcome)
