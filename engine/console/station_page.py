"""Draw an inspection station: the newest part large, then counts, the last parts, the frame ledger."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from engine.console import labels, shell
from engine.console.data import Balance, Counts, Finding, Part, Picture, StationNow, Tally
from engine.console.icons import icon
from engine.console.ledger import row as ledger_row
from engine.console.locale import DASH, Locale, number, percent, short
from engine.console.markup import Html, el, join
from engine.plant import StationSection
from vision.judge import ANOMALY, FEATURES

TILES = (("good", "OK"), ("reject", "NG"), ("review", "REVIEW"))
MEANINGS = {"reject": "defect", "review": "doubt"}
"""What a rule says of a finding, where the page calls it otherwise."""
LINE = 30
"""A label's letters are this many times smaller than the picture."""


def verdict(now: StationNow | None, station: str, say: Locale) -> Html:
    """Return the newest verdict, readable from three metres."""
    if not (now and now.parts):
        waiting = el("p", say("part.none"), class_="reason")
        return el("div", el("span", station, class_="where"), waiting, class_="verdict verdict--none")
    part = now.parts[0]
    return el(
        "div",
        el(
            "div",
            icon(part.outcome, "verdict-icon"),
            el("strong", say(f"outcome.{part.outcome}"), class_="verdict-word"),
            class_="verdict-line",
        ),
        el("p", say.reason(part.reason), class_="reason"),
        _facts(part, station, say),
        class_=f"verdict verdict--{part.outcome}",
        data_outcome=part.outcome,
        data_serial=part.serial,
        role="status",
    )


def _facts(part: Part, station: str, say: Locale) -> Html:
    facts = {
        "part.serial": el("a", part.serial, href=shell.part_link(part.serial, say)),
        "title.station": station,
        "part.number": part.part_number,
        "part.time": say.clock(part.ts),
        "part.attempt": str(part.attempt) if part.attempt > 1 else "",
    }
    pairs = (el("div", el("dt", say(key)), el("dd", fact)) for key, fact in facts.items() if fact)
    return el("dl", *pairs, class_="facts")


def pictures(now: StationNow | None, station: StationSection, say: Locale) -> Html:
    """Return the newest part's pictures with the findings drawn on them."""
    if not (now and now.pictures):
        return el("div", el("p", say("picture.none")), class_="picture picture--none")
    drawn = (_picture(item, now.parts[0], station, say) for item in now.pictures)
    return el("div", *drawn, class_="views", data_views=len(now.pictures))


def _picture(picture: Picture, part: Part, station: StationSection, say: Locale) -> Html:
    caption = say("picture.of", serial=part.serial, camera=picture.camera, view=picture.view)
    if not (picture.frame_hash and picture.width and picture.height):
        missing = el("p", icon("warning"), say("picture.unreadable"))
        return el("figure", missing, class_="picture picture--none", title=caption)
    width, height = picture.width, picture.height
    findings = el(
        "svg",
        *_boxes(picture, station, say),
        viewBox=f"0 0 {width} {height}",
        class_="findings",
        role="img",
        aria_label=caption,
    )
    image = el("img", src=f"/evidence/{picture.frame_hash}", alt=caption)
    frame = el("div", image, findings, class_="frame", style=f"--ratio:{width / height:.5f}")
    place = el("span", f"{picture.camera} · {picture.view}")
    return el("figure", frame, el("figcaption", place, _key(picture, station, say)), class_="picture")


def _key(picture: Picture, station: StationSection, say: Locale) -> Html:
    """Return what the colours of the boxes mean."""
    seen = {meaning(item, station) for item in picture.findings}
    meanings = (name for name in ("defect", "doubt", "accepted", "feature", "faint") if name in seen)
    signs = [el("span", el("i"), say(f"legend.{name}"), class_=name) for name in meanings]
    return el("span", *signs, say("picture.clean") if not seen else None, class_="key")


def meaning(finding: Finding, station: StationSection) -> str:
    """Return whether a finding is a feature, a defect, in doubt, within its limits or too faint to count.

    Where nobody told what its rule said, today's bands do.
    """
    if finding.judged:
        return MEANINGS.get(finding.judged, finding.judged)
    if finding.label in FEATURES:
        return "feature"
    unnamed = finding.label == ANOMALY
    rejects = station.anomaly_reject_above if unnamed else station.reject_above
    if rejects is not None and finding.score >= rejects:
        return "defect"
    return "doubt" if unnamed or finding.score >= station.review_above else "faint"


