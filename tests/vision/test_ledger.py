from concurrent.futures import ThreadPoolExecutor

import pytest

from vision.ledger import DROPPED, INSPECTED, LATE, UNMATCHED, Balance, Ledger


def test_a_ledger_closes_when_every_frame_has_ended():
    ledger = Ledger()
    for number in (1, 2, 3, 4):
        ledger.captured("a", "1", number, number)
    ledger.captured("b", "1", 1, 1)
    for number, outcome in enumerate((INSPECTED, DROPPED, LATE, UNMATCHED), 1):
        ledger.ended("a", "1", number, number, outcome)
    assert ledger.cameras()["a"].open == 0
    assert ledger.total() == Balance(captured=5, inspected=1, dropped=1, late=1, unmatched=1)
    assert ledger.total().open == 1


def test_counts_of_many_threads_are_all_there():
    ledger = Ledger()

    def pass_by(number):
        ledger.captured("a", "1", number, number)
        ledger.ended("a", "1", number, number, INSPECTED)

    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(pass_by, range(1000)):
            pass
    assert ledger.total() == Balance(captured=1000, inspected=1000)
    assert ledger.on_their_way() == {}


def test_it_knows_which_frames_are_on_their_way():
    ledger = Ledger()
    for first, last in ((1, 1), (2, 6), (7, 7)):
        ledger.captured("a", "1", first, last)
    ledger.captured("a", "1.2", 1, 1)
    ledger.ended("a", "1", 1, 1, INSPECTED)
    ledger.ended("a", "1.2", 1, 1, INSPECTED)
    assert ledger.on_their_way() == {("a", "1"): [(2, 6), (7, 7)]}


def test_frames_that_are_missed_without_number_take_no_memory():
    ledger = Ledger()
    ledger.captured("a", "1", 1, 10**12)
    ledger.ended("a", "1", 1, 10**12, DROPPED)
    assert ledger.total().dropped == 10**12


def test_a_frame_cannot_end_in_a_way_that_nobody_counts_or_twice():
    ledger = Ledger()
    ledger.captured("a", "1", 1, 1)
    with pytest.raises(KeyError):
        ledger.ended("a", "1", 1, 1, "vanished")
    ledger.ended("a", "1", 1, 1, INSPECTED)
    with pytest.raises(KeyError):
        ledger.ended("a", "1", 1, 1, INSPECTED)
