import math

import pytest

from streams.connectors.batch import Batch
from streams.connectors.points import Binding, Point
from streams.records import GOOD, UNCERTAIN


def told(binding, values, quality=GOOD):
    batch = Batch()
    for ts, value in enumerate(values):
        binding.add(batch, "40001", value, ts, quality)
    readings = batch.build().readings
    return list(zip(readings.ts.tolist(), readings.value.tolist(), strict=True))


def test_a_number_is_scaled():
    assert told(Binding([Point("40001", "mill", "load", 0.1, -5.0)]), [100.0, 200.0]) == [(0, 5.0), (1, 15.0)]


def test_what_moves_less_than_the_deadband_is_not_told_again():
    binding = Binding([Point("40001", "mill", "load", deadband=1.0)])
    assert told(binding, [10, 10.5, 11, 11.5, 9.9, 11.5]) == [(0, 10.0), (3, 11.5), (4, 9.9), (5, 11.5)]


def test_slow_drift_is_told():
    binding = Binding([Point("40001", "mill", "load", deadband=1.0)])
    assert [value for _, value in told(binding, range(8))] == [0.0, 2.0, 4.0, 6.0]


def test_another_quality_and_a_device_that_was_away_are_told_within_the_deadband():
    binding = Binding([Point("40001", "mill", "load", deadband=1.0)])
    assert told(binding, [10.0]) == [(0, 10.0)]
    assert told(binding, [10.0], UNCERTAIN) == [(0, 10.0)]
    assert told(binding, [10.0], UNCERTAIN) == []
    binding.forget()
    assert told(binding, [10.0], UNCERTAIN) == [(0, 10.0)]


def test_a_number_that_is_none_is_told_for_admission_to_refuse():
    binding = Binding([Point("40001", "mill", "load", deadband=1.0)])
    (first,) = told(binding, [math.nan])
    assert math.isnan(first[1])
    assert told(binding, [3.0]) == [(0, 3.0)]


def test_a_text_is_told_as_it_is():
    batch = Batch()
    Binding([Point("40001", "mill", "program", 2.0)]).add(batch, "40001", "O123", 7)
    readings = batch.build().readings
    assert readings.text.to_list() == ["O123"]
    assert readings.ts.tolist() == [7]


def test_an_address_that_is_not_bound_is_an_error():
    with pytest.raises(KeyError):
        Binding([]).add(Batch(), "40001", 1.0, 0)
