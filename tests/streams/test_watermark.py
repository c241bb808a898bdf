import pytest

from streams.clock import SECOND
from streams.operators import sources
from streams.operators.testing import NOON, keys, machine, numbers, step
from streams.operators.watermark import Heard, Watermark
from streams.records import NULL

KEYS = keys(machine("m"), machine("n", disorder=5 * SECOND))


@pytest.fixture
def hear():
    operator = Watermark(KEYS)

    def hear(received, *readings):
        return said(operator, received, "", *readings).marks.tolist()

    return hear


def said(operator, received, source, *readings, where=KEYS):
    newest = step(where, numbers(readings) if readings else None).newest
    return operator.update(Heard(NOON + received * SECOND, newest, source))


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
    assert after.update(silence).marks.tolist() == before.update(silence).marks.tolist() == [at(8), at(5)]
    assert after.snapshot() == before.snapshot()


def test_machines_are_restored_by_name():
    before = Watermark(KEYS)
    before.update(Heard(at(10), step(KEYS, numbers([("n", "a", at(9), 1.0)])).newest))
    other = keys(machine("new"), machine("n", disorder=5 * SECOND))
    after = Watermark(other)
    after.restore(before.snapshot())
    assert after.update(Heard(at(11), step(other, None).newest)).marks.tolist() == [NULL, at(4)]


def test_of_several_sources_the_one_furthest_behind_is_waited_for():
    operator = Watermark(KEYS)
    said(operator, 10, "plc", ("m", "a", at(10), 1.0))
    reached = said(operator, 10, "box", ("m", "a", at(4), 1.0))
    assert (reached.marks[0], reached.fronts[0]) == (at(8), at(8))
    said(operator, 15, "plc", ("m", "a", at(15), 1.0))
    reached = said(operator, 15, "box", ("m", "a", at(9), 1.0))
    assert (reached.marks[0], reached.fronts[0]) == (at(8), at(13))


def test_a_source_that_seldom_speaks_holds_nothing_up():
    operator = Watermark(KEYS)
    said(operator, 10, "plc", ("m", "a", at(10), 1.0))
    said(operator, 10, "box", ("m", "a", at(10), 1.0))
    assert said(operator, 18, "plc", ("m", "a", at(18), 1.0)).marks[0] == at(16)


def test_a_source_is_waited_for_no_longer_than_a_silent_machine_and_not_once_it_is_silent():
    operator = Watermark(KEYS)
    said(operator, 100, "plc", ("m", "a", at(100), 1.0))
    said(operator, 101, "box", ("m", "a", at(40), 1.0))
    assert said(operator, 110, "plc", ("m", "a", at(110), 1.0)).marks[0] == at(98)
    assert said(operator, 111, "plc", ("m", "a", at(111), 1.0)).marks[0] == at(109)


def test_sources_are_restored_by_the_names_of_their_machines():
    before = Watermark(KEYS)
    said(before, 10, "plc", ("m", "a", at(10), 1.0), ("n", "a", at(10), 1.0))
    said(before, 10, "box", ("n", "a", at(6), 1.0))
    other = keys(machine("new"), machine("n", disorder=5 * SECOND))
    after = Watermark(other)
    after.restore(before.snapshot())
    for operator, where in ((before, KEYS), (after, other)):
        assert said(operator, 12, "plc", ("n", "a", at(12), 1.0), where=where).marks[1] == at(5)


def test_sources_beyond_all_measure_are_not_waited_for(monkeypatch):
    monkeypatch.setattr(sources, "MOST", 2)
    operator = Watermark(KEYS)
    for number in range(3):
        said(operator, 10, f"box-{number}", ("m", "a", at(10 - number), 1.0))
    assert len(operator._sources.names) == 2
    assert said(operator, 12, "box-0", ("m", "a", at(12), 1.0)).marks[0] == at(9)
    assert said(operator, 21, "box-2", ("m", "a", at(21), 1.0)).marks[0] == at(19)
    assert operator._sources.names == [("box-0", 0), ("box-2", 0)]
