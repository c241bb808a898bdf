from __future__ import annotations

import contextlib
import json
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.catalog import Catalog, Machine, Sensor, Tag
from streams.chain import LineChain
from streams.clock import DAY, SECOND
from streams.connectors import messages, waveforms
from streams.log.abc import Entry, Kind
from streams.operators.testing import NOON, plain
from streams.operators.waveforms import AdmitWaveforms, Recorded
from streams.records import NULL, Text, encode
from streams.samples import Samples
from streams.waveforms import SAMPLES_LIMIT, SampledRows, Waveforms

BEARING = Sensor("bearing", "g", ("x", "y"))
CATALOG = Catalog((Machine("mill", (Tag("load"),), sensors=(BEARING, Sensor("microphone"))),))
COLUMNS = Waveforms.__slots__


def waveform(
    samples=(0.5, -1.0, 2.0), machine="mill", sensor="bearing", axis="x", ts=NOON, unit="g", **numbers
):
    """One waveform, good unless something is said."""
    known = {"rate_hz": 25_600.0, "full_scale": 2.0, "shaft_rpm": 1500.0} | numbers
    return Waveforms(
        machine=Text.of([machine]),
        sensor=Text.of([sensor]),
        axis=Text.of([axis]),
        ts=np.array([ts], np.int64),
        unit=Text.of([unit]),
        quality=np.zeros(1, np.int16),
        samples=Samples.of([samples]),
        **{name: np.array([value], np.float64) for name, value in known.items()},
    )


def told(found):
    """Return the columns as plain values."""
    lists = {name: getattr(found, name) for name in COLUMNS}
    return {
        name: column.to_list() if isinstance(column, Text) else column.tolist()
        for name, column in lists.items()
    }


def judged(found, received=NOON):
    """Return the rows of an entry as plain values, by table."""
    judged = {}
    for rows in AdmitWaveforms(CATALOG).update(Recorded(found, received, "gateway")):
        columns = {name: plain(rows, name) for name in rows.columns}
        samples = {"samples": rows.samples.tolist()} if isinstance(rows, SampledRows) else {}
        judged[rows.table] = columns | samples
    return judged


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False), max_size=5), max_size=6), st.data())
def test_samples_are_a_column(rows, data):
    column = Samples.of(rows)
    assert column.tolist() == rows
    assert Samples.from_arrow(column.to_arrow()).tolist() == rows
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), dtype=bool)
    assert column[mask].tolist() == [row for row, kept in zip(rows, mask, strict=True) if kept]


def test_samples_of_arrow_may_be_any_numbers_and_slices():
    lists = pa.array([[1], None, [2, None], []], pa.large_list(pa.int32()))
    assert str(Samples.from_arrow(lists).tolist()) == "[[1.0], [], [2.0, nan], []]"
    assert str(Samples.from_arrow(lists.slice(1, 2)).tolist()) == "[[], [2.0, nan]]"


def test_a_waveform_survives_the_journey_through_bytes():
    bare = waveform(full_scale=math.nan, shaft_rpm=math.nan, axis=None, unit=None)
    for found in (waveform(), bare, Waveforms.empty()):
        assert str(told(Waveforms.decode(encode(found.to_arrow())))) == str(told(found))


def test_the_least_columns_are_enough():
    columns = {
        "machine": ["mill"],
        "sensor": ["microphone"],
        "ts": pa.array([5], pa.timestamp("ms")),
        "rate_hz": [8000],
        "samples": [[1, 2]],
    }
    found = Waveforms.from_arrow(pa.RecordBatch.from_pydict(columns))
    assert found.ts.tolist() == [5000]
    assert found.axis.to_list() == [None]
    assert np.isnan(found.full_scale).all()
    del columns["samples"]
    with pytest.raises(ValueError, match="the columns of a waveform"):
        Waveforms.from_arrow(pa.RecordBatch.from_pydict(columns))


