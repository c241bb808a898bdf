"""How large an Arrow stream becomes when its buffers are unpacked, read off before any is. Pure.

A few kilobytes of zstd unpack to gigabytes. Each packed buffer begins with its size unpacked; where the
buffers lie stands in each message's metadata, a flatbuffer. Source: the Arrow columnar format, "IPC".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

import pyarrow as pa

DICTIONARY_BATCH, RECORD_BATCH = 2, 3
HEADER_TYPE, HEADER = 1, 2
DATA = 1
"""Field of a dictionary batch: the record batch in it."""
BUFFERS, COMPRESSION = 2, 3
"""Fields of a record batch."""
NOT_PACKED = -1
INT64, INT32, UINT32, UINT16 = (struct.Struct(form) for form in ("<q", "<i", "<I", "<H"))
BUFFER = struct.Struct("<qq")
"""Where a buffer begins in the body, and its length."""


def unpacked(payload: bytes) -> int:
    """Return the bytes of all buffers of a stream once they are unpacked.

    Raises
    ------
    ValueError, OSError
        It is no Arrow stream.
    """
    try:
        return sum(_of_message(message) for message in pa.ipc.MessageReader.open_stream(payload))
    except (struct.error, IndexError) as exc:
        raise ValueError(f"the metadata lead beyond their end: {exc}") from exc


def _of_message(message: pa.ipc.Message) -> int:
    fields = memoryview(message.metadata)
    root = _at(fields, 0)
    kind = _place(fields, root, HEADER_TYPE)
    header = _table(fields, root, HEADER)
    if not kind or fields[kind] not in {DICTIONARY_BATCH, RECORD_BATCH}:
        return 0
    batch = _table(fields, header, DATA) if fields[kind] == DICTIONARY_BATCH else header
    body = memoryview(message.body or b"")
    if not _place(fields, batch, COMPRESSION):
        return len(body)
    return sum(_of_buffer(body, offset, length) for offset, length in _buffers(fields, batch))


def _of_buffer(body: memoryview, offset: int, length: int) -> int:
    if length < INT64.size:
        return 0
    (size,) = INT64.unpack_from(body, offset)
    if size < NOT_PACKED:
        raise ValueError(f"a buffer says to unpack to {size} bytes")
    return length if size == NOT_PACKED else int(size)


def _buffers(fields: memoryview, batch: int) -> Iterator[tuple[int, int]]:
    """Yield offset and length of every buffer."""
    vector = _table(fields, batch, BUFFERS)
    (count,) = UINT32.unpack_from(fields, vector)
    begin = vector + UINT32.size
    yield from BUFFER.iter_unpack(fields[begin : begin + BUFFER.size * count])


def _table(fields: memoryview, table: int, field: int) -> int:
    """Return where the table or vector begins that a field leads to."""
    place = _place(fields, table, field)
    return _at(fields, place) if place else 0


def _at(fields: memoryview, place: int) -> int:
    return place + int(UINT32.unpack_from(fields, place)[0])


def _place(fields: memoryview, table: int, field: int) -> int:
    """Return where a table keeps a field, 0 where it has none."""
    vtable = table - INT32.unpack_from(fields, table)[0]
    slot = 4 + 2 * field
    if slot >= UINT16.unpack_from(fields, vtable)[0]:
        return 0
    (offset,) = UINT16.unpack_from(fields, vtable + slot)
    return table + int(offset) if offset else 0
