"""What a page of the console is: a name, what stands below its head, and the data it lives on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from engine.console import shell
from engine.console.feeds import Feeds
from engine.console.live import LivePage
from engine.console.locale import Locale
from engine.console.poller import Feed, ReaderPool
from engine.console.texts import LANGUAGES
from engine.paths import Home
from engine.plant import Plant

Query = Mapping[str, str]
"""What a page's address asks for beside the language."""
Body = Callable[[LivePage, Locale, Query], None]
"""Puts a page's pieces on the browser's page."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page: its address is ``/name``, its title the text ``title.name``."""

    name: str
    body: Body
    feeds: tuple[Feed[Any], ...] = ()
    """Read for this page, beside those of `Feeds` that all pages share."""
    below: str = ""
    """What follows the name in the address, as a pattern; its fields enter the body's query."""


@dataclass(frozen=True, slots=True)
class Console:
    """One plant's console."""

    plant: Plant
    feeds: Feeds
    home: Home
    """Where the plant keeps its state: health records, models."""
    pool: ReaderPool
    """Connections for what is read for one browser only."""
    dsn: str = ""
    """The database, for the one thing that people write here: their decisions."""

    def locale(self, language: str) -> Locale:
        """Return how a reader of this language sees the plant; English where it is not known."""
        return Locale(language if language in LANGUAGES else "en", ZoneInfo(self.plant.timezone))

    def now(self) -> datetime:
        """Return the plant's time as far as it is known."""
        progress = self.feeds.progress.value
        return progress.clock if progress else datetime.fromtimestamp(0, UTC)

    def pulse(self, shown: Iterable[Feed[Any]]) -> shell.Pulse:
        """Return how fresh the data of a page is that shows these feeds."""
        return shell.pulse(self.feeds.progress, datetime.now(UTC), shown)
