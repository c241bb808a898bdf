"""Sparkplug B payloads in Python; checks and meaning stand in `kernels.sparkplug`."""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

ALIAS, SLOT, TIME, TYPE, KIND, FLAGS, VALUE, NAME, NAME_END, TEXT, TEXT_END, QUALITY = range(12)
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
NULL, LARGEST = -(1 << 63), (1 << 63) - 1
WORD, HALF = (1 << 64) - 1, (1 << 32) - 1
WIDTHS = {1: 8, 2: 16, 3: 32, 4: 64}

Field = tuple[int, int, int, int]
"""Number of the field, value of a varint or fixed field, first byte and end of a text's."""


class _Malformed(Exception):
    """The bytes are no protobuf message."""


def decode(
    payload: NDArray[np.uint8],
    bounds: NDArray[np.int64],
    known: NDArray[np.int64],
    heads: NDArray[np.int64],
    rows: NDArray[np.int64],
    first: int,
) -> None:
    """Fill heads and rows; a head's fault is 1 for malformed bytes, 2 where there was no room."""
    aliases, full = known[0].tolist(), False
    for head, begin, end in zip(heads, bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        head[4] = 2 if full else _payload(payload.data, begin, end, aliases, known, head, rows, first)
        full = head[4] == 2
        head[2] *= head[4] == 0
        first += int(head[2])


def _payload(
    data: memoryview,
    begin: int,
    end: int,
    aliases: list[int],
    known: NDArray[np.int64],
    head: NDArray[np.int64],
    rows: NDArray[np.int64],
    first: int,
) -> int:
    head[:4] = (NULL, NULL, 0, 0)
    row, last = first, -1
    try:
        for wire, (tag, number, start, stop) in _fields(data, begin, end):
            if tag in {1, 3} and wire == VARINT:
                head[tag // 2] = min(number, LARGEST)
            elif tag == 2 and wire == BYTES:
                if row >= rows.shape[1]:
                    return 2
                rows[:, row] = _metric(data, start, stop)
                last = _find(aliases, known, rows[:, row], last)
                _number(known, rows[:, row], last)
                head[3] += rows[SLOT, row] == -1
                row += 1
    except _Malformed:
        return 1
    written = rows[TIME, first:row]
    written[written == NULL] = head[0]
    head[2] = row - first
    return 0


def _metric(data: memoryview, begin: int, end: int) -> list[int]:
    row = [0] * QUALITY + [-1]
    row[NAME], row[TIME] = -1, NULL
    for wire, (tag, number, start, stop) in _fields(data, begin, end):
        if wire == VARINT and tag == 2:
            row[ALIAS], row[FLAGS] = _signed(number, 64), row[FLAGS] | 8
        elif wire == VARINT and tag == 3:
            row[TIME] = min(number, LARGEST)
        elif wire == VARINT and tag == 4:
            row[TYPE] = number & HALF
        elif wire == VARINT and tag in {5, 6, 7}:
            row[FLAGS] = row[FLAGS] & ~(1 << (tag - 5)) | (number != 0) << (tag - 5)
        elif (wire, tag) in {(VARINT, 10), (VARINT, 11), (VARINT, 14), (FIXED32, 12), (FIXED64, 13)}:
            row[KIND], row[VALUE] = tag, _signed(number, 64)
        elif wire == BYTES and tag == 1:
            row[NAME], row[NAME_END] = start, stop
        elif wire == BYTES and tag == 9:
            row[QUALITY] = _quality(data, start, stop, row[QUALITY])
        elif wire == BYTES and tag in {15, 16, 17, 18, 19}:
            row[KIND], row[TEXT], row[TEXT_END] = tag, start, stop
    return row


def _quality(data: memoryview, begin: int, end: int, quality: int) -> int:
    fields = [field for wire, field in _fields(data, begin, end) if wire == BYTES]
    keys = [bytes(data[start:stop]) for tag, _, start, stop in fields if tag == 1]
    values = [(start, stop) for tag, _, start, stop in fields if tag == 2]
    found = [place for place, key in enumerate(keys) if key == b"Quality"]
    if found and found[-1] < len(values):
        for wire, (tag, number, _, _) in _fields(data, *values[found[-1]]):
            quality = number & HALF if wire == VARINT and tag in {3, 4} else quality
    return quality


def _find(aliases: list[int], known: NDArray[np.int64], row: NDArray[np.int64], last: int) -> int:
    row[SLOT] = -1
    if not row[FLAGS] & 8:
        return last
    place = bisect_left(aliases, row[ALIAS])
    if place < len(aliases) and aliases[place] == row[ALIAS]:
        row[SLOT] = known[1, place]
        return place
    return last


def _number(known: NDArray[np.int64], row: NDArray[np.int64], last: int) -> None:
    bits, kind = int(row[VALUE]) & WORD, int(row[KIND])
    if 10 <= kind <= 14:
        row[TEXT] = row[VALUE]
    if row[TYPE] == 0 and row[SLOT] != -1:
        row[TYPE] = known[2, last]
    row[VALUE : VALUE + 1].view(np.float64)[0] = _value(bits, kind, int(row[TYPE]))


def _value(bits: int, kind: int, of_type: int) -> float:
    if kind == 12:
        return float(struct.unpack("<f", struct.pack("<I", bits & HALF))[0])
    if kind == 13:
        return float(struct.unpack("<d", struct.pack("<Q", bits))[0])
    if kind == 14:
        return float(bits != 0)
    bits = bits & HALF if kind == 10 else bits
    width = WIDTHS.get(of_type)
    return float(bits if width is None else _signed(bits, 32 if kind == 10 and width == 64 else width))


def _signed(bits: int, width: int) -> int:
    bits &= (1 << width) - 1
    return bits - (bits >> (width - 1) << width)


def _fields(data: memoryview, at: int, end: int) -> Iterator[tuple[int, Field]]:
    """Yield the wire type of each field of a message, and the field."""
    while at < end:
        tag, at = _varint(data, at, end)
        wire, number, start = tag & 7, 0, at
        if not 0 < tag >> 3 <= HALF >> 3 or wire not in {VARINT, FIXED64, BYTES, FIXED32}:
            raise _Malformed
        if wire in {VARINT, BYTES}:
            number, start = _varint(data, at, end)
            at = start + (number if wire == BYTES else 0)
        else:
            at += 8 if wire == FIXED64 else 4
            number = int.from_bytes(data[start:at], "little")
        if at > end:
            raise _Malformed
        yield wire, (tag >> 3, number, start, at)


def _varint(data: memoryview, at: int, end: int) -> tuple[int, int]:
    number = shift = 0
    while at < end:
        byte = data[at]
        if shift == 63 and byte > 1:
            raise _Malformed
        at += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, at
        shift += 7
    raise _Malformed
