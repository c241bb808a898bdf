"""SHDR lines in Python; checks and meaning stand in `kernels.shdr`."""

from __future__ import annotations

import re

import numpy as np

from kernels.pure.words import END, FULL, LONGEST, ODD, STAMP, Array, Stop, Table, stamp

NULL = np.iinfo(np.int64).min
NUMBER, TEXT, SKIPPED, EMPTY = 0, 1, 2, 3
WORDS, NUMBERS, OTHERS = 0, 1, 2
"""What a key takes; one that is not known takes both."""
FIELDS = 255
CONDITION = 7

SHDR_STAMP = re.compile(rb"(%s)(?:@.*)?" % STAMP, re.DOTALL)
FLOAT = re.compile(rb"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
MAYBE = re.compile(rb"nan|inf", re.IGNORECASE)


def pairs(
    payload: Array,
    levels: Array,
    numeric: Array,
    known_slots: Array,
    known_spans: Array,
    key_slots: Array,
    key_spans: Array,
    text_slots: Array,
    text_spans: Array,
    takes: Array,
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
    known = Table(raw, known_spans, len(numeric))
    keys, texts = Table(raw, key_spans, 0), Table(raw, text_spans, 0)
    told = {raw[begin : begin + size]: begin for begin, size in levels.tolist()}
    why = END
    try:
        while counts[0] < len(raw):
            begin, row = int(counts[0]), int(counts[1])
            end = raw.find(b"\n", begin)
            end = len(raw) if end < 0 else end
            for place, word, at, time in _pairs(raw[begin:end].rstrip(b"\r"), begin, told, known):
                if row == len(line):
                    raise Stop(FULL)
                number = keys.add(word[0], place)
                takes[number] = _takes(known.find(word[0]), numeric)
                key[row], ts[row], line[row] = number, time, begin
                kind[row], value[row], text[row] = _said(word[1], at, takes[number], texts)
                row += 1
            counts[:4] = min(end + 1, len(raw)), row, keys.count, texts.count
    except Stop as stop:
        why = int(stop.args[0])
    return why


def _pairs(
    raw: bytes, begin: int, levels: dict[bytes, int], known: Table
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
    if size == CONDITION and level in levels and all(known.find(fields[i]) < 0 for i in (3, 5)):
        return [(places[1], (fields[1], level), levels[level], time)]
    return [(places[i], (fields[i], fields[i + 1]), places[i + 1], time) for i in range(1, size, 2)]


def _takes(known: int, numeric: Array) -> int:
    """Return what a key takes."""
    return OTHERS if known < 0 else NUMBERS if numeric[known] else WORDS


def _said(word: bytes, at: int, takes: int, texts: Table) -> tuple[int, float, int]:
    if takes == NUMBERS and not word:
        return EMPTY, np.nan, -1
    if takes == NUMBERS and word == b"UNAVAILABLE":
        return SKIPPED, np.nan, -1
    if takes != WORDS and word:
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
