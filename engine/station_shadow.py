"""A model that only looks on: it sees the parts that the station judged, when there is time for it.

What it says goes to the log as an entry of its own kind: no PLC, no OEE and no ledger hears of it. It
works in one thread of the lowest priority; while it is busy parts pass it by, and are counted.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable

import orjson
import structlog

from engine.approvals.ledger import Approvals
from engine.inspectors import build_inspector
from engine.paths import Home
from engine.plant import Judging
from engine.recipe import settle
from engine.station_models import Chosen, choose, open_bank
from streams.log.errors import LogError
from vision import registry
from vision.assembly import Part
from vision.detect import Detector
from vision.inspector import Inspector
from vision.records import Verdict
from vision.registry import Model

logger = structlog.get_logger(__name__)

LOWEST = 19
ROOM = 2
"""Parts that wait for it; beyond them parts pass it by."""


class Shadow:
    """Let the model that a home names for a station look on, by the recipe as it was at the start.

    Parameters
    ----------
    say
        Appends what it says of a part.
    """

    def __init__(self, station: str, recipe: Judging, home: Home, say: Callable[[Verdict], object]) -> None:
        self.trouble = ""
        self.inspected = self.passed_by = 0
        self._station, self._recipe, self._home, self._say = station, recipe, home, say
        self._settled = settle(recipe)
        self._seen: tuple[int, int] | None = None
        self._inspector: Inspector | None = None
        self._parts: queue.Queue[Part | None] = queue.Queue(ROOM)
        self._wanted = threading.Event()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def troubles(self) -> dict[str, str]:
        """What is wrong now, under ``shadow``; empty when all is well."""
        return {"shadow": self.trouble} if self.trouble else {}

    def look(self) -> None:
        """See whether another model is to look on; never waits for it."""
        stamp = _stamp(self._home)
        if stamp == self._seen:
            return
        self._seen = stamp
        self._wanted.set()
        if self._thread is None and stamp != (0, 0):
            self._thread = threading.Thread(target=self._work, name="shadow", daemon=True)
            self._thread.start()
        elif self._thread is not None:
            self._put(None)

    def offer(self, part: Part, part_number: str) -> None:
        """Show it a part that was judged, unless it is of another recipe; never waits."""
        if part_number != self._recipe.part_number:
            return
        if self._inspector is not None and not self._put(part):
            self.passed_by += 1

    def close(self, timeout: float = 2.0) -> None:
        """Let it end; what waits for it is not looked at."""
        self._stop.set()
        self._put(None)
        if self._thread is not None:
            self._thread.join(timeout)

    def _put(self, item: Part | None) -> bool:
        try:
            self._parts.put_nowait(item)
        except queue.Full:
            return False
        return True

    def _work(self) -> None:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)
        while not self._stop.is_set():
            if self._wanted.is_set():
                self._wanted.clear()
                self._load()
            part = self._parts.get()
            if part is not None and self._inspector is not None and not self._stop.is_set():
                self._inspect(self._inspector, part)

    def _load(self) -> None:
        self._inspector = None
        try:
            name = read_shadows(self._home).get(self._station)
            self._inspector = None if name is None else self._open(name)
            self.trouble = ""
        except Exception as exc:  # whatever a new model does, the station goes on, and the next may do
            self.trouble = f"Nobody looks on: {exc}"
            logger.warning("shadow_not_loaded", station=self._station, error=str(exc))

    def _open(self, name: str) -> Inspector:
        """Return an inspector by the model that looks on, and by what else the station judges by."""
        used = choose(self._station, self._recipe, self._home, Approvals.read(self._home))
        model = registry.find(name, (self._home.models,))
        chosen = Chosen(used.detector, model) if model.task == "anomaly" else Chosen(model, used.bank)
        return build_inspector(
            self._station,
            self._settled,
            None if chosen.detector is None else Detector(chosen.detector),
            None if chosen.bank is None else open_bank(chosen.bank, self._home, lanes=1),
        )

    def _inspect(self, inspector: Inspector, part: Part) -> None:
        try:
            self._say(inspector.inspect(part.frames, part.attempt))
            self.inspected += 1
        except LogError:
            self._stop.set()
        except Exception as exc:  # whatever a new model does, the station goes on
            self.trouble = f"The model that looks on failed on {part.serial}: {type(exc).__name__}."
            logger.exception("shadow_failed", serial=part.serial)


def read_shadows(home: Home) -> dict[str, str]:
    """Return the models that look on, ``name@hash`` by station.

    Raises
    ------
    ValueError
        The file is none.
    """
    try:
        told = orjson.loads(home.shadows.read_bytes())
    except FileNotFoundError:
        return {}
    if not isinstance(told, dict):
        raise ValueError(f"{home.shadows} names no models; run seamline models shadow again.")
    return {str(station): str(model) for station, model in told.items()}


def set_shadow(home: Home, station: str, model: Model | None) -> None:
    """Let a model look on at a station, or none."""
    told = read_shadows(home) | {station: registry.full_title(model) if model else ""}
    draft = home.shadows.with_suffix(".draft")
    draft.write_bytes(orjson.dumps({name: title for name, title in told.items() if title}))
    draft.rename(home.shadows)


def _stamp(home: Home) -> tuple[int, int]:
    try:
        found = home.shadows.stat()
    except OSError:
        return (0, 0)
    return found.st_mtime_ns, found.st_ino
