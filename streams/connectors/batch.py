"""Collect readings and rejects one by one and turn them into columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from streams.records import GOOD, NULL, RAW_LIMIT, Readings, Rejects, Text


class Decoded(NamedTuple):
    """What a source's bytes turned out to be."""

    readings: Readings
    rejects: Rejects


def joined(parts: Sequence[Decoded]) -> Decoded:
    """Put what several pieces turned out to be one behind the other."""
    if len(parts) == 1:
        return parts[0]
    readings = [part.readings for part in parts if len(part.readings)]
    rejects = [part.rejects for part in parts if len(part.rejects)]
    return Decoded(
        Readings.joined(readings) if readings else Readings.empty(),
        Rejects.joined(rejects) if rejects else NO_REJECTS,
    )


def is_whole(text: str) -> bool:
    """Say whether a text can be written: half a pair of surrogates, which JSON can escape, cannot."""
    return text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text)


def number(text: str) -> float | None:
    """Return the number that a text writes, None when it writes none ("nan" and "inf" are numbers)."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


class Batch:
    """Readings and rejects in the making, of any machines."""

    def __init__(self) -> None:
        self._machine: list[str] = []
        self._tag: list[str] = []
        self._ts: list[int] = []
        self._value: list[float] = []
        self._text: list[str | None] = []
        self._quality: list[int] = []
        self._source_ts: list[int] = []
        self._rejects: list[tuple[str | None, str | None, int, str, str]] = []

    def add(
        self,
        machine: str,
        tag: str,
        ts: int,
        value: float | str,
        quality: int = GOOD,
        source_ts: int = NULL,
    ) -> None:
        """Add a reading; a string is a text."""
        is_text = isinstance(value, str)
        self._machine.append(machine)
        self._tag.append(tag)
        self._ts.append(ts)
        self._value.append(np.nan if isinstance(value, str) else value)
        self._text.append(str(value) if is_text else None)
        self._quality.append(quality)
        self._source_ts.append(source_ts)

    def reject(
        self, reason: str, raw: str, machine: str | None, tag: str | None = None, ts: int = NULL
    ) -> None:
        """Add something that is no reading, with the reason and its bytes as text."""
        self._rejects.append((machine, tag, ts, reason, raw[:RAW_LIMIT]))

    def build(self) -> Decoded:
        """Return the columns of all that was added."""
        readings = Readings(
            machine=Text.of(self._machine),
            tag=Text.of(self._tag),
            ts=np.array(self._ts, dtype=np.int64),
            value=np.array(self._value, dtype=np.float64),
            text=Text.of(self._text),
            quality=np.array(self._quality, dtype=np.int16),
            source_ts=np.array(self._source_ts, dtype=np.int64),
        )
        return Decoded(readings, self._build_rejects())

    def _build_rejects(self) -> Rejects:
        if not self._rejects:
            return NO_REJECTS
        machine, tag, ts, reason, raw = zip(*self._rejects, strict=True)
        return Rejects(
            machine=Text.of(machine),
            tag=Text.of(tag),
            ts=np.array(ts, dtype=np.int64),
            reason=Text.of(reason),
            raw=Text.of(raw),
        )


NO_REJECTS = Rejects.of("", [])
