"""JSON lines in Python; checks and meaning stand in `kernels.json_lines`."""

from __future__ import annotations

import re

import numpy as np

from kernels.pure.words import END, FULL, LONGEST, ODD, STAMP, Array, Stop, Table, stamp

NULL = np.iinfo(np.int64).min
STRING = rb'"([\x20\x21\x23-\x5b\x5d-\x7f]*)"'
MEMBER = re.compile(
    rb"[ \t\r]*" + STRING + rb'[ \t\r]*:[ \t\r]*("[^"]*"|[^ \t\r,}]*)[ \t\r]*(,|}[ \t\r]*$)', re.DOTALL
)
JSON_FLOAT = re.compile(rb"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
JSON_INT = re.compile(rb"-?(?:0|[1-9]\d*)")


def objects(
    payload: Array,
    machine_slots: Array,
    machine_spans: Array,
    tag_slots: Array,
    tag_spans: Array,
    text_slots: Array,
    text_spans: Array,
    counts: Array,
    line: Array,
    machine: Array,
    tag: Array,
    ts: Array,
    value: Array,
    text: Array,
    quality: Array,
    source_ts: Array,
    kind: Array,
) -> int:
    """Read objects line by line; return why it stopped."""
    raw = payload.tobytes()
    spans = (machine_spans, tag_spans, text_spans)
    tables = [Table(raw, span, count) for span, count in zip(spans, counts[2:].tolist(), strict=True)]
    why = END
    try:
        while counts[0] < len(raw):
            begin, row = int(counts[0]), int(counts[1])
            if row == len(kind):
                raise Stop(FULL)
            end = raw.find(b"\n", begin)
            end = len(raw) if end < 0 else end
            if raw[begin:end].strip(b" \t\r"):
                fields = _object(raw, begin, end)
                kind[row] = ODD if fields is None else END
                line[row] = begin, end
                if fields is not None:
                    words, numbers = fields
                    machine[row], tag[row], text[row] = _coded(tables, words)
                    ts[row], value[row], quality[row], source_ts[row] = numbers
                counts[1] += 1
            counts[0] = min(end + 1, len(raw))
    except Stop as stop:
        why = int(stop.args[0])
    counts[2:] = [table.count for table in tables]
    return why


def _coded(tables: list[Table], words: list[tuple[bytes, int] | None]) -> list[int]:
    """Return the numbers of a line's words; each table is asked even if another is full, as by the twin."""
    codes, full = [], False
    for table, word in zip(tables, words, strict=True):
        try:
            codes.append(-1 if word is None else table.add(*word))
        except Stop:
            full = True
    if full:
        raise Stop(FULL)
    return codes


Fields = tuple[list[tuple[bytes, int] | None], tuple[int, float, int, int]]


def _object(raw: bytes, begin: int, end: int) -> Fields | None:
    """Return words and numbers of a line that is one flat object; None where it is anything else."""
    found: dict[bytes, tuple[bytes, int]] = {}
    start = re.compile(rb"[ \t\r]*\{").match(raw, begin, end)
    at, last = (start.end() if start else end), b","
    while last == b",":
        member = MEMBER.match(raw, at, end)
        if member is None or member[1] in found:
            return None
        null = member[2] == b"null" and member[1] in {b"ts", b"text", b"value", b"source_ts"}
        if not null:
            found[member[1]] = member[2], member.start(2)
        at, last = member.end(), member[3]
    if at != end or not {b"machine", b"tag"} <= found.keys() <= KNOWN:
        return None
    if (b"value" in found) == (b"text" in found):
        return None
    try:
        words = [_word(found.get(name)) for name in (b"machine", b"tag", b"text")]
        return words, _numbers({name: token for name, (token, _) in found.items()})
    except Stop:
        return None


KNOWN = {b"machine", b"tag", b"ts", b"value", b"text", b"quality", b"source_ts"}


def _word(token: tuple[bytes, int] | None) -> tuple[bytes, int] | None:
    if token is None:
        return None
    if re.fullmatch(STRING, token[0]) is None:
        raise Stop(ODD)
    return token[0][1:-1], token[1] + 1


def _numbers(tokens: dict[bytes, bytes]) -> tuple[int, float, int, int]:
    quality = _integer(tokens.get(b"quality", b"0"))
    if not 0 <= quality < 1 << 15:
        raise Stop(ODD)
    source_ts = _time(tokens[b"source_ts"]) if b"source_ts" in tokens else NULL
    ts = _time(tokens[b"ts"]) if b"ts" in tokens else NULL
    return ts, _float(tokens.get(b"value")), quality, source_ts


def _float(token: bytes | None) -> float:
    if token is None:
        return np.nan
    if JSON_FLOAT.fullmatch(token) is None or len(token) > LONGEST:
        raise Stop(ODD)
    return float(int(token)) if JSON_INT.fullmatch(token) else float(token)


def _integer(token: bytes) -> int:
    if JSON_INT.fullmatch(token) is None or len(token) > 18:
        raise Stop(ODD)
    return int(token)


def _time(token: bytes) -> int:
    if token[:1] != b'"':
        return _integer(token)
    if re.fullmatch(STAMP, token[1:-1]) is None:
        raise Stop(ODD)
    return stamp(token[1:-1])
