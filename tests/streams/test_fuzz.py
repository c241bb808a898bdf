"""A thousand broken messages for each decoder: refused with a reason, or taken; never an exception."""

import random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fuzz.mutate import mutated
from bench.fuzz.targets import TARGETS
from streams.connectors.json_lines import decode_lines
from streams.connectors.messages import ROWS_LIMIT, UNPACKED_LIMIT, WAVEFORMS_LIMIT, read
from streams.records import encode


@pytest.mark.parametrize("name", TARGETS)
def test_an_example_is_taken(name):
    target = TARGETS[name]
    for example in target.examples[:1]:
        target.decode(example)


@pytest.mark.parametrize("name", TARGETS)
def test_a_decoder_survives_whatever_it_is_sent(name):
    target = TARGETS[name]

    @settings(max_examples=1000)
    @given(st.integers(0, 2**64 - 1))
    def survives(seed):
        target(mutated(target.examples, random.Random(seed)))

    survives()


@pytest.mark.parametrize("name", TARGETS)
def test_noise_is_survived_too(name):
    @settings(max_examples=100)
    @given(st.binary(max_size=300))
    def survives(data):
        TARGETS[name](data)

    survives()


def packed(rows, kind):
    """Return an Arrow message of which a byte is as many rows as it can be, in the way that kind names."""
    word = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array(["rig"]))
    runs = pa.RunEndEncodedArray.from_arrays(pa.array([rows], pa.int32()), pa.array([1.0]))
    view = np.array([3, int.from_bytes(b"rig", "little"), 0, 0], np.int32)
    views = pa.Array.from_buffers(pa.string_view(), rows, [None, pa.py_buffer(np.tile(view, rows).tobytes())])
    names = {"nulls": pa.nulls(rows), "words": word, "runs": runs, "views": views}[kind]
    zeros = pa.array(np.zeros(rows, np.int8))
    columns = dict.fromkeys(("machine", "tag", "sensor"), names)
    columns |= dict.fromkeys(("ts", "value", "rate_hz"), names if kind in {"nulls", "runs"} else zeros)
    offsets = pa.array(np.zeros(rows + 1, np.int32))
    columns |= {"samples": pa.ListArray.from_arrays(offsets, pa.array([], pa.float32())), "other": zeros}
    batch, sink = pa.RecordBatch.from_pydict(columns), pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return sink.getvalue().to_pybytes()


@pytest.mark.parametrize("rows", [1000, ROWS_LIMIT, 2 * ROWS_LIMIT])
@pytest.mark.parametrize("kind", ["nulls", "words", "runs", "views"])
def test_what_comes_of_few_bytes_is_bounded(kind, rows):
    payload = packed(rows, kind)
    before = pa.total_allocated_bytes()
    said, recorded = read(b"arrow", payload, 1), read(b"waveform-arrow", payload, 1)
    assert len(said.readings) <= ROWS_LIMIT
    assert recorded.waveforms is None or len(recorded.waveforms) <= WAVEFORMS_LIMIT
    assert len(encode(said.readings.to_arrow())) <= UNPACKED_LIMIT
    assert pa.total_allocated_bytes() - before <= 2 * UNPACKED_LIMIT


LINES = [b"", b"1", b"{}", b"x", b'{"machine":"a","tag":"b","value":1}']


@pytest.mark.parametrize("line", LINES)
def test_lines_are_no_more_rows_than_they_are(line):
    payload = b"\n".join([line] * 1000)
    decoded = decode_lines(payload, 1)
    assert len(decoded.readings) + len(decoded.rejects) <= 1000
    assert len(encode(decoded.readings.to_arrow())) + len(encode(decoded.rejects.to_arrow())) < 100 * 1000
