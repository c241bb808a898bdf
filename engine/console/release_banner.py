"""Draw why a station's verdicts do not count now, and which parts are suspect."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from engine.console.icons import icon
from engine.console.locale import Locale, number
from engine.console.markup import Html, el, join
from engine.console.release_query import Release
from engine.plant import MasterSection
from engine.release.masters import master_of


def banner(release: Release | None, masters: tuple[MasterSection, ...], now: datetime, say: Locale) -> Html:
    """Return a line for each thing that holds: a bypass, a blocked release, suspect parts."""
    return join(lines(release, masters, now, say)) if release else Html("")


def lines(release: Release, masters: tuple[MasterSection, ...], now: datetime, say: Locale) -> Iterator[Html]:
    """Yield what a person standing there must know, the gravest first."""
    bypass, standing = release.bypass, release.standing
    if bypass and bypass.until and release.bypassed(now):
        until = say.moment(bypass.until, now)
        text = say("release.bypass", person=bypass.person, until=until, reason=bypass.reason)
        yield line("bypass", say("release.bypassed"), text)
    if standing and release.blocked and masters:
        yield line("blocked", say("release.blocked"), cause(release, say), wanted(release, masters, say))
    if release.failure and release.doubtful(now):
        text = say("release.since", count=number(release.suspects), serial=release.failure.serial)
        yield line("suspect", say("release.suspect"), text)


def cause(release: Release, say: Locale) -> str:
    """Return why it is blocked."""
    told = release.standing
    if told is None:
        return ""
    if told.event == "failed":
        return say.cause(f"master part {told.serial} failed: {told.reason}")
    by = f" ({told.person})" if told.person else ""
    return say.cause(told.reason) + by


def wanted(release: Release, masters: tuple[MasterSection, ...], say: Locale) -> str:
    """Return which master parts are still to be shown."""
    seen = {found.serial for serial in release.seen if (found := master_of(serial, masters))}
    missing = [f"{master.serial} ({say(f'outcome.{master.expect}')})" for master in masters]
    left = [text for text, master in zip(missing, masters, strict=True) if master.serial not in seen]
    return say("release.show", parts=", ".join(left))


def line(kind: str, title: str, *texts: str) -> Html:
    """Return one line of the banner."""
    words = (el("span", text) for text in texts)
    return el(
        "p", icon("warning"), el("strong", title), *words, class_=f"release release--{kind}", role="alert"
    )
