"""What a message holds: readings and rejects, or waveforms, out of Arrow or JSON. Pure."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from streams.connectors import arrow_types, waveforms
from streams.connectors.arrow_size import unpacked
from streams.connectors.batch import NO_REJECTS
from streams.connectors.json_lines import decode_lines
from streams.connectors.zones import Zone, zoned_json
from streams.records import NULL, RAW_LIMIT, Readings, Rejects
from streams.waveforms import Waveforms

REASON_LIMIT = 500
"""Letters of a refusal: it may quote what it refuses."""
JSON = (b"json", b"waveform-json")
UNPACKED_LIMIT = 64 << 20
"""Bytes that a message may become: eight times the largest one."""
ROWS_LIMIT = 1 << 20
"""Readings of an Arrow message: three times as many as the largest one holds unpacked."""
WAVEFORMS_LIMIT = 1 << 14
"""Waveforms of an Arrow message."""


class Said(NamedTuple):
    """What a message said; ``refusal`` tells why the whole of it could not be read."""

    readings: Readings
    rejects: Rejects
    refusal: str = ""
    waveforms: Waveforms | None = None
    """Of a message of waveforms, which holds nothing else."""


def read(kind: bytes, payload: bytes, received: int = NULL, zone: Zone = None) -> Said:
    """Return what a message says; a whole message that cannot be read is a reject, too.

    When it was ``received`` is the time of JSON lines without one; Arrow and waveforms have theirs.
    Texts of JSON that name no zone are times of ``zone``; None: UTC.
    """
    try:
        return _decode(kind, zoned_json(payload, zone) if kind in JSON else payload, received)
    except ValueError as exc:
        raw = payload[:RAW_LIMIT].decode(errors="backslashreplace")
        return Said(Readings.empty(), Rejects.of("unreadable", [raw]), str(exc)[:REASON_LIMIT])


def _decode(kind: bytes, payload: bytes, received: int) -> Said:
    if kind == b"json":
        return Said(*decode_lines(payload, received))
    if kind == b"arrow":
        whole = _arrow(payload, ROWS_LIMIT)
        return Said(Readings.empty() if whole is None else Readings.from_arrow(whole), NO_REJECTS)
    if kind == b"waveform-json":
        return _recorded(waveforms.decode_json(payload))
    if kind == b"waveform-arrow":
        whole = _arrow(payload, WAVEFORMS_LIMIT)
        return _recorded(Waveforms.empty() if whole is None else Waveforms.from_arrow(whole))
    said = repr(kind[:32])
    raise ValueError(f"a message of kind {said} is none of arrow, json, waveform-arrow and waveform-json")


def _recorded(found: Waveforms) -> Said:
    return Said(Readings.empty(), NO_REJECTS, waveforms=waveforms.check(found))


def _arrow(payload: bytes, most: int) -> pa.RecordBatch | None:
    """Return the rows of an Arrow stream, so many at the most, as one batch, None where there are none."""
    try:
        if (size := unpacked(payload)) > UNPACKED_LIMIT:
            raise ValueError(
                f"the batches unpack to {size} bytes, {UNPACKED_LIMIT} are the most; send fewer at once"
            )
        with pa.ipc.open_stream(payload) as reader:
            batches, schema = list(reader), reader.schema
        _check(sum(batch.num_rows for batch in batches), size, most)
        arrow_types.check_schema(schema)
        for batch in batches:
            batch.validate()
        arrow_types.check_letters(batches)
        for batch in batches:
            batch.validate(full=True)
        return _one(batches)
    except (pa.ArrowException, OSError) as exc:
        raise ValueError(f"the bytes are not Arrow batches: {exc}") from exc


def _check(rows: int, size: int, most: int) -> None:
    """Refuse rows that would grow: what is packed, or null, takes next to no bytes, however many they are."""
    if rows > size:
        raise ValueError(f"{rows} rows cannot be in {size} bytes")
    if rows > most:
        raise ValueError(f"the message has {rows} rows, {most} are the most; send fewer at once")


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch | None:
    """Return the rows of all batches as one batch, None where there are none."""
    if len(batches) == 1:
        return batches[0]
    merged = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks() if batches else None
    return merged.to_batches()[0] if merged is not None and merged.num_rows else None
