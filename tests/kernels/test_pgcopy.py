import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import _select, pgcopy

NULL = np.iinfo(np.int64).min
TWINS = ["c", "python"]

numbers = st.one_of(st.just(NULL), st.integers(-(2**63), 2**63 - 1))
texts = st.lists(st.one_of(st.none(), st.text(max_size=12)), max_size=30)


def rows_of(twin, columns):
    """Encode (kind, argument...) columns with one twin, without header and trailer."""
    kernel = _select.load("pgcopy", twin)
    size = len(columns[0][1])
    sizes = np.full(size, 2, np.int64)
    for kind, *arguments in columns:
        if kind == "integers":
            kernel.measure_integers(arguments[0], arguments[1], sizes)
        elif kind == "floats":
            kernel.measure_floats(arguments[0], sizes)
        else:
            codes, offsets, _, extra = arguments
            kernel.measure_texts(codes, offsets, extra, sizes)
    out = np.full(int(sizes.sum()), 0xAA, np.uint8)
    cursors = np.cumsum(sizes) - sizes
    kernel.put_counts(len(columns), out, cursors)
    for kind, *arguments in columns:
        getattr(kernel, f"put_{kind}")(*arguments, out, cursors)
    assert cursors.tolist() == np.cumsum(sizes).tolist()
    return out.tobytes()


def text_column(items, extra=0):
    words = sorted({item for item in items if item is not None})
    encoded = [word.encode() for word in words]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    codes = np.array([-1 if item is None else words.index(item) for item in items], np.int32)
    return "texts", codes, offsets, np.frombuffer(b"".join(encoded), np.uint8), extra


@given(st.lists(numbers, max_size=50), st.sampled_from([2, 4, 8]), st.sampled_from([0, 946_684_800_000_000]))
def test_integers_have_one_encoding(values, width, origin):
    column = ("integers", np.array(values, np.int64), width, origin)
    assert rows_of("c", [column]) == rows_of("python", [column])


@given(st.lists(st.floats(width=64), max_size=50))
def test_floats_have_one_encoding(values):
    column = ("floats", np.array(values, np.float64))
    assert rows_of("c", [column]) == rows_of("python", [column])


@given(texts, st.sampled_from([0, 1]))
def test_texts_have_one_encoding(items, extra):
    column = text_column(items, extra)
    assert rows_of("c", [column]) == rows_of("python", [column])


@given(texts)
def test_columns_interleave_into_rows(items):
    ordinals = ("integers", np.arange(len(items), dtype=np.int64), 8, 0)
    columns = [ordinals, text_column(items), ("floats", np.linspace(0, 1, len(items)))]
    assert rows_of("c", columns) == rows_of("python", columns)


@pytest.mark.parametrize("twin", TWINS)
def test_a_row_is_what_postgresql_documents(twin):
    columns = [
        ("integers", np.array([258], np.int64), 4, 0),
        ("integers", np.array([NULL], np.int64), 8, 0),
        ("floats", np.array([1.5])),
        ("floats", np.array([np.nan])),
        text_column(["seam"]),
        text_column(["{}"], extra=1),
        text_column([None]),
    ]
    expected = b"".join(
        [
            struct.pack(">h", 7),
            struct.pack(">ii", 4, 258),
            struct.pack(">i", -1),
            struct.pack(">id", 8, 1.5),
            struct.pack(">i", -1),
            struct.pack(">i", 4) + b"seam",
            struct.pack(">i", 3) + b"\x01{}",
            struct.pack(">i", -1),
        ]
    )
    assert rows_of(twin, columns) == expected


@pytest.mark.parametrize("twin", TWINS)
def test_negative_numbers_keep_their_sign_at_every_width(twin):
    for width, form in ((2, ">hih"), (4, ">hii"), (8, ">hiq")):
        column = ("integers", np.array([-2], np.int64), width, 0)
        assert rows_of(twin, [column]) == struct.pack(form, 1, width, -2)


def test_timestamps_count_from_the_year_2000():
    column = ("integers", np.array([946_684_800_000_001], np.int64), 8, 946_684_800_000_000)
    assert rows_of("c", [column]) == struct.pack(">hiq", 1, 8, 1)


def test_the_wrapper_refuses_what_would_write_outside():
    cursors = np.zeros(2, np.int64)
    with pytest.raises(ValueError, match="cannot fill 2 rows"):
        pgcopy.put_floats(np.zeros(3), np.zeros(64, np.uint8), cursors)
    with pytest.raises(ValueError, match="out ends at"):
        pgcopy.put_counts(1, np.zeros(4, np.uint8), np.array([0, 4]))
    with pytest.raises(ValueError, match="names no entry"):
        pgcopy.measure_texts(np.array([0, 3], np.int32), np.array([0, 1]), 0, cursors)
    with pytest.raises(ValueError, match="width is 3"):
        pgcopy.measure_integers(np.zeros(2, np.int64), 3, cursors)
