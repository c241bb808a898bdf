"""Rings in a snapshot: slot by slot, so that nothing but the snapshot itself takes memory, and small.

Panes that hold nothing take a bit. One that holds a single number is that number: most tags are slow.
Counts and versions take as few bytes as the largest of them needs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kernels.windows import Ring
from streams.operators.arrays import narrowed
from streams.operators.batch import Keys
from streams.operators.levels import Level
from streams.records import Float64, Int64

Arrays = Mapping[str, NDArray[Any]]


def saved(ring: Ring, name: str) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield arrays, under names that begin with ``name``, of which `put_back` makes the ring again."""
    for slot in range(ring.slots):
        rows = slice(slot * ring.keys, (slot + 1) * ring.keys)
        cells, version = ring.cells[rows], ring.version[rows]
        held = (cells[:, 0] > 0) | (version > 0)
        count = cells[held, 0].astype(np.int64)
        yield f"{name}.{slot}.held", np.packbits(held)
        yield f"{name}.{slot}.version", narrowed(version[held])
        yield f"{name}.{slot}.count", narrowed(count)
        yield f"{name}.{slot}.single", cells[held, 1][count == 1]
        yield f"{name}.{slot}.parts", cells[held, 1:][count > 1]


def put_back(level: Level, keys: Keys, key: Int64, slots: int, arrays: Arrays, name: str) -> None:
    """Fill a fresh level, whose bounds are set, from a ring saved under a name.

    Parameters
    ----------
    key : of each key of the saved ring its number among ``keys``, or -1.
    slots : of the saved ring; panes that no longer fit are left out.
    """
    ring = level.ring
    for slot in range(slots):
        held = key[np.unpackbits(arrays[f"{name}.{slot}.held"], count=len(key)) > 0]
        known = np.flatnonzero(held >= 0)
        own = held[known].astype(np.int32)
        oldest = level.oldest[keys.machine[own]]
        pane = oldest + (slot - oldest) % slots
        fits = pane < oldest + ring.slots
        rows, known = ring.rows(own[fits], pane[fits]), known[fits]
        ring.cells[rows] = _cells(arrays, f"{name}.{slot}")[known]
        ring.version[rows] = arrays[f"{name}.{slot}.version"][known]


def _cells(arrays: Arrays, name: str) -> Float64:
    count = arrays[f"{name}.count"]
    cells = np.zeros((len(count), 4))
    cells[:, 0] = count
    cells[count == 1, 1:] = arrays[f"{name}.single"][:, np.newaxis]
    cells[count > 1, 1:] = arrays[f"{name}.parts"]
    return cells
