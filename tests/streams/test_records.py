from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.records import (
    NULL,
    RAW_LIMIT,
    Columns,
    PartCounts,
    Readings,
    Rejects,
    Rows,
    Text,
    decode,
    encode,
)

MONTH_DAY_NANO = 2
"""How an Arrow stream names the unit of an interval."""


def columns_equal(left: Columns, right: Columns) -> None:
    for name in left.__slots__:
        mine, theirs = getattr(left, name), getattr(right, name)
        if isinstance(mine, Text):
            assert mine.to_list() == theirs.to_list()
        else:
            np.testing.assert_array_equal(mine, theirs)


@given(st.lists(st.none() | st.text(max_size=5)))
def test_text_codes_give_the_strings_back(items: list[str | None]) -> None:
    coded = Text.of(items)
    assert coded.to_list() == items
    assert Text.from_arrow(coded.to_arrow()).to_list() == items


def test_text_from_plain_arrow_strings() -> None:
    assert Text.from_arrow(pa.array(["a", None, "a"])).to_list() == ["a", None, "a"]


@pytest.mark.parametrize("offsets", [[0, 9, 2], [0, -1, 2], [1, 0, 2]])
def test_a_damaged_dictionary_is_refused(offsets: list[int]) -> None:
    buffers = [None, pa.py_buffer(np.array(offsets, np.int32).tobytes()), pa.py_buffer(b"ab")]
    words = pa.Array.from_buffers(pa.string(), 2, buffers)
    with pytest.raises(ValueError, match=r".+"):
        Text.from_arrow(pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), words))


def test_texts_of_a_slice_are_its_own() -> None:
    coded = pa.DictionaryArray.from_arrays(pa.array([1, 0], pa.int32()), pa.array(["x", "ab", "c"])[1:])
    assert Text.from_arrow(coded).to_list() == ["c", "ab"]


def test_a_word_that_is_null_is_no_word() -> None:
    words = pa.array(["a", None, "b"])
    coded = pa.DictionaryArray.from_arrays(pa.array([2, 1, None, 0], pa.int8()), words)
    assert Text.from_arrow(coded).to_list() == ["b", None, None, "a"]


def test_a_null_in_a_dictionary_does_not_write_out_its_words() -> None:
    words = pa.array(["a" * (1 << 20), None])
    coded = pa.DictionaryArray.from_arrays(pa.array(np.zeros(200, np.int32)), words)
    before = pa.default_memory_pool().max_memory()
    assert len(Text.from_arrow(coded)) == 200
    assert pa.default_memory_pool().max_memory() - before < 20 << 20


def test_joined_columns_share_their_words() -> None:
    joined = Text.joined([Text.of(["a", None]), Text.of(["b", "a"])])
    assert (joined.to_list(), joined.values) == (["a", None, "b", "a"], ("a", "b"))


def test_readings_survive_the_journey_through_bytes() -> None:
    numbers = Readings.numbers(["m", "m"], ["a", "b"], [1, 2], [1.5, -0.0])
    texts = Readings.texts(["m"], ["execution"], [3], ["ACTIVE"])
    for batch in (numbers, texts, Readings.empty()):
        columns_equal(batch, Readings.from_arrow(decode(encode(batch.to_arrow()))))


def test_a_batch_with_the_least_columns_is_enough() -> None:
    batch = pa.RecordBatch.from_pydict({"machine": ["m"], "tag": ["t"], "ts": [5], "value": [2.0]})
    readings = Readings.from_arrow(batch)
    assert readings.text.to_list() == [None]
    assert readings.quality.tolist() == [0]
    assert readings.source_ts.tolist() == [NULL]


def test_arrow_timestamps_become_microseconds() -> None:
    stamps = pa.array([1_000, None], type=pa.timestamp("ms", tz="UTC"))
    batch = pa.RecordBatch.from_pydict({
        "machine": ["m", "m"], "tag": ["t", "t"], "ts": stamps, "value": [1.0, 2.0],
    })  # fmt: skip
    assert Readings.from_arrow(batch).ts.tolist() == [1_000_000, NULL]


