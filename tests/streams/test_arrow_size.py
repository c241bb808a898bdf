from __future__ import annotations

import contextlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.connectors import messages
from streams.connectors.arrow_size import unpacked
from streams.records import Readings


def stream(batch, compression=None, times=1):
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        for _ in range(times):
            writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


READINGS = Readings.numbers(["rig"] * 4000, ["a", "b"] * 2000, np.arange(4000), np.zeros(4000)).to_arrow()
SIZE = READINGS.get_total_buffer_size()


@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
def test_the_size_of_what_is_packed_is_known_before_it_is_unpacked(compression):
    payload = stream(READINGS, compression, times=2)
    assert 1.9 * SIZE < unpacked(payload) < 2.1 * SIZE
    assert len(messages.read(b"arrow", payload).readings) == 8000


@pytest.mark.parametrize("kind", [b"arrow", b"waveform-arrow"])
@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_what_would_unpack_to_too_much_is_refused_before_it_does(kind, compression):
    payload = stream(pa.RecordBatch.from_pydict({"value": np.zeros(9 << 20)}), compression)
    assert len(payload) < 1 << 20
    before = pa.total_allocated_bytes()
    assert messages.read(kind, payload).refusal == (
        f"the batches unpack to {9 << 23} bytes, {64 << 20} are the most; send fewer at once"
    )
    assert pa.total_allocated_bytes() - before < 1 << 20


def test_a_dictionary_counts_too():
    words = pa.array([str(number) * 9 for number in range(2000)]).dictionary_encode()
    assert unpacked(stream(pa.RecordBatch.from_pydict({"word": words}), "zstd")) > words.dictionary.nbytes


PACKED = stream(READINGS.slice(0, 50), "zstd")
changes = st.lists(st.tuples(st.integers(0, len(PACKED) - 1), st.integers(0, 255)), max_size=6)


@settings(max_examples=1000)
@given(changes, st.integers(0, 60))
def test_any_bytes_have_a_size_or_are_refused(changed, cut):
    payload = bytearray(PACKED)
    for place, byte in changed:
        payload[place] = byte
    raw = bytes(payload[: len(payload) - cut])
    with contextlib.suppress(ValueError, OSError):
        assert unpacked(raw) >= 0
    messages.read(b"arrow", raw)
