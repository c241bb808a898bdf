import pytest

from streams.clock import SECOND
from streams.operators.testing import NOON, keys, machine, numbers, step
from streams.operators.watermark import Heard, Watermark
from streams.records import NULL

KEYS = keys(machine("m"), machine("n", disorder=5 * SECOND))


@pytest.fixture
def hear():
    operator = Watermark(KEYS)

    def hear(received, *readings):
        newest = step(KEYS, numbers(readings) if readings else None).newest
        return operator.update(Heard(NOON + received * SECOND, newest)).tolist()

    return hear


def at(seconds):
    return NOON + int(seconds * SECOND)


def test_nothing_is_known_before_the_first_reading(hear):
    assert hear(0) == [NULL, NULL]


def test_a_mark_follows_the_newest_event_time_at_the_distance_of_the_disorder(hear):
    assert hear(10, ("m", "a", at(8), 1.0), ("m", "a", at(7), 1.0), ("n", "a", at(9), 1.0)) == [at(6), at(4)]


def test_a_mark_never_falls(hear):
    hear(10, ("m", "a", at(8), 1.0))
    assert hear(11, ("m", "a", at(2), 1.0))[0] == at(6)


def test_a_silent_machine_follows_the_ticks_once_it_is_idle(hear):
    hear(10, ("m", "a", at(10), 1.0), ("n", "a", at(10), 1.0))
    assert hear(19) == [at(8), at(5)]
    assert hear(20) == [at(8), at(5)]
    assert hear(50) == [at(38), at(35)]


def test_a_talking_machine_is_not_moved_by_the_silence_of_another(hear):
    hear(10, ("m", "a", at(10), 1.0), ("n", "a", at(10), 1.0))
    assert hear(30, ("m", "a", at(11), 1.0)) == [at(9), at(15)]


def test_a_machine_never_heard_of_becomes_idle_too(hear):
    hear(0)
    assert hear(10) == [at(-2), at(-5)]


def test_a_restored_mark_goes_on_where_it_stood(hear):
    before, after = Watermark(KEYS), Watermark(KEYS)
    before.update(Heard(at(10), step(KEYS, numbers([("m", "a", at(9), 1.0)])).newest))
    after.restore(before.snapshot())
    silence = Heard(at(20), step(KEYS, None).newest)
    assert after.update(silence).tolist() == before.update(silence).tolist() == [at(8), at(5)]
    assert after.snapshot() == before.snapshot()


def test_machines_are_restored_by_name():
    before = Watermark(KEYS)
    before.update(Heard(at(10), step(KEYS, numbers([("n", "a", at(9), 1.0)])).newest))
    other = keys(machine("new"), machine("n", disorder=5 * SECOND))
    after = Watermark(other)
    after.restore(before.snapshot())
    assert after.update(Heard(at(11), step(other, None).newest)).tolist() == [NULL, at(4)]
