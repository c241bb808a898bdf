import json
from dataclasses import replace

import numpy as np
import pytest

from streams.clock import DAY, HOUR
from streams.operators.admit import MANY, Admit, Arrival
from streams.operators.testing import NOON, keys, machine, numbers, plain, table, words
from streams.records import NULL, Readings, Text

ADMITTED = ("machine", "tag", "ts", "value", "text")


def admit(readings, received=NOON):
    return Admit(keys(machine("m", ("a", "b")), machine("n", ("a",)))).update(
        Arrival(readings, received, "gw")
    )


def refusals(readings):
    return table(admit(readings).rows, "quarantine", "machine", "tag", "event_ts", "reason")


def test_known_readings_are_taken_and_stamped():
    admission = admit(numbers([("n", "a", NOON - 1, 2.5), ("m", "b", NOON, 1.0)]))
    assert admission.admitted.key.tolist() == [5, 1]
    assert table(admission.rows, "readings", *ADMITTED, "received", "source_ts") == [
        ("n", "a", NOON - 1, 2.5, None, NOON, None),
        ("m", "b", NOON, 1.0, None, NOON, None),
    ]
    assert len(admission.rows) == 1


def test_a_repeated_reading_is_kept_as_it_was_sent():
    assert len(admit(numbers([("m", "a", NOON, 1.0)] * 2)).admitted) == 2


@pytest.mark.parametrize(
    ("reading", "reason"),
    [
        (("x", "a", NOON, 1.0), "unknown_tag"),
        (("m", "x", NOON, 1.0), "unknown_tag"),
        (("m", "a", NOON - DAY - 1, 1.0), "event_time_out_of_range"),
        (("m", "a", NOON + DAY + 1, 1.0), "event_time_out_of_range"),
        (("m", "a", NOON, float("nan")), "not_a_number"),
        (("m", "a", NOON, float("-inf")), "not_a_number"),
    ],
)
def test_a_number_that_cannot_be_believed_is_quarantined(reading, reason):
    admission = admit(numbers([reading, ("m", "b", NOON, 1.0)]))
    assert table(admission.rows, "readings", "tag") == [("b",)]
    assert table(admission.rows, "quarantine", "ts", "source", "machine", "tag", "reason") == [
        (NOON, "gw", reading[0], reading[1], reason)
    ]


def test_a_day_off_is_still_within_range():
    assert refusals(numbers([("m", "a", NOON - DAY, 1.0), ("m", "a", NOON + DAY, 1.0)])) == []


def test_text_in_a_numeric_tag_is_quarantined():
    assert refusals(words([("m", "a", NOON, "12,5")])) == [
        ("m", "a", "2023-11-15T12:00:00.000000Z", "text_in_number")
    ]


def test_unavailable_in_a_numeric_tag_is_a_reading_without_a_number():
    admission = admit(words([("m", "a", NOON, "UNAVAILABLE")]))
    assert table(admission.rows, "readings", "value", "text") == [(None, "UNAVAILABLE")]
    assert np.isnan(admission.admitted.value[0])


def test_a_number_in_a_text_tag_becomes_its_text():
    admission = admit(
        numbers([("m", "program", NOON, 40.0), ("m", "a", NOON, 7.0), ("m", "program", NOON, 0.5)])
    )
    expected = [("program", None, "40"), ("a", 7.0, None), ("program", None, "0.5")]
    assert table(admission.rows, "readings", "tag", "value", "text") == expected
    assert admission.admitted.text.to_list() == ["40", None, "0.5"]


@pytest.mark.parametrize(
    ("numbers_told", "texts"),
    [
        ([4006381333931001.0, 4006381333931002.0], ["4006381333931001", "4006381333931002"]),
        ([2.0**53 - 1, -(2.0**53) + 1], ["9007199254740991", "-9007199254740991"]),
        ([2.0**53, 2.0**60, 1e300], ["9007199254740992", "1.152921504606847e+18", "1e+300"]),
        ([0.1, 0.1 + 2**-55, -0.0], ["0.1", "0.10000000000000003", "-0"]),
    ],
)
def test_numbers_in_a_text_tag_that_differ_are_different_words(numbers_told, texts):
    admission = admit(numbers([("m", "program", NOON, number) for number in numbers_told]))
    assert table(admission.rows, "readings", "value", "text") == [(None, text) for text in texts]
    assert admission.admitted.text.to_list() == texts


def test_a_reading_with_number_and_text_is_quarantined():
    both = replace(words([("m", "execution", NOON, "READY")]), value=np.array([1.0]))
    assert [reason for *_, reason in refusals(both)] == ["value_and_text"]


def test_null_names_and_times_beyond_any_calendar_are_quarantined():
    readings = Readings.numbers(["m", "m"], ["a", "a"], [NULL, np.iinfo(np.int64).max], [1.0, 2.0])
    nameless = replace(readings, machine=Text.of([None, "m"]))
    assert refusals(nameless) == [
        (None, "a", None, "unknown_tag"),
        ("m", "a", "294247-01-10T04:00:54.775807Z", "event_time_out_of_range"),
    ]


