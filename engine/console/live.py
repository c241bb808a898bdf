"""Pieces of a browser's page that follow the feeds; only what changed is sent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nicegui import run, ui

from engine.console.markup import Html
from engine.console.poller import Feed

REFRESH = 0.25
"""Seconds between looks at the feeds."""


@dataclass(slots=True)
class Cell:
    """One piece of the page, drawn anew when one of its feeds has another value."""

    render: Callable[[], Html]
    feeds: tuple[Feed[Any], ...]
    element: ui.html
    drawn: tuple[int, ...]

    def refresh(self) -> None:
        """Draw again if need be; a cell without feeds is compared every time."""
        for feed in self.feeds:
            feed.look()
        versions = tuple(feed.version for feed in self.feeds)
        if self.feeds and versions == self.drawn:
            return
        self.drawn = versions
        if (html := self.render()) != self.element.content:
            self.element.set_content(html)


@dataclass(slots=True)
class LivePage:
    """All live pieces of one browser's page."""

    cells: list[Cell] = field(default_factory=list)

    def add(self, render: Callable[[], Html], *feeds: Feed[Any], classes: str = "") -> None:
        """Put a piece at the present place of the page."""
        versions = tuple(feed.version for feed in feeds)
        element = ui.html(render(), sanitize=False).classes(classes)
        self.cells.append(Cell(render, feeds, element, versions))

    @property
    def feeds(self) -> set[Feed[Any]]:
        """Return every feed that the page shows."""
        return {feed for cell in self.cells for feed in cell.feeds}

    def ask(self, read: Callable[[], None], seconds: float) -> None:
        """Have something read for this browser alone, now and again, aside from the event loop."""

        async def look() -> None:
            await run.io_bound(read)

        ui.timer(seconds, look)

    def run(self) -> None:
        """Follow the feeds until the browser leaves."""
        ui.timer(REFRESH, self.refresh)

    def refresh(self) -> None:
        """Bring every piece up to date."""
        for cell in self.cells:
            cell.refresh()
