"""How the processes say what happens: one place for all of them.

An event is one JSON line with ``time`` (UTC), ``level``, ``process``, ``event`` and what belongs to
it; on a terminal it is a line for people. What libraries log, what they warn of and what nobody
caught go the same way. No secret passes, and a file never grows beyond its bound.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import Any

import structlog

from engine import redact
from engine.redact import Redactor

Event = dict[str, Any]
Sink = Callable[[Event], None]
"""Where events go. A sink never raises: a process works on, also where nobody can hear it."""

FILE_BYTES = 5_000_000
OLD_FILES = 3
"""``NAME.log`` is followed by ``NAME.log.1`` and so on: a process keeps 20 MB at the most."""


class LogFile(RotatingFileHandler):
    """A file of JSON lines, as a sink; made when the first event comes."""

    def __init__(self, path: Path, size: int = FILE_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(path, maxBytes=size, backupCount=OLD_FILES, encoding="utf-8", delay=True)

    def __call__(self, event: Event) -> None:
        """Append an event."""
        self.handle(logging.makeLogRecord({"msg": json_line(event)}))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Go on without the line: the disk is full, or the folder is gone."""


class Screen:
    """Standard error as a sink: lines for people on a terminal, JSON lines elsewhere."""

    def __init__(self, level: int = logging.INFO) -> None:
        self._level = level
        self._people = structlog.dev.ConsoleRenderer(timestamp_key="time", sort_keys=False)

    def __call__(self, event: Event) -> None:
        """Say an event from this level on."""
        if logging.getLevelNamesMapping()[event["level"].upper()] < self._level:
            return
        people = sys.stderr.isatty()
        line = str(self._people(None, "", dict(event))) if people else json_line(event)
        try:
            sys.stderr.write(line + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # whoever listened has gone, or does not keep up
            return


class Voice:
    """What structlog calls with each event: it goes to every sink."""

    def __init__(self, sinks: tuple[Sink, ...]) -> None:
        self._sinks = sinks

    def say(self, event: Event) -> None:
        """Hand an event to every sink."""
        for sink in self._sinks:
            sink(event)

    debug = info = warning = error = critical = say


class Borrowed(logging.Handler):
    """Have what libraries log said as ours, with the ``logger`` that it comes from."""

    def emit(self, record: logging.LogRecord) -> None:
        """Say one record."""
        try:
            said = structlog.get_logger()
            said.log(record.levelno, record.getMessage(), logger=record.name, exc_info=record.exc_info)
        except Exception:  # a library's record may not fit its own arguments
            self.handleError(record)


def begin(process: str, *sinks: Sink) -> None:
    """Have this process say what it says under its name; to standard error where no sink is named."""
    voice = Voice(sinks or (Screen(),))
    structlog.configure(
        processors=[
            structlog.stdlib.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True, key="time"),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _Finish(process, redact.known()),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: voice,
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(handlers=[Borrowed()], level=logging.WARNING, force=True)
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = lambda given: _uncaught(
        given.exc_type, given.exc_value or given.exc_type(), given.exc_traceback
    )


def relay(lines: Iterable[bytes], process: str, sink: Sink) -> None:
    """File what a process says, line by line, till it ends; what is no event of ours becomes one."""
    hide = redact.known()
    for raw in lines:
        line = raw.decode(errors="backslashreplace").rstrip()
        if line:
            sink(_parsed(line) or _stray(line, process, hide))


def json_line(event: Event) -> str:
    """Return an event as one line of JSON."""
    return json.dumps(event, ensure_ascii=False)


class _Finish:
    """The last processor: name the process, take secrets out, put first what every event has."""

    def __init__(self, process: str, hide: Redactor) -> None:
        self._process = process
        self._hide = hide

    def __call__(self, _: Any, __: str, event: Any) -> tuple[tuple[Event], dict[str, Any]]:
        """Return the event as the voice's only argument."""
        head = {"time": event.pop("time"), "level": event.pop("level"), "process": self._process}
        said = {"event": event.pop("event"), **event}
        return (head | self._hide.value(said),), {}


def _parsed(line: str) -> Event | None:
    """Return the event that a line is, None where it is none."""
    try:
        event = json.loads(line) if line.startswith('{"time": ') else None
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _stray(line: str, process: str, hide: Redactor) -> Event:
    """Return the event for what a library or the interpreter wrote past us."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {"time": now, "level": "warning", "process": process, "event": hide.text(line), "stray": True}


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    structlog.get_logger().critical("uncaught", exc_info=(kind, error, trace))
