from concurrent.futures import ThreadPoolExecutor

import pytest

from vision.ledger import DROPPED, INSPECTED, LATE, UNMATCHED, Balance, Ledger


def test_a_ledger_closes_when_every_frame_has_ended():
    ledger = Ledger()
    ledger.captured("a", 4)
    ledger.captured("b")
    for outcome in (INSPECTED, DROPPED, LATE, UNMATCHED):
        ledger.ended("a", outcome)
    assert ledger.cameras()["a"].open == 0
    assert ledger.total() == Balance(captured=5, inspected=1, dropped=1, late=1, unmatched=1)
    assert ledger.total().open == 1


def test_counts_of_many_threads_are_all_there():
    ledger = Ledger()
    with ThreadPoolExecutor(4) as pool:
        for _ in range(1000):
            pool.submit(ledger.captured, "a")
            pool.submit(ledger.ended, "a", INSPECTED)
    assert ledger.total() == Balance(captured=1000, inspected=1000)


def test_a_frame_cannot_end_in_a_way_that_nobody_counts():
    with pytest.raises(TypeError):
        Ledger().ended("a", "vanished")
