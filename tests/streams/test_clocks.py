import numpy as np
import pytest

from streams.clock import HOUR, MINUTE, SECOND
from streams.operators import clocks as clocks_module
from streams.operators.clocks import Clocks
from streams.operators.testing import NOON, keys, machine, table
from streams.operators.watermark import Heard
from streams.records import NULL

KEYS = keys(machine("m"), machine("n"))


class Source:
    """Machine m, heard once a second; its clock is off by ``offset`` and its readings take a while."""

    def __init__(self):
        self.clocks = Clocks(KEYS)
        self.rng = np.random.default_rng(3)
        self.second = 0
        self.rows = []

    def run(self, seconds, offset=0, late=0.0, delay=20 * SECOND):
        for _ in range(seconds):
            self.second += 1
            way = int(self.rng.integers(5_000, 55_000)) + (delay if self.rng.random() < late else 0)
            stamp = NOON + self.second * SECOND
            told = self.clocks.update(Heard(stamp, np.array([stamp - way + offset, NULL])))
            self.rows += table(told, "clocks", "machine", "offset_us", "jitter_us", "jump_us")

    def estimate(self):
        (found,) = self.clocks.estimates
        return found


@pytest.fixture
def source():
    return Source()


def test_the_offset_is_the_delay_of_what_comes_soonest_and_the_jitter_its_spread(source):
    source.run(300, offset=-2 * SECOND)
    assert source.estimate().offset == pytest.approx(2 * SECOND + 7_500, abs=5_000)
    assert source.estimate().jitter == pytest.approx(45_000, abs=10_000)
    assert {row[0] for row in source.rows} == {"m"}
    assert len(source.rows) == 5


def test_late_readings_do_not_move_the_offset(source):
    source.run(300, late=0.5)
    assert source.estimate().offset < 20_000
    assert source.estimate().jumped is None


@pytest.mark.parametrize("jump", [HOUR, -HOUR, 3 * SECOND])
def test_a_clock_that_jumps_is_told_once_and_so_is_its_way_back(source, jump):
    source.run(180)
    source.run(180, offset=jump)
    assert [row[3] for row in source.rows if row[3]] == [pytest.approx(jump, abs=60_000)]
    assert source.estimate().offset == pytest.approx(-jump, abs=60_000)
    source.run(180)
    assert [row[3] for row in source.rows if row[3]][1:] == [pytest.approx(-jump, abs=60_000)]
    assert source.clocks.jumps == 2
    assert source.estimate().jump == pytest.approx(-jump, abs=60_000)


def test_what_was_held_back_by_a_broken_link_is_no_jump(source):
    """Ten minutes come within ten seconds: each entry is fresher than the one before."""
    source.run(180)
    start = NOON + source.second * SECOND
    for step in range(60):
        stamp = start + 10 * MINUTE + step * SECOND // 6
        source.clocks.update(Heard(stamp, np.array([start + step * 10 * SECOND, NULL])))
    source.second += 610
    source.run(120)
    assert source.clocks.jumps == 0


def test_a_day_of_a_leap_smear_is_no_jump(source):
    """A clock that takes a day to lose a second: each of its seconds is 11.6 microseconds longer."""
    for minute in range(0, 24 * 60, 2):
        stamp = NOON + minute * MINUTE
        source.clocks.update(Heard(stamp, np.array([stamp - minute * SECOND // (24 * 60), NULL])))
    assert source.clocks.jumps == 0
    assert 0.8 * SECOND < source.estimate().offset < SECOND
    assert source.estimate().jitter < 0.2 * SECOND


def test_a_restored_operator_tells_the_same(source):
    source.run(100, offset=5)
    other = Clocks(keys(machine("new"), machine("m")))
    other.restore(source.clocks.snapshot())
    assert other.estimates == source.clocks.estimates != ()


def test_each_source_of_a_machine_has_a_clock_of_its_own():
    clocks, rows = Clocks(KEYS), []
    for second in range(130):
        stamp = NOON + second * SECOND
        for source, behind in (("plc", 0), ("box", 40 * SECOND)):
            rows += clocks.update(Heard(stamp, np.array([stamp - behind, NULL]), source))
    found = {(clock.machine, clock.source): (clock.offset, clock.jitter) for clock in clocks.estimates}
    assert found == {("m", "plc"): (0, 0), ("m", "box"): (40 * SECOND, 0)}
    assert set(table(rows, "clocks", "machine", "source")) == set(found)
    assert clocks.jumps == 0


def test_a_source_not_known_yet_is_believed_as_far_as_any_other_of_the_machine():
    clocks = Clocks(KEYS)
    for second in range(130):
        stamp = NOON + second * SECOND
        clocks.update(Heard(stamp, np.array([stamp, NULL]), "plc"))
        clocks.update(Heard(stamp, np.array([stamp + HOUR, NULL]), "box"))
    never = np.iinfo(np.int64).max
    assert clocks.latest(0, "plc").tolist() == [MINUTE, never]
    assert clocks.latest(0, "box").tolist() == [HOUR + MINUTE, never]
    assert clocks.latest(0, "new").tolist() == [HOUR + MINUTE, never]
    assert Clocks(KEYS).latest(0, "new").tolist() == [never, never]


def test_a_clock_not_heard_of_for_the_longest_makes_room(monkeypatch):
    monkeypatch.setattr(clocks_module, "MOST", 3)
    clocks = Clocks(keys(machine("m")))
    for second in range(40):
        for number in (0, 1, 2, 0) if second < 20 else (0, 2, 3):
            stamp = NOON + 4 * second * SECOND + number
            clocks.update(Heard(stamp, np.array([stamp - number]), f"box-{number}"))
    assert [(clock.source, clock.offset) for clock in clocks.estimates] == [
        ("box-0", 0),
        ("box-2", 2),
        ("box-3", 3),
    ]
