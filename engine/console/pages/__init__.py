"""Put the pages together: which pieces stand where, and which feed each follows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from zoneinfo import ZoneInfo

from nicegui import ui

from engine.console import machines_page, shell, station_page
from engine.console.data import Counts, MachineNow, StationNow
from engine.console.feeds import Feeds, kinds
from engine.console.live import LivePage
from engine.console.locale import Locale
from engine.console.markup import Html, el
from engine.console.texts import LANGUAGES
from engine.plant import Plant, StationSection


@dataclass(frozen=True, slots=True)
class Console:
    """One plant's console."""

    plant: Plant
    feeds: Feeds

    def locale(self, language: str) -> Locale:
        """Return how a reader of this language sees the plant; English where it is not known."""
        return Locale(language if language in LANGUAGES else "en", ZoneInfo(self.plant.timezone))

    def now(self) -> datetime:
        """Return the plant's time as far as it is known."""
        progress = self.feeds.progress.value
        return progress.clock if progress else datetime.fromtimestamp(0, UTC)

    def pulse(self) -> shell.Pulse:
        """Return how fresh the data is."""
        return shell.pulse(self.feeds.progress, datetime.now(UTC))


def add_pages(console: Console, static: Path) -> None:
    """Register the pages with NiceGUI; style and script come from the folder ``static``."""
    ui.add_head_html(_assets(static), shared=True)

    @ui.page("/station")
    def show_station(lang: str = "en", station: str | None = None) -> None:
        say = console.locale(lang)
        _page(console, "station", say, station)

    @ui.page("/machines")
    def show_machines(lang: str = "en") -> None:
        _page(console, "machines", console.locale(lang), None)


def _assets(static: Path) -> str:
    style, script = (f"{name}?v={_digest(static / name)}" for name in ("console.css", "theme.js"))
    return el("link", rel="stylesheet", href=f"/static/{style}") + el("script", src=f"/static/{script}")


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()[:12]


def _page(console: Console, name: str, say: Locale, station: str | None) -> None:
    ui.context.client.page = ui.page(
        f"/{name}", title=f"{say(f'title.{name}')} · Seamline", language=say.html
    )
    live, plant = LivePage(), console.plant
    with ui.element("header").classes("bar"):
        ui.html(shell.head(plant, name, station, say), sanitize=False)
        live.add(lambda: shell.time_line(plant, console.pulse(), say))
    live.add(lambda: shell.banners(plant, console.pulse(), say), classes="banners")
    with ui.element("div").classes("content"):
        BODIES[name](console, live, say, station)
    live.run()


def _stations(console: Console, live: LivePage, say: Locale, chosen: str | None) -> None:
    sections = console.plant.stations
    if len(sections) > 1:
        ui.html(shell.station_choice([section.name for section in sections], chosen, say), sanitize=False)
    shown = [section for section in sections if chosen in (None, section.name)]
    for section in shown:
        _station(console, live, say, section)
    if not shown:
        text = say("station.unknown", name=chosen) if chosen and sections else say("station.none")
        ui.html(el("p", text, class_="empty"), sanitize=False)


def _station(console: Console, live: LivePage, say: Locale, section: StationSection) -> None:
    feeds, name = console.feeds, section.name

    def now() -> StationNow | None:
        return (feeds.stations.value or {}).get(name)

    def counts() -> Counts | None:
        return (feeds.counts.value or {}).get(name)

    with ui.element("article").classes("station") as article:
        article.props["data-station"] = name
        live.add(lambda: station_page.verdict(now(), name, say), feeds.stations, classes="area-verdict")
        live.add(lambda: station_page.pictures(now(), section, say), feeds.stations, classes="area-picture")
        live.add(lambda: station_page.strip(now(), say), feeds.stations, classes="area-strip")
        live.add(lambda: station_page.counts(counts(), say), feeds.counts, classes="area-counts")
        live.add(lambda: station_page.ledger(counts(), say), feeds.counts, classes="area-ledger")
        live.add(lambda: station_page.versions(now(), say), feeds.stations, classes="area-versions")


def _machines(console: Console, live: LivePage, say: Locale, _: str | None) -> None:
    for name, kind in kinds(console.plant).items():
        _machine(console, live, say, name, kind)
    if not kinds(console.plant):
        ui.html(el("p", say("machines.none"), class_="empty"), sanitize=False)


def _machine(console: Console, live: LivePage, say: Locale, name: str, kind: str) -> None:
    feeds = console.feeds
    both = (feeds.machines, feeds.progress)

    def machine() -> MachineNow | None:
        return (feeds.machines.value or {}).get(name)

    def heading() -> Html:
        return machines_page.heading(name, kind, machine(), console.now(), say)

    def shift() -> Html:
        return machines_page.shift(kind, machine(), console.now(), say)

    with ui.element("article").classes(f"machine machine--{kind} card") as article:
        article.props["data-machine"] = name
        live.add(heading, *both, classes="area-heading")
        live.add(lambda: machines_page.ratios(kind, machine(), say), feeds.machines, classes="area-ratios")
        live.add(shift, *both, classes="area-shift")
        live.add(lambda: machines_page.losses(kind, machine(), say), feeds.machines, classes="area-losses")


BODIES = {"station": _stations, "machines": _machines}
"""What each page shows below its head."""