@pytest.mark.parametrize(
    "columns",
    [
        {"tag": ["t"], "ts": [1], "value": [1.0]},
        {"machine": ["m"], "tag": ["t"], "ts": ["noon"], "value": [1.0]},
        {"machine": ["m"], "tag": ["t"], "ts": [1], "value": ["warm"]},
    ],
)
def test_a_batch_that_is_no_batch_of_readings_is_refused(columns: dict[str, list[object]]) -> None:
    with pytest.raises(ValueError, match="columns of a reading"):
        Readings.from_arrow(pa.RecordBatch.from_pydict(columns))


@given(st.binary(max_size=200))
def test_bytes_that_are_no_arrow_batch_are_refused(garbage: bytes) -> None:
    with pytest.raises(ValueError, match="not one Arrow batch"):
        decode(garbage)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="differ in length"):
        PartCounts(Text.of(["m"]), *(np.zeros(size, dtype=np.int64) for size in (1, 1, 1, 2)))


def test_rows_can_be_picked_by_mask() -> None:
    readings = Readings.numbers(["m", "n"], ["a", "b"], [1, 2], [1.0, 2.0])
    assert readings[np.array([False, True])].machine.to_list() == ["n"]


def test_rejects_keep_the_reason_and_bound_the_raw_text() -> None:
    rejects = Rejects.of("cut_line", ["x" * 10_000], machine="m")
    back = Rejects.from_arrow(decode(encode(rejects.to_arrow())))
    assert back.reason.to_list() == ["cut_line"]
    assert len(back.raw.to_list()[0] or "") == RAW_LIMIT


def test_rows_know_their_number() -> None:
    assert len(Rows("readings", {"ts": np.zeros(3, dtype=np.int64)})) == 3


@pytest.mark.parametrize("kind", [pa.int8(), pa.int32(), pa.uint64()])
@pytest.mark.parametrize("indices", [[0, 7], [None, 1], [7, None], [-1, 0], [0, 0, 1]])
def test_an_index_beyond_its_dictionary_is_no_batch(kind, indices):
    if -1 in indices and kind == pa.uint64():
        indices = [2**64 - 1, 0]
    words = pa.DictionaryArray.from_arrays(pa.array(indices, kind), pa.array(["rig"]), safe=False)
    with pytest.raises(ValueError, match="not one Arrow batch"):
        decode(encode(pa.RecordBatch.from_pydict({"x": words})))


@pytest.mark.parametrize("words", [[], [None], [None, None], ["a", None, "a"], ["a"]])
def test_an_index_that_is_null_points_nowhere(words):
    batch = pa.RecordBatch.from_pydict({"x": pa.array(words, pa.string()).dictionary_encode()})
    assert decode(encode(batch)).column("x").to_pylist() == words


def test_a_dictionary_that_is_no_text_is_no_batch():
    offsets = pa.py_buffer(bytes([0, 0, 0, 0, 1, 0, 0, 0]))
    letters = pa.Array.from_buffers(pa.string(), 1, [None, offsets, pa.py_buffer(b"\xff")])
    words = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), letters)
    with pytest.raises(ValueError, match="not one Arrow batch"):
        decode(encode(pa.RecordBatch.from_pydict({"x": words})))


def test_a_type_that_arrow_has_no_class_for_is_refused() -> None:
    column = pa.array([None], pa.month_day_nano_interval())
    payload = encode(pa.RecordBatch.from_arrays([column], names=["ts"]))
    refused = 0
    for place in (place for place, byte in enumerate(payload) if byte == MONTH_DAY_NANO):
        try:
            decode(payload[:place] + b"\0" + payload[place + 1 :])  # 0 is the interval of years and months
        except ValueError as exc:
            refused += isinstance(exc.__cause__, KeyError)
    assert refused == 1
