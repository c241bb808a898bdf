"""The lines of a simulated machine's MTConnect adapter (SHDR)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from streams.clock import SECOND
from streams.simulate.model import NORMAL, Model
from streams.simulate.telling import Pair, sayings

Line = tuple[int, bytes]
"""A line of an MTConnect adapter without its line end, and the plant time at which it is sent."""

CONDITION = "system_cond"


def adapter_lines(model: Model, seed: int, start: int, sample: int) -> Iterator[Line]:
    """Yield the endless lines of one machine, in the order of their times.

    Parameters
    ----------
    start
        Plant time of the first line, microseconds UTC.
    sample
        Microseconds between two samples.
    """
    for ts, pairs in sayings(model, seed, start, sample):
        for key, text in pairs:
            if key == CONDITION:
                yield ts, _condition(ts, str(text))
        if plain := [pair for pair in pairs if pair[0] != CONDITION]:
            yield ts, _line(ts, plain)


def stamp(ts: int) -> str:
    """Write a time as adapters do.

    >>> stamp(1_778_479_200_000_000)
    '2026-05-11T06:00:00.000000Z'
    """
    moment = datetime.fromtimestamp(ts // SECOND, UTC).replace(microsecond=ts % SECOND)
    return moment.isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def _line(ts: int, pairs: list[Pair]) -> bytes:
    told = (f"{key}|{said if isinstance(said, str) else f'{said:.4g}'}" for key, said in pairs)
    return "|".join([stamp(ts), *told]).encode()


def _condition(ts: int, text: str) -> bytes:
    said = "NORMAL||||" if text == NORMAL else f"FAULT|||HIGH|{text}"
    return f"{stamp(ts)}|{CONDITION}|{said}".encode()
