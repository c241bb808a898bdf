"""SHDR lines in Python; checks and meaning stand in `kernels.shdr`."""

from __future__ import annotations

import re

import numpy as np

from kernels.pure.words import END, FULL, LONGEST, ODD, STAMP, Array, Stop, Table, stamp

NULL = np.iinfo(np.int64).min
NUMBER, TEXT, SKIPPED, EMPTY = 0, 1, 2, 3
FIELDS = 255
CONDITION = 7

SHDR_STAMP = re.compile(rb"(%s)(?:@.*)?" % STAMP, re.DOTALL)
FLOAT = re.compile(rb"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
MAYBE = re.compile(rb"nan|inf", re.IGNORECASE)


def pairs(
    payload: Array,
    levels: Array,
    numeric: Array,
    key_slots: Array,
    key_spans: Array,
    text_slots: Array,
    text_spans: Array,
    counts: Array,
    line: Array,
    key: Array,
    ts: Array,
    value: Array,
    text: Array,
    kind: Array,
) -> int:
    """Read pairs line by line; return why it stopped."""
    raw = payload.tobytes()
    keys, texts = Table(raw, key_spans, counts[2]), Table(raw, text_spans, counts[3])
    told = {raw[begin : begin + size]: begin for begin, size in levels.tolist()}
    why = END
    try:
        while counts[0] < len(raw):
            begin, row = int(counts[0]), int(counts[1])
            end = raw.find(b"\n", begin)
            end = len(raw) if end < 0 else end
            for place, word, at, time in _pairs(raw[begin:end].rstrip(b"\r"), begin, told, keys, numeric):
                if row == len(line):
                    raise Stop(FULL)
                number = keys.add(word[0], place)
                key[row], ts[row], line[row] = number, time, begin
                known = bool(numeric[number]) if number < len(numeric) else None
                kind[row], value[row], text[row] = _said(word[1], at, known, texts)
                row += 1
            counts[0], counts[1] = min(end + 1, len(raw)), row
    except Stop as stop:
        why = int(stop.args[0])
    counts[2], counts[3] = keys.count, texts.count
    return why


def _pairs(
    raw: bytes, begin: int, levels: dict[bytes, int], keys: Table, numeric: Array
) -> list[tuple[int, tuple[bytes, bytes], int, int]]:
    """Return (place of key, (key, value), place of value, time) of each pair; raise for an odd line."""
    if not raw:
        return []
    fields = raw.split(b"|")
    size = len(fields)
    if not raw.isascii() or not 3 <= size <= FIELDS or size % 2 == 0 or raw[:1] == b"*":
        raise Stop(ODD)
    found = SHDR_STAMP.fullmatch(fields[0])
    if fields[1].startswith(b"@") or (fields[0] and found is None):
        raise Stop(ODD)
    time = NULL if found is None else stamp(found[1])
    places = np.cumsum([begin] + [len(field) + 1 for field in fields]).tolist()
    level = fields[2].upper()
    if (
        size == CONDITION
        and level in levels
        and not any(0 <= keys.find(fields[i]) < len(numeric) for i in (3, 5))
    ):
        return [(places[1], (fields[1], level), levels[level], time)]
    return [(places[i], (fields[i], fields[i + 1]), places[i + 1], time) for i in range(1, size, 2)]


def _said(word: bytes, at: int, known: bool | None, texts: Table) -> tuple[int, float, int]:
    if known and not word:
        return EMPTY, np.nan, -1
    if known and word == b"UNAVAILABLE":
        return SKIPPED, np.nan, -1
    if known is not False and word:
        if FLOAT.fullmatch(word) and len(word) <= LONGEST:
            return NUMBER, float(word), -1
        if not _wordy(word):
            raise Stop(ODD)
    return TEXT, np.nan, texts.add(word, at)


def _wordy(word: bytes) -> bool:
    """Return whether a text that is no plain number is surely none."""
    if word[:1].isalpha():
        return not MAYBE.match(word)
    return word[0] > ord(" ") and word[-1] > ord(" ") and b" " in word