def test_a_known_sensors_waveform_lands_with_what_is_clipped():
    rows = judged(waveform())["waveforms"]
    assert rows == {
        "machine": ["mill"],
        "sensor": ["bearing"],
        "axis": ["x"],
        "ts": [NOON],
        "rate_hz": [25_600.0],
        "count": [3],
        "unit": ["g"],
        "full_scale": [2.0],
        "shaft_rpm": [1500.0],
        "clipped": [1],
        "quality": [0],
        "received": [NOON],
        "samples": [[0.5, -1.0, 2.0]],
    }


def test_what_is_not_said_is_the_sensors_own_or_not_known():
    rows = judged(waveform(unit=None, full_scale=math.nan, shaft_rpm=math.nan))["waveforms"]
    assert (rows["unit"], rows["clipped"]) == (["g"], [None])
    assert "waveforms" in judged(waveform(sensor="microphone", axis=None, unit=None))


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"machine": "lathe"}, "unknown_sensor"),
        ({"machine": None}, "unknown_sensor"),
        ({"sensor": "load"}, "unknown_sensor"),
        ({"axis": "z"}, "unknown_axis"),
        ({"axis": None}, "unknown_axis"),
        ({"unit": "m/s²"}, "other_unit"),
        ({"ts": NOON - DAY - 1}, "event_time_out_of_range"),
        ({"ts": NOON + DAY + 1}, "event_time_out_of_range"),
        ({"ts": NULL}, "event_time_out_of_range"),
        ({"rate_hz": 0.0}, "rate_out_of_range"),
        ({"rate_hz": -1.0}, "rate_out_of_range"),
        ({"rate_hz": math.nan}, "rate_out_of_range"),
        ({"rate_hz": math.inf}, "rate_out_of_range"),
        ({"samples": ()}, "no_samples"),
        ({"samples": np.zeros(SAMPLES_LIMIT + 1)}, "too_many_samples"),
        ({"full_scale": 0.0}, "full_scale_out_of_range"),
        ({"full_scale": math.inf}, "full_scale_out_of_range"),
        ({"shaft_rpm": -3.0}, "shaft_speed_out_of_range"),
        ({"shaft_rpm": math.inf}, "shaft_speed_out_of_range"),
        ({"samples": (1.0, math.nan)}, "not_a_number"),
        ({"samples": (1.0, -math.inf)}, "not_a_number"),
    ],
)
def test_what_cannot_be_goes_to_quarantine_with_its_reason(changed, reason):
    rows = judged(waveform(**changed))
    assert list(rows) == ["quarantine"]
    assert rows["quarantine"]["reason"] == [reason]
    assert rows["quarantine"]["tag"] == [changed.get("sensor", "bearing")]
    assert json.loads(rows["quarantine"]["raw"][0])["samples"] == len(changed.get("samples", (1, 2, 3)))


def test_a_batch_is_sorted_row_by_row():
    batches = [waveform().to_arrow(), waveform(axis="z").to_arrow(), waveform((3.0,), axis="y").to_arrow()]
    (merged,) = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()
    rows = judged(Waveforms.from_arrow(merged))
    assert rows["waveforms"]["axis"] == ["x", "y"]
    assert rows["waveforms"]["samples"] == [[0.5, -1.0, 2.0], [3.0]]
    assert rows["quarantine"]["reason"] == ["unknown_axis"]


def test_the_chain_lands_waveforms_and_quarantines_what_is_none():
    chain = LineChain(CATALOG, lambda entry: pytest.fail("no part"))
    tables = [
        [rows.table for rows in chain.update(Entry(number, Kind.WAVEFORM, NOON, "gateway", payload)).rows]
        for number, payload in enumerate((encode(waveform().to_arrow()), b"half a wavef"), 1)
    ]
    assert tables == [["waveforms"], ["quarantine"]]


def test_samples_weigh_as_much_as_the_rows_that_they_could_be():
    (rows,) = AdmitWaveforms(CATALOG).update(Recorded(waveform(np.zeros(3200)), NOON, "gateway"))
    assert (len(rows), rows.weight) == (1, 101)


JSON = {"machine": "mill", "sensor": "bearing", "axis": "x", "ts": NOON, "rate_hz": 100, "samples": [1, 2.5]}