def _boxes(picture: Picture, station: StationSection, say: Locale) -> Iterator[Html]:
    size = max(picture.width, picture.height) / LINE
    names = [f"{say.label(item.label)} {item.score:.2f}" for item in picture.findings]
    boxes = [item.box for item in picture.findings]
    placed = labels.place(list(zip(names, boxes, strict=True)), size, (picture.width, picture.height))
    for finding, label in zip(picture.findings, placed, strict=True):
        x0, y0, x1, y1 = finding.box
        code = f" · ISO 6520-1 {finding.iso6520}" if finding.iso6520 else ""
        yield el(
            "g",
            el("title", label.text + code),
            el("rect", x=x0, y=y0, width=max(0, x1 - x0), height=max(0, y1 - y0), rx=size / 6),
            el("text", label.text, x=label.x, y=label.y, font_size=size),
            class_=f"finding finding--{meaning(finding, station)}",
            data_label=finding.label,
        )


def strip(now: StationNow | None, say: Locale) -> Html:
    """Return the last parts as a row of small pictures, newest first."""
    parts = now.parts if now else ()
    return el("ol", *(_thumbnail(part, say) for part in parts), class_="strip", aria_label=say("recent"))


def _thumbnail(part: Part, say: Locale) -> Html:
    image = None
    if part.thumbnail:
        image = el("img", src=f"/evidence/{part.thumbnail}/small", alt="")
    return el(
        "li",
        el(
            "a",
            el("div", image, class_="thumb"),
            el("span", icon(part.outcome), el("span", part.serial, class_="serial")),
            href=shell.part_link(part.serial, say),
        ),
        class_=f"past past--{part.outcome}",
        title=f"{part.serial}: {say(f'outcome.{part.outcome}')}. {say.reason(part.reason)}",
    )


def counts(tallies: Counts | None, say: Locale) -> Html:
    """Return good, reject and review of today large, and of the cameras' run small."""
    today = tallies.today if tallies else Tally(0, 0, 0)
    tiles = (_tile(name, sign, tallies, say) for name, sign in TILES)
    facts = {
        "counts.total": number(today.total),
        "counts.reject_rate": percent(today.share(today.reject)),
        "counts.per_minute": number(tallies.per_minute) if tallies else DASH,
        "counts.run": say("counts.since", time=say.clock(since)) if (since := _since(tallies)) else DASH,
    }
    pairs = (el("div", el("dt", say(key)), el("dd", fact)) for key, fact in facts.items())
    title = el("h2", f"{say('counts')} · {say('counts.today')}")
    return el(
        "section", title, el("div", *tiles, class_="tiles"), el("dl", *pairs, class_="facts"), class_="card"
    )


def _since(tallies: Counts | None) -> datetime | None:
    return tallies.run_since if tallies else None


def _tile(name: str, sign: str, tallies: Counts | None, say: Locale) -> Html:
    today, run = (getattr(tally, name) for tally in (tallies.today, tallies.run)) if tallies else (0, 0)
    return el(
        "div",
        el("span", icon(sign), say(f"counts.{name}"), class_="tile-name"),
        el("b", number(today), data_count=name),
        el("small", say("counts.run"), " ", el("span", number(run), data_run=name)),
        class_=f"tile tile--{sign}",
    )


def ledger(tallies: Counts | None, say: Locale) -> Html:
    """Return the frame ledger of each camera: captured = inspected + dropped + late + unmatched."""
    balances = tallies.cameras if tallies else ()
    if not balances:
        return el("section", el("h2", say("ledger")), el("p", say("ledger.none")), class_="card")
    rows = (_ledger_row(item, say) for item in balances)
    missing = sum(abs(item.difference) for item in balances)
    closing = say("ledger.open", count=missing) if missing else say("ledger.closes")
    return el(
        "section",
        el("h2", say("ledger")),
        join(rows),
        el("p", icon("NG" if missing else "OK"), closing, class_="foot" + (" bad" if missing else " good")),
        class_="card ledger",
    )


def _ledger_row(balance: Balance, say: Locale) -> Html:
    ends = {name: getattr(balance, name) for name in ("inspected", "dropped", "late", "unmatched")}
    return ledger_row(balance.camera, balance.captured, ends, say)


def versions(now: StationNow | None, say: Locale) -> Html:
    """Return what the newest verdict was decided with."""
    part = now.parts[0] if now and now.parts else None
    names = ("model", "preprocessing", "recipe")
    pairs = (
        el(
            "div",
            el("dt", say(f"versions.{name}")),
            el(
                "dd",
                short(getattr(part, name)) if part else DASH,
                title=getattr(part, name) if part else None,
            ),
        )
        for name in names
    )
    return el("section", el("h2", say("versions")), el("dl", *pairs, class_="facts"), class_="card")
