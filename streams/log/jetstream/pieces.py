"""Entries too large for a message of NATS: cut into several, or refused with a reason. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np

from streams.log import mixed
from streams.log.abc import Kind
from streams.records import Readings, Rejects, Text, decode, encode
from streams.waveforms import Waveforms

REASON = "too_large"

Columns = TypeVar("Columns", Readings, Rejects, Waveforms)


class Piece(NamedTuple):
    """What becomes an entry of its own."""

    kind: Kind
    payload: bytes


def pieces(kind: Kind, payload: bytes, limit: int) -> list[Piece]:
    """Return an entry's payload as one or more that are no larger than ``limit`` bytes.

    Readings are cut in order of time, so that none of them is late for those cut off before it. The same
    payload and limit give the same pieces. What cannot be cut becomes a reject `too_large`.
    """
    if len(payload) <= limit:
        return [Piece(kind, payload)]
    try:
        return list(_cut(kind, payload, limit))
    except ValueError:
        return [_refused(kind, len(payload), limit)]


def _cut(kind: Kind, payload: bytes, limit: int) -> Iterator[Piece]:
    if kind == Kind.READINGS:
        yield from _halves(kind, _by_time(Readings.from_arrow(decode(payload))), limit)
    elif kind == Kind.WAVEFORM:
        yield from _halves(kind, Waveforms.decode(payload), limit)
    elif kind == Kind.REJECTS:
        yield from _halves(kind, mixed.rejects(payload), limit)
    elif kind == Kind.MIXED:
        readings, rejects = mixed.unpack(payload)
        yield from _halves(Kind.READINGS, _by_time(readings), limit)
        yield from _halves(Kind.REJECTS, rejects, limit)
    else:
        yield _refused(kind, len(payload), limit)


def _by_time(readings: Readings) -> Readings:
    return readings[np.argsort(readings.ts, kind="stable")]


def _halves(kind: Kind, rows: Columns, limit: int) -> Iterator[Piece]:
    payload = encode(_compact(rows).to_arrow())
    if len(payload) <= limit:
        yield Piece(kind, payload)
    elif len(rows) > 1:
        middle = len(rows) // 2
        yield from _halves(kind, rows[:middle], limit)
        yield from _halves(kind, rows[middle:], limit)
    else:
        yield _refused(kind, len(payload), limit)


def _compact(rows: Columns) -> Columns:
    """Leave words out of the dictionaries that these rows do not use."""
    columns: list[Any] = [getattr(rows, name) for name in rows.__match_args__]
    fewer: Any = (Text.of(item.to_list()) if isinstance(item, Text) else item for item in columns)
    return type(rows)(*fewer)


def _refused(kind: Kind, size: int, limit: int) -> Piece:
    told = f"{kind.name.lower()} of {size} bytes; the log's servers take {limit} in a message"
    return Piece(Kind.REJECTS, encode(Rejects.of(REASON, [told]).to_arrow()))
