import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernels import _select, admit

KEY_OF = np.array([[0, 1, -1], [2, -1, 3]], dtype=np.int32)
NUMERIC = np.array([1, 0, 1, 0], dtype=np.uint8)
SILENT = np.array([0, 1], dtype=np.uint8)

row = st.tuples(
    st.integers(-1, 1),
    st.integers(-1, 2),
    st.integers(-1, 1),
    st.integers(-100, 200),
    st.sampled_from([0.0, -1.5, np.nan, np.inf, -np.inf]),
)


@pytest.fixture(params=["c", "python"])
def twin(request, monkeypatch):
    monkeypatch.setattr(admit, "_twin", _select.load("admit", request.param))


def columns(rows):
    kinds = (np.int32, np.int32, np.int32, np.int64, np.float64)
    parts = zip(*rows, strict=True) if rows else ([],) * 5
    return [np.array(part, dtype=kind) for part, kind in zip(parts, kinds, strict=True)]


def classify(rows, between=(0, 100)):
    key, reason = np.empty(len(rows), np.int32), np.empty(len(rows), np.uint8)
    marked = admit.classify(
        *columns(rows), key_of=KEY_OF, numeric=NUMERIC, silent=SILENT, between=between, key=key, reason=reason
    )
    assert marked == np.count_nonzero(reason)
    return key.tolist(), reason.tolist()


@given(st.lists(row, max_size=40))
def test_both_twins_say_the_same(rows):
    outcomes = []
    for name in ("c", "python"):
        key, reason = np.empty(len(rows), np.int32), np.empty(len(rows), np.uint8)
        marked = _select.load("admit", name).classify(
            *columns(rows), KEY_OF, NUMERIC, SILENT, 0, 100, key, reason
        )
        outcomes.append((marked, key.tolist(), reason.tolist()))
    assert outcomes[0] == outcomes[1]


@given(st.lists(st.tuples(st.integers(0, 2999), row), max_size=4), st.booleans())
def test_both_twins_say_the_same_of_long_columns_without_texts(wild, worded):
    rows = [(0, 0, -1, 50, 1.5)] * 3000
    for at, (machine, tag, _, ts, value) in wild:
        rows[at] = (machine, tag, -1, ts, value)
    machine, tag, text, ts, value = columns(rows)
    outcomes = []
    for name in ("c", "python"):
        key, reason = np.empty(len(rows), np.int32), np.empty(len(rows), np.uint8)
        marked = _select.load("admit", name).classify(
            machine,
            tag,
            text if worded else text[:0],
            ts,
            value,
            KEY_OF,
            NUMERIC,
            SILENT,
            0,
            100,
            key,
            reason,
        )
        outcomes.append((marked, key.tolist(), reason.tolist()))
    assert outcomes[0] == outcomes[1]


@pytest.mark.usefixtures("twin")
@pytest.mark.parametrize("at", [-(2**63), 2**63 - 1, -1, 101])
def test_a_time_beyond_every_range_is_out_of_it_whatever_the_neighbours(at):
    machine, tag, text, ts, value = columns([(0, 0, -1, 50, 1.0), (0, 0, -1, at, 1.0)])
    key, reason = np.empty(2, np.int32), np.empty(2, np.uint8)
    between = (0, 100)
    admit.classify(
        machine, tag, text[:0], ts, value,
        key_of=KEY_OF, numeric=NUMERIC, silent=SILENT, between=between, key=key, reason=reason,
    )  # fmt: skip
    assert reason.tolist() == [0, admit.OUT_OF_RANGE]


@pytest.mark.usefixtures("twin")
@pytest.mark.parametrize(
    ("reading", "key", "reason"),
    [
        ((0, 0, -1, 50, 1.0), 0, 0),
        ((0, 1, 0, 50, np.nan), 1, 0),
        ((0, 2, -1, 50, 1.0), -1, admit.UNKNOWN),
        ((-1, 0, -1, 50, 1.0), -1, admit.UNKNOWN),
        ((0, 0, -1, 101, 1.0), 0, admit.OUT_OF_RANGE),
        ((0, 0, -1, -1, 1.0), 0, admit.OUT_OF_RANGE),
        ((0, 0, -1, 100, np.nan), 0, admit.NOT_A_NUMBER),
        ((0, 1, -1, 0, np.inf), 1, admit.NOT_A_NUMBER),
        ((0, 0, 0, 50, np.nan), 0, admit.TEXT_IN_NUMBER),
        ((0, 0, 1, 50, np.nan), 0, 0),
        ((0, 1, 0, 50, 2.0), 1, admit.TWO_VALUES),
        ((1, 2, -1, 50, 40.0), 3, admit.NUMBER_IN_TEXT),
    ],
)
def test_each_fault_has_its_reason(reading, key, reason):
    assert classify([reading]) == ([key], [reason])


@pytest.mark.usefixtures("twin")
def test_newest_is_the_latest_time_of_each_group():
    latest = np.array([5, 5, 5], dtype=np.int64)
    keys, times = np.array([0, 1, 2, 0], np.int32), np.array([4, 9, 7, 6], np.int64)
    admit.newest(keys, times, np.array([0, 0, 1], np.int32), latest)
    assert latest.tolist() == [9, 7, 5]


def test_a_code_outside_its_dictionary_is_refused():
    with pytest.raises(ValueError, match="a code lies outside its dictionary"):
        classify([(0, 3, -1, 50, 1.0)])


def test_columns_of_different_length_are_refused():
    with pytest.raises(ValueError, match="differ in length"):
        admit.newest(
            np.zeros(2, np.int32), np.zeros(1, np.int64), np.zeros(1, np.int32), np.zeros(1, np.int64)
        )


@given(st.lists(st.tuples(st.integers(0, 2999), row), max_size=4), st.integers(0, 3000))
def test_both_twins_agree_on_which_columns_are_plain(wild, size):
    ts, value = np.arange(3000) % 101, np.full(3000, 1.5)
    for at, (*_, time, number) in wild:
        ts[at], value[at] = time, number
    told = [_select.load("admit", name).plain(ts[:size], value[:size], 0, 100) for name in ("c", "python")]
    assert told[0] == told[1]


@pytest.mark.usefixtures("twin")
@pytest.mark.parametrize(
    ("ts", "value", "between", "newest"),
    [
        ([3, 9, 4], [1.0, -0.0, 1e308], (3, 9), 9),
        ([3, 9, 4], [1.0, 2.0, 3.0], (4, 9), None),
        ([3, 9, 4], [1.0, 2.0, 3.0], (3, 8), None),
        ([3, 9, 4], [1.0, np.nan, 3.0], (3, 9), None),
        ([3, 9, 4], [1.0, 2.0, -np.inf], (3, 9), None),
        ([-(2**63), 4], [1.0, 2.0], (3, 9), None),
        ([4, 4], [1.0, 2.0], (-3, 9), None),
        ([], [], (3, 9), None),
    ],
)
def test_columns_are_plain_where_all_is_timely_and_finite(ts, value, between, newest):
    assert admit.plain(np.array(ts, np.int64), np.array(value, np.float64), between) == newest


@pytest.mark.usefixtures("twin")
@pytest.mark.parametrize(
    ("other", "same"), [([1, 2, 3], True), ([1, 2], False), ([1, 2, 4], False), ([], False)]
)
def test_two_columns_of_codes_are_the_same_where_every_code_is(other, same):
    codes = np.array([1, 2, 3], np.int32)
    assert admit.same(codes, np.array(other, np.int32)) is same
    assert admit.same(np.broadcast_to(codes[:1], 3), np.ones(3, np.int32))
    assert admit.same(codes[:0], codes[:0])
