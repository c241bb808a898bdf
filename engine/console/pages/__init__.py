"""Serve the pages: each module of this folder is one, and returns it from ``page(console)``."""

from __future__ import annotations

from hashlib import sha256
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from urllib.parse import quote

from fastapi import Request
from nicegui import ui

from engine.console import shell
from engine.console.live import LivePage
from engine.console.locale import Locale
from engine.console.markup import Html, el
from engine.console.page import Console, Page, Query

NAVIGATION = ("station", "review", "machines", "anomalies", "cluster", "board")
"""Pages that every head leads to, in this order, as far as they are there."""
BASE = "console.css"
"""The looks that all pages share; a page's own come after it."""


def pages(console: Console) -> dict[str, Page]:
    """Return every page of a plant's console by its name."""
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    found: list[Page] = [module.page(console) for module in modules]
    return {page.name: page for page in found}


def add_pages(console: Console, served: dict[str, Page], static: Path) -> None:
    """Register the pages with NiceGUI; styles and script come from the folder ``static``."""
    ui.add_head_html(_assets(static), shared=True)
    linked = [name for name in NAVIGATION if name in served]
    for page in served.values():
        _register(console, page, linked)


def _register(console: Console, page: Page, linked: list[str]) -> None:
    @ui.page(f"/{page.name}{page.below}")
    def show(request: Request) -> None:
        query = dict(request.query_params)
        say = console.locale(query.pop("lang", "en"))
        head = shell.head(console.plant, linked, page.name, query, say, quote(request.url.path))
        _show(console, page, head, say, query | request.path_params)


def _assets(static: Path) -> str:
    styles = sorted(static.glob("*.css"), key=lambda path: (path.name != BASE, path.name))
    links = (el("link", rel="stylesheet", href=_address(path)) for path in styles)
    return "".join(links) + el("script", src=_address(static / "theme.js"))


def _address(path: Path) -> str:
    return f"/static/{path.name}?v={sha256(path.read_bytes()).hexdigest()[:12]}"


def _show(console: Console, page: Page, head: Html, say: Locale, query: Query) -> None:
    ui.context.client.page = ui.page(
        f"/{page.name}{page.below}", title=f"{say(f'title.{page.name}')} · Seamline", language=say.html
    )
    live, plant = LivePage(), console.plant
    with ui.element("header").classes("bar"):
        ui.html(head, sanitize=False)
        live.add(lambda: shell.time_line(plant, console.pulse(live.feeds), say))
    live.add(lambda: shell.banners(plant, console.pulse(live.feeds), say), classes="banners")
    with ui.element("div").classes(f"content content--{page.name}"):
        page.body(live, say, query)
    live.run()
