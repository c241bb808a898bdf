"""Panes taken out of their rings: what is emitted, scored and merged into wider ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np

from kernels import windows as kernel
from kernels.windows import Ring, Spans
from streams.operators.batch import Keys
from streams.records import Columns, Float64, Int32, Int64, Rows


@dataclass(frozen=True, slots=True, eq=False)
class Panes(Columns):
    """Contents of panes: ``parts`` (n, 4) are count, sum, min, max."""

    key: Int32
    pane: Int64
    """Number of the pane: its start is this times the width."""
    width: Int64
    version: Int32
    parts: Float64

    @classmethod
    def empty(cls) -> Self:
        """Return no panes."""
        return cls.taken(Ring.empty(1, 1, 0), np.empty(0, dtype=np.int32), np.empty(0, dtype=np.int64))

    @classmethod
    def taken(cls, ring: Ring, key: Int32, pane: Int64) -> Self:
        """Copy panes out of a ring."""
        rows = ring.rows(key, pane)
        width = np.full(len(key), ring.width, dtype=np.int64)
        return cls(key, pane, width, ring.version[rows], ring.cells[rows])

    @classmethod
    def within(cls, ring: Ring, spans: Spans) -> Self:
        """Copy out all panes within spans that hold anything."""
        key, pane, version, parts = kernel.collect(ring, spans)
        return cls(key, pane, np.full(len(key), ring.width, dtype=np.int64), version, parts)

    @classmethod
    def joined(cls, blocks: Sequence[Self]) -> Self:
        """Put blocks one behind the other."""
        if len(blocks) == 1:
            return blocks[0]
        if not blocks:
            return cls.empty()
        return cls(
            key=np.concatenate([block.key for block in blocks]),
            pane=np.concatenate([block.pane for block in blocks]),
            width=np.concatenate([block.width for block in blocks]),
            version=np.concatenate([block.version for block in blocks]),
            parts=np.concatenate([block.parts for block in blocks]),
        )

    def rows(self, keys: Keys) -> Rows:
        """Return rows of the table ``windows``."""
        return Rows(
            "windows",
            {
                "machine": keys.machine_text(self.key),
                "tag": keys.tag[self.key],
                "ts": self.pane * self.width,
                "width_us": self.width,
                "version": self.version,
                "count": self.parts[:, 0].astype(np.int64),
                "sum": self.parts[:, 1].copy(),
                "min": self.parts[:, 2].copy(),
                "max": self.parts[:, 3].copy(),
            },
        )
