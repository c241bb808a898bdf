"""Lines decoded into columns, against plain Python that gives the same columns.

    python -m bench decode --json

Plain Python is a loop as anybody would write it, and beside it the quickest one known (``tuned``). SHDR:
a recorded day of a machine tool (NIST, from ``SEAMLINE_DATA``; made-up lines of the same form without
it). JSON: the same readings as lines, half of their numbers with all 17 digits. Both sides take the same
bytes in memory, rounds alternate, the best of each counts, and all columns must be equal. Sparkplug's
figures come from `bench.decode_sparkplug`.
"""

from __future__ import annotations

import json
import lzma
import os
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from bench.sensors import rounds
from streams.catalog import Machine, Tag
from streams.connectors.batch import Decoded, joined
from streams.connectors.json_lines import decode_lines
from streams.connectors.shdr_lines import ShdrDecoder
from streams.records import GOOD, NULL, Readings, Rejects, Text
from streams.testing import plain

RECORDED = "nist-mtconnect/Mazak03-20160511-20160512.txt.xz"
TEXTS = frozenset({"avail", "execution", "program", "mode", "line", "block", "estop", "unit"})
PIECE = 1 << 18
REPEAT = 5
CONDITION = 7
LEVELS = frozenset({"NORMAL", "WARNING", "FAULT", "UNAVAILABLE"})


def recorded() -> list[bytes]:
    """Return the lines of a recorded day, or made-up ones."""
    data = os.environ.get("SEAMLINE_DATA")
    if data:
        return lzma.decompress((Path(data) / RECORDED).read_bytes()).splitlines()
    form = "2016-05-11T10:{:02d}:{:02d}.{:06d}Z|{}|{}"
    tags = ("Xabs", "Zabs", "total_time", "S2rpm", "execution")
    return [
        form.format(
            number // 1000 % 60,
            number // 16 % 60,
            number * 7919 % 10**6,
            tags[number % 5],
            number * 37 % 10**5,
        ).encode()
        for number in range(60_000)
    ]


def machine_of(lines: Sequence[bytes]) -> Machine:
    """Return a machine with the tags of the lines; those that ever say a word are texts."""
    fields = [line.decode().split("|") for line in lines]
    names = dict.fromkeys(name for parts in fields for name in parts[1:2])
    words = {
        parts[1] for parts in fields if len(parts) == CONDITION or (len(parts) > 2 and not _numeric(parts[2]))
    }
    return Machine("Mazak03", tuple(Tag(name, numeric=name not in words | TEXTS) for name in names))


def _numeric(text: str) -> bool:
    return text == "UNAVAILABLE" or text.lstrip("-").replace(".", "", 1).isdigit()


def by_kernel(stream: bytes, machine: Machine) -> Decoded:
    """Decode SHDR lines as the connector does, some thousands at a time."""
    decoder, at, parts = ShdrDecoder(machine, 0), 0, []
    while at < len(stream):
        end = stream.rfind(b"\n", at, at + PIECE) + 1
        parts.append(decoder.decode(stream[at:end]))
        at = end
    return joined(parts)


def by_split(stream: bytes, machine: Machine) -> Decoded:
    """Decode SHDR lines in a loop: split, look up, convert, append."""
    numeric = {tag.name: tag.numeric for tag in machine.tags}
    tags: list[str] = []
    times: list[int] = []
    values: list[float] = []
    texts: list[str | None] = []
    for line in stream.decode().split("\n"):
        fields = line.split("|")
        if len(fields) < 3:
            continue
        ts = round(datetime.fromisoformat(fields[0]).timestamp() * 1e6)
        pairs = zip(fields[1::2], fields[2::2], strict=True)
        if len(fields) == CONDITION and fields[2].upper() in LEVELS:
            pairs = zip((fields[1],), (fields[2].upper(),), strict=True)
        for tag, said in pairs:
            text = None
            value = np.nan
            if numeric[tag]:
                if said == "UNAVAILABLE":
                    continue
                value = float(said)
            else:
                text = said
            tags.append(tag)
            times.append(ts)
            values.append(value)
            texts.append(text)
    return _built(["Mazak03"] * len(tags), tags, times, values, texts)


def by_tuned_split(stream: bytes, machine: Machine) -> Decoded:
    """Decode SHDR lines in the quickest loop known: methods bound, a stamp parsed once, one pair apart."""
    numeric = {tag.name: tag.numeric for tag in machine.tags}
    tags: list[str] = []
    times: list[int] = []
    values: list[float] = []
    texts: list[str | None] = []
    put_tag, put_time, put_value, put_text = tags.append, times.append, values.append, texts.append
    known: dict[str, int] = {}
    parse, nan = datetime.fromisoformat, np.nan
    for line in stream.decode().split("\n"):
        fields = line.split("|")
        size = len(fields)
        if size < 3:
            continue
        ts = known.get(fields[0])
        if ts is None:
            ts = known[fields[0]] = round(parse(fields[0]).timestamp() * 1e6)
        if size == 3:
            pairs: Any = ((fields[1], fields[2]),)
        elif size == CONDITION and fields[2].upper() in LEVELS:
            pairs = ((fields[1], fields[2].upper()),)
        else:
            pairs = zip(fields[1::2], fields[2::2], strict=True)
        for tag, said in pairs:
            if not numeric[tag]:
                put_value(nan)
                put_text(said)
            elif said == "UNAVAILABLE":
                continue
            else:
                put_value(float(said))
                put_text(None)
            put_tag(tag)
            put_time(ts)
    return _built(["Mazak03"] * len(tags), tags, times, values, texts)


