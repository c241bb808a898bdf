"""Metrics of Sparkplug payloads, a column a field, turned into readings of the tags they are bound to."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from kernels import sparkplug as wire
from streams.connectors.batch import NO_REJECTS, Decoded
from streams.connectors.points import Point
from streams.connectors.shdr_lines import OPENING_AGE
from streams.records import (
    GOOD,
    NULL,
    SNAPSHOT,
    UNCERTAIN,
    UNTIMED,
    Float64,
    Int16,
    Int64,
    Readings,
    Rejects,
    Text,
)

NUMBERS, TEXTS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13), (12, 14, 15)
"""Data types of the specification; 13 is a time, read as its milliseconds."""
REASONS = (
    "",
    "type_mismatch",
    "no_value",
    "null_value",
    "bad_quality",
    "bad_time",
    "dataset",
    "template",
    "array_value",
    "bytes",
    "unsupported_type",
)
"""Why a metric is no reading, by code."""
MISMATCH, NO_VALUE, IS_NULL, BAD_QUALITY, BAD_TIME, DATASET, TEMPLATE, ARRAY, BYTES, STRANGE = range(1, 11)
LAST_TYPE = 35
FURTHEST = (1 << 62) // 1000
GOOD_QUALITY, STALE = 192, 500


def _fits() -> NDArray[np.uint8]:
    """Return the reason for each pair of data type and kind of value."""
    fits = np.full((LAST_TYPE + 1, wire.EXTENSION + 1), STRANGE, dtype=np.uint8)
    fits[[*NUMBERS, *TEXTS]] = MISMATCH
    fits[[0, *NUMBERS], wire.INT : wire.BOOLEAN + 1] = 0
    fits[[0, *TEXTS], wire.STRING] = 0
    for kind, reason in ((wire.BLOB, BYTES), (wire.DATASET, DATASET), (wire.TEMPLATE, TEMPLATE)):
        fits[0, kind] = reason
    fits[:, 0] = NO_VALUE
    fits[16], fits[19], fits[[17, 18]], fits[22:35] = DATASET, TEMPLATE, BYTES, ARRAY
    return fits


FITS = _fits()


def split(address: str) -> tuple[str, str, str, str]:
    """Return group, node, device (empty for the node's own metrics) and metric of an address.

    Raises
    ------
    ValueError
        It does not have the four.

    >>> split("plant/edge-1/press/Hydraulics/Pressure")
    ('plant', 'edge-1', 'press', 'Hydraulics/Pressure')
    """
    group, node, device, metric = address.split("/", 3)
    return group, node, device, metric


class Bound:
    """Points by their number (slot): columns of what each makes of a value."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.points = tuple(points)
        self._machine = Text.of([point.machine for point in points])
        self._tag = Text.of([point.tag for point in points])
        self._scale = np.array([point.scale for point in points], dtype=np.float64)
        self._offset = np.array([point.offset for point in points], dtype=np.float64)
        self._deadband = np.array([point.deadband for point in points], dtype=np.float64)
        self._some_rest = bool(self._deadband.any())
        self._told: dict[int, tuple[float, int]] = {}
        self.slots: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
        """Of each node (group, node), the slots of its metrics (device, metric)."""
        for slot, point in enumerate(points):
            group, node, device, metric = split(point.address)
            self.slots.setdefault((group, node), {})[device, metric] = slot

    def forget(self, slots: Collection[int]) -> None:
        """Tell these points again: what was told last may be old."""
        for slot in slots:
            self._told.pop(slot, None)

    def read(self, rows: Int64, births: Int64, buffer: bytes, received: int) -> Decoded:
        """Return the readings of metrics and, with reasons, the bound metrics that are none.

        Parameters
        ----------
        rows : (12, n) metrics as the kernel decoded them; those without a slot are left out.
        births : their columns that stand in a birth: what is old there is a state found, not an event.
        """
        wanted = rows[wire.SLOT] >= 0
        if not wanted.all():
            rows, births = rows[:, wanted], _places(wanted, births)
        reason, quality = self._reasons(rows)
        if not reason.any():
            return Decoded(self._readings(rows, births, quality, buffer, received), NO_REJECTS)
        good = reason == 0
        readings = self._readings(rows[:, good], _places(good, births), quality[good], buffer, received)
        return Decoded(readings, self._rejects(rows, reason))

    @staticmethod
    def _reasons(rows: Int64) -> tuple[NDArray[np.uint8], Int16]:
        """Return why each metric is no reading, 0 where it is one, and its quality."""
        reason = FITS[np.minimum(rows[wire.TYPE], LAST_TYPE), rows[wire.KIND]]
        quality = np.full(len(reason), GOOD, dtype=np.int16)
        told = rows[wire.QUALITY]
        if (told >= 0).any():
            doubted = (told >= 0) & ((told & GOOD_QUALITY) != GOOD_QUALITY) | (told == STALE)
            quality[doubted] = UNCERTAIN
            reason[(told >= 0) & (told < GOOD_QUALITY) & (told & GOOD_QUALITY == 0)] = BAD_QUALITY
        if (null := (rows[wire.FLAGS] & wire.IS_NULL) != 0).any():
            reason[null] = IS_NULL
        if (far := rows[wire.TIME] > FURTHEST).any():
            reason[far & (reason == 0)] = BAD_TIME
        return reason, quality

    def _readings(self, rows: Int64, births: Int64, quality: Int16, buffer: bytes, received: int) -> Readings:
        slot = rows[wire.SLOT]
        worded = rows[wire.KIND] == wire.STRING
        value = rows[wire.VALUE].view(np.float64) * self._scale[slot] + self._offset[slot]
        ts, quality, source_ts = _times(rows[wire.TIME], births, quality, received)
        text = Text.constant(None, len(slot))
        if worded.any():
            value[worded] = np.nan
            text = Text.of(_words(rows, worded, buffer))
        readings = Readings(self._machine[slot], self._tag[slot], ts, value, text, quality, source_ts)
        if not self._some_rest:
            return readings
        return readings[self._moved(slot, value, quality, rows[wire.FLAGS])]

    def _moved(self, slot: Int64, value: Float64, quality: Int16, flags: Int64) -> NDArray[np.intp]:
        """Return the places of what moved further than its deadband, has none, or tells of the past."""
        past = (flags & wire.HISTORICAL) != 0
        kept = (self._deadband[slot] == 0) | np.isnan(value) | past
        for place in np.flatnonzero(~kept).tolist():
            number, of, at = float(value[place]), int(quality[place]), int(slot[place])
            told, told_of = self._told.get(at, (np.nan, of))
            if told_of != of or not abs(number - told) <= self._deadband[at]:
                kept[place], self._told[at] = True, (number, of)
        return np.flatnonzero(kept)

    def _rejects(self, rows: Int64, reason: NDArray[np.uint8]) -> Rejects:
        bad = np.flatnonzero(reason)
        slot, times = rows[wire.SLOT, bad], rows[wire.TIME, bad]
        types = zip(slot.tolist(), rows[wire.TYPE, bad].tolist(), strict=True)
        raw = [f"{self.points[at].address} of type {of_type}" for at, of_type in types]
        return Rejects(
            machine=self._machine[slot],
            tag=self._tag[slot],
            ts=np.where((times == NULL) | (times > FURTHEST), NULL, times * 1000),
            reason=Text(REASONS, reason[bad].astype(np.int32)),
            raw=Text.of(raw),
        )


def _places(kept: NDArray[np.bool_], places: Int64) -> Int64:
    """Return where places are when only what is kept is left."""
    return (np.cumsum(kept) - 1)[places[kept[places]]] if len(places) else places


def _times(millis: Int64, births: Int64, quality: Int16, received: int) -> tuple[Int64, Int16, Int64]:
    """Return event times, qualities and source times of metrics.

    What has no time has that of its receipt. What is old in a birth is a state found at its receipt.
    """
    ts, source_ts = millis * 1000, np.full(len(millis), NULL, dtype=np.int64)
    if (untimed := millis == NULL).any():
        ts[untimed] = received
        quality = np.where(untimed & (quality == GOOD), UNTIMED, quality).astype(np.int16)
    found = births[ts[births] < received - OPENING_AGE]
    source_ts[found], quality[found], ts[found] = ts[found], SNAPSHOT, received
    return ts, quality, source_ts


def _words(rows: Int64, worded: NDArray[np.bool_], buffer: bytes) -> list[str | None]:
    words: list[str | None] = [None] * len(worded)
    for place in np.flatnonzero(worded).tolist():
        words[place] = buffer[rows[wire.TEXT, place] : rows[wire.TEXT_END, place]].decode(errors="replace")
    return words
