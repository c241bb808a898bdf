"""Until when a gateway heard its sources, kept in a file, so that a kill leaves no absence without a trace.

It is written every second, of what is on the log's disk by then. It outlives the process; a loss of power
may take the newest half minute with it. A file that cannot be read is as none: nothing is known then.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog

from streams.connectors.memory import Memory, Standing

log = structlog.get_logger("gateway")


class Memories:
    """What is remembered of each source of a gateway."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._before = _read(path)
        self._sources: dict[str, Memory] = {}
        self._written = ""
        self._trouble = ""

    def of(self, source: str) -> Memory:
        """Return what is remembered of a source."""
        return self._sources.setdefault(source, Memory(self._before.get(source)))

    def save(self) -> None:
        """Write all that was noted; a disk that does not take it is complained of, once."""
        told = json.dumps({name: memory.saved() for name, memory in sorted(self._sources.items())})
        if told == self._written:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            beside = self._path.with_suffix(".new")
            beside.write_text(told)
            beside.replace(self._path)
            self._written, self._trouble = told, ""
        except OSError as exc:
            if str(exc) != self._trouble:
                log.warning("gateway.forgets", path=str(self._path), reason=str(exc))
            self._trouble = str(exc)


def _read(path: Path) -> dict[str, dict[str, Standing]]:
    """Return the standings of each source, none where there is no file."""
    try:
        saved: Mapping[str, Mapping[str, Any]] = json.loads(path.read_bytes())
        return {
            source: {name: Standing.read(one) for name, one in standings.items()}
            for source, standings in saved.items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as exc:
        log.warning("gateway.remembers_nothing", path=str(path), reason=str(exc))
        return {}
