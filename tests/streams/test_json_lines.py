import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.connectors import json_lines
from streams.connectors.batch import joined
from streams.connectors.json_lines import ROWS, decode_lines
from streams.records import GOOD, NULL, UNTIMED
from streams.testing import plain, rows

READING = {"machine": "m", "tag": "a", "ts": 5, "value": 1.5}

line = st.one_of(
    st.fixed_dictionaries(
        {},
        optional={
            "machine": st.sampled_from(["m", "n", None, 7]),
            "tag": st.sampled_from(["a", "b", 'q"q', "é"]),
            "ts": st.sampled_from([5, -(2**63), "2016-05-11T10:18:29Z", "noon", True, 5.0, None]),
            "value": st.one_of(st.floats(), st.integers(), st.sampled_from([None, True, "1", [1]])),
            "text": st.sampled_from([None, "ACTIVE", "", 7]),
            "quality": st.sampled_from([0, 3, -1, 1 << 15, None]),
            "source_ts": st.sampled_from([None, 7, "2016-05-11T10:18:29.5Z"]),
            "more": st.just({"x": 1}),
        },
    ).map(json.dumps),
    st.just(json.dumps(READING)),
    st.just(json.dumps({"machine": "m", "tag": "a", "value": 1.5})),
    st.sampled_from(["", "  ", "[]", "nonsense", '{"tag":"a","tag":"b","machine":"m","ts":1,"value":2}']),
)


def one_by_one(text, received):
    """Read a line as Python alone reads it."""

    batch = json_lines.Batch()
    if text.strip():
        try:
            json_lines._read(text, batch, received)
        except json_lines.BadLine as exc:
            batch.reject(str(exc), text, None)
    return batch.build()


@given(st.lists(line, min_size=1, max_size=12), st.sampled_from([NULL, 99]))
def test_many_lines_together_say_what_they_say_one_by_one(lines, received):
    together = decode_lines("\n".join(lines).encode(), received)
    assert plain(together) == plain(joined([one_by_one(text, received) for text in lines]))


def test_a_line_without_a_time_has_that_of_its_receipt_if_that_is_known():
    untimed = {name: value for name, value in READING.items() if name != "ts"}
    payload = "\n".join(map(json.dumps, (untimed, READING, untimed | {"ts": None}))).encode()
    assert rows(decode_lines(payload, 99).readings) == [
        ("a", 99, 1.5, UNTIMED),
        ("a", 5, 1.5, GOOD),
        ("a", 99, 1.5, UNTIMED),
    ]
    readings, rejects = decode_lines(payload)
    assert (rows(readings), rejects.reason.to_list()) == ([("a", 5, 1.5, GOOD)], ["bad_time"] * 2)


def test_readings_keep_their_order_among_odd_and_bad_lines():
    lines = [json.dumps(READING | {"ts": number, "tag": "é" if number % 3 else "a"}) for number in range(9)]
    lines[4] = "bad"
    readings, rejects = decode_lines("\n".join(lines).encode())
    assert readings.ts.tolist() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert len(set(readings.tag.values)) == len(readings.tag.values)
    assert rejects.reason.to_list() == ["malformed_json"]


@pytest.mark.parametrize(
    ("field", "reason"), [("machine", "no_machine"), ("tag", "no_tag"), ("text", "not_a_text")]
)
def test_half_a_character_is_no_text(field, reason):
    """JSON can escape one surrogate of a pair, which no text can hold: nobody could write it on."""
    given = {"machine": "m", "tag": "a", "ts": 5, "text": "AUTO"}
    whole, half = (given | {field: text} for text in ("\U0001f600", "\ud83d"))
    readings, rejects = decode_lines("\n".join(map(json.dumps, (whole, half))).encode())
    assert readings.to_arrow().column(field).to_pylist() == ["\U0001f600"]
    assert rejects.reason.to_list() == [reason]


def test_more_lines_than_are_taken_at_a_time():
    lines = [json.dumps(READING | {"ts": number, "tag": f"t{number % 7}"}) for number in range(ROWS + 10)]
    readings, _ = decode_lines("\n".join(lines).encode())
    assert readings.ts.tolist() == list(range(ROWS + 10))
    assert readings.tag.to_list()[-1] == f"t{(ROWS + 9) % 7}"


@pytest.mark.parametrize(
    ("value", "told"), [("1e400", math.inf), ("-0", 0.0), ("123456789012345678901", 123456789012345678901.0)]
)
def test_numbers_are_those_that_python_reads(value, told):
    text = f'{{"machine":"m","tag":"a","ts":5,"value":{value}}}'
    assert rows(decode_lines(text.encode()).readings) == [("a", 5, told, GOOD)]


def test_nothing_is_nothing():
    readings, rejects = decode_lines(b"")
    assert (len(readings), len(rejects)) == (0, 0)
    assert NULL not in readings.ts