def test_the_raw_line_can_be_sent_again():
    late = numbers([("m", "a", NOON, 1.5)])
    (rows,) = admit(late, NOON + 2 * DAY).rows
    (line,) = plain(rows, "raw")
    assert json.loads(line) == {"machine": "m", "tag": "a", "ts": NOON, "value": 1.5, "quality": 0}


def test_dictionaries_may_change_from_entry_to_entry():
    operator = Admit(keys(machine("m", ("a", "b"))))
    for tag, key in (("a", 0), ("b", 1), ("a", 0)):
        arrival = Arrival(numbers([("m", tag, NOON, 1.0)]), NOON + HOUR, "gw")
        assert operator.update(arrival).admitted.key.tolist() == [key]


def test_no_readings_give_no_rows():
    assert admit(Readings.empty()).rows == ()


LAYOUT = numbers([("m", "ab"[number % 2], NOON + number, float(number)) for number in range(MANY)])
NAMELESS = np.where(LAYOUT.ts == NOON + 7, -1, LAYOUT.tag.codes).astype(np.int32)


def again(operator, readings, producer="gw"):
    """Admit a batch whose dictionaries are those of `LAYOUT`, as decoding gives them."""
    return operator.update(Arrival(readings, NOON, producer))


def spoiled(**columns):
    return replace(LAYOUT, **{name: np.where(LAYOUT.ts == NOON + 7, value, getattr(LAYOUT, name))
                              for name, value in columns.items()})  # fmt: skip


@pytest.mark.parametrize(
    ("batch", "reason"),
    [
        (spoiled(value=np.nan), "not_a_number"),
        (spoiled(value=-np.inf), "not_a_number"),
        (spoiled(ts=NOON + DAY + 1), "event_time_out_of_range"),
        (spoiled(ts=NULL), "event_time_out_of_range"),
        (replace(LAYOUT, tag=Text(LAYOUT.tag.values, NAMELESS)), "unknown_tag"),
    ],
)  # fmt: skip
def test_a_layout_that_comes_again_admits_no_more_than_it_did_at_first(batch, reason):
    operator = Admit(keys(machine("m", ("a", "b"))))
    assert len(again(operator, LAYOUT).rows) == 1
    assert again(operator, LAYOUT).admitted.key.tolist() == [0, 1] * (MANY // 2)
    admission = again(operator, batch)
    assert table(admission.rows, "quarantine", "reason") == [(reason,)]
    assert len(admission.admitted) == MANY - 1


def test_another_order_of_the_same_tags_is_another_layout():
    operator = Admit(keys(machine("m", ("a", "b"))))
    again(operator, LAYOUT)
    turned = LAYOUT[np.arange(MANY)[::-1]]
    assert again(operator, turned).admitted.key.tolist() == [1, 0] * (MANY // 2)
    assert again(operator, LAYOUT, "other").admitted.key.tolist() == [0, 1] * (MANY // 2)


@pytest.mark.parametrize(
    ("order", "sweep"),
    [
        ([*range(32)] * 40, 32),
        ([*range(31, -1, -1)] * 40, 32),
        ([*range(1280)], 1280),
        ([*range(32)] * 40 + [0], 0),
        ([*range(31), 30] * 40, 0),
        ([*range(32)] * 39 + [*range(31), 30], 0),
        ([0, 1] * 640, 0),
        ([0] * 1280, 0),
    ],
)
def test_a_source_that_sends_sweeps_is_known_for_it(order, sweep):
    names = [f"a{number}" for number in range(1280)]
    readings = numbers([("m", names[tag], NOON + row, 1.0) for row, tag in enumerate(order)])
    admission = Admit(keys(machine("m", names)))
    assert admission.update(Arrival(readings, NOON, "gw")).admitted.sweep == 0
    again = admission.update(Arrival(readings, NOON, "gw")).admitted
    assert (again.sweep, again[:3].sweep) == (sweep, 0)


def test_names_that_nobody_knows_make_no_table_of_all_their_pairs(monkeypatch):
    monkeypatch.setattr("streams.operators.admit.PAIRS", 3)
    known, other = numbers([("n", "a", NOON, 1.0), ("m", "b", NOON, 2.0)]), [("x", "y", NOON, 3.0)]
    some = replace(known, machine=Text(("n", "m", "n"), known.machine.codes))
    assert admit(some).admitted.key.tolist() == [5, 1]
    mixed = Readings.joined([numbers(other), known, numbers(other)])
    admission = admit(mixed)
    assert admission.admitted.key.tolist() == [5, 1]
    assert table(admission.rows, "quarantine", "machine", "tag", "reason") == [("x", "y", "unknown_tag")] * 2


def test_fifty_thousand_machines_and_as_many_tags_take_no_ten_gigabytes():
    size, names = 50_000, tuple(f"name-{number}" for number in range(50_000))
    words = Text(names, np.arange(size, dtype=np.int32))
    flood = replace(
        Readings.numbers(["m"], ["a"], [NOON], [1.0])[np.zeros(size, int)], machine=words, tag=words
    )
    assert not len(admit(flood).admitted)
