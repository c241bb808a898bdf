"""What every process of a plant says of itself, once a second, in a small file that anyone may read.

A record is written whole, aside, and renamed into place: a reader never meets half of one. It says
nothing of a process that has died; so it carries the time it was written, and a reader takes an old
one for silence. Page, metrics and command line all live on these records.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import structlog

from engine import redact
from streams.clock import SECOND

Kind = Literal["station", "gateway", "appender", "archive", "shard", "relay", "console"]

PERIOD = 1.0
SILENT_AFTER = 5 * SECOND
"""Microseconds after which a record is no longer believed: its process is silent."""
SUFFIX = ".json"

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    """A camera, a connector, the log, the database: what a process needs, as the process finds it."""

    kind: str
    name: str
    trouble: str = ""
    """What is wrong now, in one sentence; empty when all is well."""
    counters: Mapping[str, float] = field(default_factory=dict)
    since: int = 0
    """Since when it has been well, or in trouble: microseconds UTC; the publisher's to fill in."""
    moved: int | None = None
    """When its counters last changed, None before they ever did; the publisher's to fill in."""

    @property
    def ok(self) -> bool:
        """Whether all is well."""
        return not self.trouble

    def following(self, before: Part | None, now: int) -> Part:
        """Return this part with the times that follow from what was said of it before."""
        if before is None:
            return replace(self, since=now, moved=now if any(self.counters.values()) else None)
        same = before.ok == self.ok
        still = dict(before.counters) == dict(self.counters)
        return replace(self, since=before.since if same else now, moved=before.moved if still else now)


@dataclass(frozen=True, slots=True)
class Report:
    """What a process has to say: its own counters and how its parts are."""

    counters: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, slots=True)
class Health:
    """One process at one moment; times are microseconds UTC of the wall clock."""

    kind: Kind
    name: str
    pid: int
    started: int
    updated: int
    restarts: int = 0
    """How often it began again without having ended, since the plant was started."""
    ended: bool = False
    """Whether this is its last word: it was asked to end, and did."""
    counters: Mapping[str, float] = field(default_factory=dict)
    parts: tuple[Part, ...] = ()

    def silent(self, now: int) -> bool:
        """Say whether the process should have spoken again by now; one that has ended need not.

        A record from the future is as unbelievable as an old one: the clock was set back.
        """
        return not self.ended and abs(now - self.updated) > SILENT_AFTER

    def part(self, kind: str, name: str) -> Part | None:
        """Return one of its parts, None when it says nothing of it."""
        return next((part for part in self.parts if (part.kind, part.name) == (kind, name)), None)

    def to_json(self) -> bytes:
        """Encode the record.

        Raises
        ------
        ValueError
            A counter is no number.
        """
        parts = [{**asdict(part), "ok": part.ok} for part in self.parts]
        return json.dumps({**asdict(self), "parts": parts}, allow_nan=False).encode()

    @classmethod
    def from_json(cls, raw: bytes) -> Health:
        """Decode a record.

        Raises
        ------
        ValueError
            It is none.
        """
        try:
            values: dict[str, Any] = json.loads(raw)
            parts = [Part(**{key: part[key] for key in part if key != "ok"}) for part in values.pop("parts")]
            return cls(**values, parts=tuple(parts))
        except (TypeError, KeyError, AttributeError) as exc:
            raise ValueError(f"this is no health record: {exc}") from exc


def path_of(folder: Path, kind: Kind, name: str) -> Path:
    """Return where a process's record stands."""
    return folder / f"{kind}-{quote(name, safe='')}{SUFFIX}"


def write(folder: Path, record: Health) -> None:
    """Put a record in the place of the one before, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = path_of(folder, record.kind, record.name)
    draft = path.with_name(f"{path.stem}.{record.pid}.draft")
    draft.write_bytes(record.to_json())
    draft.replace(path)


def read(path: Path) -> Health | None:
    """Return the record of a file, None where there is none that this version can read."""
    try:
        return Health.from_json(path.read_bytes())
    except (OSError, ValueError):
        return None


def read_all(folder: Path) -> list[Health]:
    """Return every record of a folder, by kind and name, the old ones too."""
    found = [read(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    return [record for record in found if record is not None]


def clear(folder: Path) -> None:
    """Forget what was said before: a plant begins."""
    for path in [*folder.glob(f"*{SUFFIX}"), *folder.glob("*.draft")]:
        path.unlink(missing_ok=True)


class Publisher:
    """Publish what ``report`` returns, from a thread of its own, while the ``with`` block lasts.

    Nothing that fails here stops the process: it is counted, and the record says so when it can
    (``publish_failures``). A block that ends well says so in a last record; one that raises says
    nothing more, as a process that was killed.

    Parameters
    ----------
    folder
        Where records stand (`engine.paths.Home.health`).
    report
        Called once a period, in the publisher's thread.
    now
        The wall clock, microseconds UTC.
    """

    def __init__(
        self,
        folder: Path,
        kind: Kind,
        name: str,
        report: Callable[[], Report],
        period: float = PERIOD,
        now: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._folder, self._report, self._period, self._now = folder, report, period, now
        self._hide = redact.known()
        before = read(path_of(folder, kind, name))
        restarts = before.restarts + 1 if before and not before.ended else 0
        started = now()
        self._last = Health(kind, name, os.getpid(), started, started, restarts)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"health {kind} {name}", daemon=True)
        self.failures = 0
        """How often publishing failed."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: object, trace: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        if kind is None:
            self.publish(ended=True)

    def publish(self, ended: bool = False) -> None:
        """Publish now."""
        try:
            self._last = self._next(ended)
            write(self._folder, self._last)
        except Exception as exc:  # whatever it is, the process goes on
            self.failures += 1
            if self.failures == 1:
                log.warning("health.not_published", kind=self._last.kind, reason=str(exc))

    def _run(self) -> None:
        self.publish()
        while not self._stop.wait(self._period):
            self.publish()

    def _next(self, ended: bool) -> Health:
        said, now = self._report(), self._now()
        clean = [replace(part, trouble=self._hide.text(part.trouble)) for part in said.parts]
        parts = tuple(part.following(self._last.part(part.kind, part.name), now) for part in clean)
        counters = {**said.counters, "publish_failures": self.failures}
        return replace(self._last, updated=now, ended=ended, counters=counters, parts=parts)
