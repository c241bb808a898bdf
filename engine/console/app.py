"""The console's web application: pages, pictures, a status and metrics for machines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from urllib.parse import quote

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from fastapi.staticfiles import StaticFiles
from nicegui import ui
from prometheus_client import CONTENT_TYPE_LATEST

from engine import health
from engine.console.feeds import feeds
from engine.console.page import Console
from engine.console.pages import add_pages, pages
from engine.console.pictures import router
from engine.console.poller import Feed, Poller, reader_pool
from engine.console.shell import link
from engine.console.status import status
from engine.figures import figures
from engine.metrics import Metrics
from engine.paths import Home
from engine.plant import Plant

STATIC = Path(__file__).parent / "static"
FIGURES_SECONDS = 5.0


def build(plant: Plant, home: Home, dsn: str) -> FastAPI:
    """Return the application; it reads the database while it runs."""
    pool = reader_pool(dsn)
    console = Console(plant, feeds(plant), home, pool, dsn)
    served = pages(console)
    own = tuple(feed for page in served.values() for feed in page.feeds)
    numbers = Feed("metrics", partial(figures, plant), FIGURES_SECONDS)
    metrics = Metrics(plant.shard, partial(health.read_all, home.health), numbers.told)
    poller = Poller(pool, (*console.feeds.all, *own, numbers))
    publisher = health.Publisher(home.health, "console", plant.shard, poller.report)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        poller.start()
        try:
            with publisher:
                yield
        finally:
            poller.stop()

    app = FastAPI(title=f"Seamline: {plant.name}", lifespan=lifespan)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    app.include_router(router(home.evidence))
    app.get("/api/status")(partial(status, plant, console.feeds))
    app.get("/metrics", include_in_schema=False)(partial(_metrics, metrics))
    app.get("/part", include_in_schema=False)(_find_part)
    app.get("/", include_in_schema=False)(_first_page)
    add_pages(console, served, STATIC)
    ui.run_with(app, title="Seamline", favicon=STATIC / "seamline.svg", dark=None, tailwind=False)
    return app


def _metrics(metrics: Metrics) -> Response:
    return Response(metrics.page(), media_type=CONTENT_TYPE_LATEST)


def _find_part(request: Request) -> RedirectResponse:
    query = dict(request.query_params)
    serial = query.pop("serial", "").strip()
    return RedirectResponse(link(f"/part/{quote(serial, safe='')}", query))


def _first_page(request: Request) -> RedirectResponse:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"/station{query}")
