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


def columns(rows, **other):
    """Return columns of readings of which a packed byte is thousands of rows."""
    word = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array(["rig"]))
    plain = {"machine": word, "tag": word, "ts": np.zeros(rows, np.int64), "value": np.zeros(rows)}
    return pa.RecordBatch.from_pydict(plain | other)


@pytest.mark.parametrize("times", [1, 2])
def test_a_few_bytes_are_a_million_rows_at_the_most(times):
    taken = stream(columns(messages.ROWS_LIMIT // times), "zstd", times)
    assert len(taken) < 1 << 14
    assert len(messages.read(b"arrow", taken).readings) == messages.ROWS_LIMIT
    said = messages.read(b"arrow", stream(columns(messages.ROWS_LIMIT // times + 1), "zstd", times))
    assert not len(said.readings)
    assert said.refusal.endswith("rows, 1048576 are the most; send fewer at once")


def test_a_few_bytes_are_some_thousand_waveforms_at_the_most():
    rows = messages.WAVEFORMS_LIMIT
    recorded = {"sensor": ["x"], "rate_hz": [1.0], "samples": pa.array([[1.0]])}

    def batch(rows):
        return columns(
            rows, **{name: pa.array(value).take(pa.array([0] * rows)) for name, value in recorded.items()}
        )

    taken = messages.read(b"waveform-arrow", stream(batch(rows), "zstd")).waveforms
    assert taken is not None
    assert len(taken) == rows
    refusal = messages.read(b"waveform-arrow", stream(batch(rows + 1), "zstd")).refusal
    assert refusal == "the message has 16385 rows, 16384 are the most; send fewer at once"


ENDLESS = pa.ListArray.from_arrays(pa.array([0, 1 << 30], pa.int32()), pa.nulls(1 << 30))
FEW = {
    "nulls": {"machine": pa.nulls(9)},
    "no values": {"value": pa.nulls(9)},
    "runs": {"ts": pa.RunEndEncodedArray.from_arrays(pa.array([9], pa.int32()), pa.array([1]))},
    "words that are null": {
        "tag": pa.DictionaryArray.from_arrays(pa.array([0] * 9, pa.int8()), pa.nulls(99))
    },
}


@pytest.mark.parametrize("name", FEW)
def test_columns_whose_values_take_no_bytes_are_refused(name):
    refusal = messages.read(b"arrow", stream(columns(9, **FEW[name]))).refusal
    assert refusal.endswith("; send it as plain values")


@pytest.mark.parametrize("samples", [ENDLESS, pa.array([[1.0]], pa.list_view(pa.float32()))])
def test_samples_that_take_no_bytes_are_refused_before_they_take_any(samples):
    batch = columns(1, sensor=["x"], rate_hz=[1.0], samples=samples)
    before = pa.total_allocated_bytes()
    assert "column samples is of type list" in messages.read(b"waveform-arrow", stream(batch)).refusal
    assert pa.total_allocated_bytes() - before < 1 << 20


def test_texts_alone_need_no_value_and_may_be_views():
    words = pa.array(["on", None, "a word that does not fit into a view"], pa.string_view())
    batch = columns(3, tag=words, text=words, value=pa.nulls(3))
    said = messages.read(b"arrow", stream(batch))
    assert (said.refusal, said.readings.tag.to_list()) == ("", words.to_pylist())


@pytest.mark.parametrize("kind", [pa.string(), pa.string_view()])
def test_a_word_that_comes_again_and_again_counts_each_time(kind):
    words = pa.array(["a" * (1 << 20), "b"]).cast(kind)
    long, short = ([code] * 257 for code in (0, 1))
    coded = pa.DictionaryArray.from_arrays(pa.array(long, pa.int32()), words)
    refusal = messages.read(b"arrow", stream(columns(257, tag=coded), "zstd")).refusal
    assert refusal.startswith(f"the texts of the rows are {257 * ((1 << 20) + 3)} bytes")
    coded = pa.DictionaryArray.from_arrays(pa.array(short, pa.int32()), words)
    assert not messages.read(b"arrow", stream(columns(257, tag=coded), "zstd", times=2)).refusal
    coded = coded.take(pa.array([0] * 200))
    assert not messages.read(b"arrow", stream(columns(200, tag=coded, text=coded), "zstd", times=2)).refusal


def test_a_dictionary_without_words_has_no_letters():
    none = pa.DictionaryArray.from_arrays(pa.nulls(257, pa.int32()), pa.array([], pa.string()))
    long = pa.DictionaryArray.from_arrays(pa.array([0] * 257, pa.int32()), pa.array(["a" * (1 << 20)]))
    said = messages.read(b"arrow", stream(columns(257, tag=long, text=none), "zstd"))
    assert said.refusal.startswith("the texts of the rows are")


def test_views_of_the_same_letters_count_each_time():
    """Arrow itself would copy them when it writes them: a view is a length, first letters and a place."""
    view = np.array([1 << 20, int.from_bytes(b"aaaa", "little"), 0, 0], np.int32)
    buffers = [None, pa.py_buffer(np.tile(view, 257).tobytes()), pa.py_buffer(b"a" * (1 << 20))]
    words = pa.Array.from_buffers(pa.string_view(), 257, buffers)
    refusal = messages.read(b"arrow", stream(columns(257, tag=words))).refusal
    assert refusal.startswith(f"the texts of the rows are {257 * ((1 << 20) + 3)} bytes")


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