def by_loads(payload: bytes) -> Decoded:
    """Decode JSON lines in a loop: load, look up, append."""
    machines: list[str] = []
    tags: list[str] = []
    times: list[int] = []
    values: list[float] = []
    texts: list[str | None] = []
    for line in payload.split(b"\n"):
        fields = json.loads(line)
        machines.append(fields["machine"])
        tags.append(fields["tag"])
        times.append(fields["ts"])
        values.append(fields.get("value", np.nan))
        texts.append(fields.get("text"))
    return _built(machines, tags, times, values, texts)


def by_one_load(payload: bytes) -> Decoded:
    """Decode JSON lines as one document, then column by column: one line that is broken breaks all."""
    rows = json.loads(b"[" + payload.replace(b"\n", b",") + b"]")
    return _built(
        [row["machine"] for row in rows],
        [row["tag"] for row in rows],
        [row["ts"] for row in rows],
        [row.get("value", np.nan) for row in rows],
        [row.get("text") for row in rows],
    )


def _built(
    machine: list[str], tag: list[str], ts: list[int], value: list[float], text: list[str | None]
) -> Decoded:
    readings = Readings(
        machine=Text.of(machine),
        tag=Text.of(tag),
        ts=np.array(ts, dtype=np.int64),
        value=np.array(value, dtype=np.float64),
        text=Text.of(text),
        quality=np.full(len(ts), GOOD, dtype=np.int16),
        source_ts=np.full(len(ts), NULL, dtype=np.int64),
    )
    return Decoded(readings, Rejects.of("", []))


def json_lines(readings: Readings) -> bytes:
    """Return readings as JSON lines; every other number has all its digits."""
    rows = zip(
        readings.tag.to_list(),
        readings.ts.tolist(),
        readings.value.tolist(),
        readings.text.to_list(),
        strict=True,
    )
    lines = []
    for number, (tag, ts, value, text) in enumerate(rows):
        said: dict[str, Any] = (
            {"value": value / 3 if number % 2 else value} if text is None else {"text": text}
        )
        lines.append(json.dumps({"machine": "Mazak03", "tag": tag, "ts": ts, **said}, separators=(",", ":")))
    return "\n".join(lines).encode()


def compared(**sides: Callable[[], Decoded]) -> dict[str, float]:
    """Return the best seconds of each side.

    Raises
    ------
    AssertionError
        They give different columns.
    """
    best: dict[str, float] = {}
    results: dict[str, Decoded] = {}
    for name, took, result in rounds(sides, REPEAT):
        best[name], results[name] = min(took, best.get(name, took)), result
    first, *others = results.values()
    assert all(plain(first) == plain(other) for other in others)
    return best


def run() -> dict[str, Any]:
    """Measure both kinds of lines, and Sparkplug payloads."""
    lines = recorded()
    machine, stream = machine_of(lines), b"".join(line + b"\n" for line in lines)
    shdr = compared(
        ours=lambda: by_kernel(stream, machine),
        loop=lambda: by_split(stream, machine),
        tuned=lambda: by_tuned_split(stream, machine),
    )
    payload = json_lines(by_kernel(stream, machine).readings)
    size = payload.count(b"\n") + 1
    of_json = compared(
        ours=lambda: decode_lines(payload),
        loop=lambda: by_loads(payload),
        tuned=lambda: by_one_load(payload),
    )
    return {
        "shdr_lines_per_s": round(len(lines) / shdr["ours"]),
        "shdr_vs_python": round(shdr["loop"] / shdr["ours"], 1),
        "shdr_vs_tuned_python": round(shdr["tuned"] / shdr["ours"], 1),
        "json_lines_per_s": round(size / of_json["ours"]),
        "json_vs_python": round(of_json["loop"] / of_json["ours"], 1),
        "json_vs_tuned_python": round(of_json["tuned"] / of_json["ours"], 1),
        **sparkplug(),
    }


def sparkplug() -> dict[str, Any]:
    """Return the figures of Sparkplug payloads, where that benchmark is there."""
    if find_spec("bench.decode_sparkplug") is None:
        return {}
    figures: dict[str, Any] = import_module("bench.decode_sparkplug").run()
    return figures