def test_a_json_object_is_a_waveform():
    said = messages.read(
        b"waveform-json", json.dumps(JSON | {"ts": "2016-05-11T10:18:29Z", "unit": None}).encode()
    )
    assert not said.refusal
    assert said.waveforms.samples.tolist() == [[1.0, 2.5]]
    assert said.waveforms.unit.to_list() == [""]
    assert said.waveforms.ts.tolist() == [1_462_961_909 * SECOND]


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (b"\xff", "the bytes are no JSON"),
        (b"[" * 5000, "the bytes are no JSON"),
        (b"[]", "the JSON is no object"),
        (JSON | {"machine": 7}, "machine of the waveform is no text"),
        (JSON | {"sensor": "\ud800"}, "sensor of the waveform is no text"),
        (JSON | {"ts": True}, "time or quality of the waveform cannot be read: bad_time"),
        (JSON | {"quality": -1}, "time or quality of the waveform cannot be read: bad_quality"),
        (JSON | {"rate_hz": None}, "rate_hz of the waveform is no number"),
        (JSON | {"full_scale": "2 g"}, "full_scale of the waveform is no number"),
        (JSON | {"shaft_rpm": 10**400}, "shaft_rpm of the waveform is no number"),
        (JSON | {"samples": None}, "samples of the waveform are no list of numbers"),
        (JSON | {"samples": [1, "2"]}, "samples of the waveform are no list of numbers"),
        (JSON | {"samples": [1, True]}, "samples of the waveform are no list of numbers"),
        (JSON | {"samples": [10**400]}, "samples of the waveform are no list of numbers"),
        (
            JSON | {"samples": [0] * (SAMPLES_LIMIT + 1)},
            "the waveform has 131073 samples; send it in parts of at most 131072",
        ),
    ],
)
def test_json_that_is_no_waveform_is_refused_with_the_reason(payload, says):
    raw = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    said = messages.read(b"waveform-json", raw)
    assert says in said.refusal
    assert said.waveforms is None
    assert said.rejects.reason.to_list() == ["unreadable"]


def test_an_arrow_waveform_that_is_too_long_is_refused_before_it_reaches_the_log():
    said = messages.read(b"waveform-arrow", encode(waveform(np.zeros(SAMPLES_LIMIT + 1)).to_arrow()))
    assert said.refusal == "a waveform has 131073 samples; send it in parts of at most 131072"
    assert (
        messages.read(b"waveform-arrow", encode(waveform(np.zeros(SAMPLES_LIMIT)).to_arrow())).refusal == ""
    )


PAYLOAD = encode(waveform().to_arrow())


@settings(max_examples=1000)
@given(
    st.lists(st.tuples(st.integers(0, len(PAYLOAD) - 1), st.integers(0, 255)), max_size=8), st.integers(0, 40)
)
def test_any_bytes_are_waveforms_or_are_refused(changes, cut):
    """Arrow as it was sent, with bytes changed and the end cut off; what is read can be judged and landed."""
    payload = bytearray(PAYLOAD)
    for place, byte in changes:
        payload[place] = byte
    raw = bytes(payload[: len(payload) - cut])
    said = messages.read(b"waveform-arrow", raw)
    if said.waveforms is not None:
        AdmitWaveforms(CATALOG).update(Recorded(said.waveforms, NOON, "gateway"))
    with contextlib.suppress(ValueError):
        Waveforms.decode(raw)


SCALAR = st.sampled_from([None, True, 0, -1, 1 << 70, 0.5, math.nan, math.inf, "", "x", {}])
ANYTHING = SCALAR | st.lists(SCALAR, max_size=3) | st.integers() | st.floats()


@settings(max_examples=1000)
@given(
    st.dictionaries(st.sampled_from([*JSON, "full_scale", "unit", "shaft_rpm", "quality"]), ANYTHING),
    st.booleans(),
)
def test_any_object_is_a_waveform_or_is_refused(changes, whole):
    fields = (JSON if whole else {}) | changes
    try:
        found = waveforms.decode_json(json.dumps(fields).encode())
    except ValueError:
        return
    rows = AdmitWaveforms(CATALOG).update(Recorded(found, NOON, "gateway"))
    assert sum(len(one) for one in rows) == 1
