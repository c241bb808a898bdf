"""What a message holds: an Arrow stream or JSON lines become readings and rejects. Pure."""

from __future__ import annotations

from typing import NamedTuple

import pyarrow as pa

from streams.connectors.json_lines import decode_lines
from streams.records import RAW_LIMIT, Readings, Rejects


class Said(NamedTuple):
    """What a message said; ``refusal`` tells why the whole of it could not be read."""

    readings: Readings
    rejects: Rejects
    refusal: str = ""


def read(kind: bytes, payload: bytes) -> Said:
    """Return what a message says; a whole message that cannot be read is a reject, too."""
    try:
        return Said(*_decode(kind, payload))
    except ValueError as exc:
        raw = payload[:RAW_LIMIT].decode(errors="backslashreplace")
        return Said(Readings.empty(), Rejects.of("unreadable", [raw]), str(exc))


def _decode(kind: bytes, payload: bytes) -> tuple[Readings, Rejects]:
    if kind == b"json":
        return decode_lines(payload)
    if kind == b"arrow":
        return _arrow(payload), NOTHING
    raise ValueError(f"a message of kind {kind!r} is neither arrow nor json")


def _arrow(payload: bytes) -> Readings:
    try:
        with pa.ipc.open_stream(payload) as reader:
            batches = list(reader)
        for batch in batches:
            batch.validate(full=True)
        whole = _one(batches)
    except (pa.ArrowException, OSError) as exc:
        raise ValueError(f"the bytes are not Arrow batches: {exc}") from exc
    return Readings.from_arrow(whole) if whole is not None else Readings.empty()


def _one(batches: list[pa.RecordBatch]) -> pa.RecordBatch | None:
    """Return the rows of all batches as one batch, None where there are none."""
    if len(batches) == 1:
        return batches[0]
    merged = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks() if batches else None
    return merged.to_batches()[0] if merged is not None and merged.num_rows else None


NOTHING = Rejects.of("", [])
