"""Rates that a station is trusted by, and how sure they are."""

import math

import pytest

from vision.acceptance import Judgement, at_most, figures, upper_bound
from vision.records import Outcome

OK, NG, REVIEW = Outcome.OK, Outcome.NG, Outcome.REVIEW


@pytest.mark.parametrize(
    ("events", "trials", "expected"),
    [
        (0, 500, 0.005974),  # 1 - 0.05 ** (1 / 500)
        (0, 10, 0.258866),
        (1, 20, 0.216106),
    ],
)
def test_the_upper_bound_is_exact(events, trials, expected):
    assert upper_bound(events, trials) == pytest.approx(expected, abs=2e-4)


def test_the_bound_leaves_five_percent():
    bound = upper_bound(5, 50)
    exact = sum(math.comb(50, count) * bound**count * (1 - bound) ** (50 - count) for count in range(6))
    assert exact == pytest.approx(0.05, abs=1e-6)
    assert at_most(5, 50, bound) == pytest.approx(exact, abs=1e-9)


def test_nothing_tried_or_all_failed_is_certain_of_nothing():
    assert upper_bound(0, 0) == 1
    assert upper_bound(7, 7) == 1


@pytest.mark.parametrize(("rate", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_a_rate_at_the_end_needs_no_logarithm(rate, expected):
    assert at_most(0, 10, rate) == expected


def test_parts_are_counted_by_truth_and_verdict():
    judged = [
        *[Judgement(OK, ())] * 7, Judgement(NG, ()), *[Judgement(REVIEW, ())] * 2,
        *[Judgement(NG, ("crater",))] * 3, Judgement(OK, ("crater",)), Judgement(REVIEW, ("spatter",)),
    ]  # fmt: skip
    found = figures(judged)
    assert (found["parts"], found["defective"], found["sound"]) == (15, 5, 10)
    assert (found["escape_rate"], found["overkill_rate"]) == (0.2, 0.1)
    assert (found["review_rate"], found["review_rate_sound"]) == (0.2, 0.2)
    assert found["escape_upper95"] > 0.2
    assert found["kinds"]["crater"]["escaped"] == 1
    assert found["kinds"]["spatter"] == {
        "parts": 1, "escaped": 0, "review": 1, "rejected": 0, "escape_upper95": 0.95,
    }  # fmt: skip


def test_no_parts_give_no_rate():
    found = figures([])
    assert (found["escape_rate"], found["escape_upper95"], found["kinds"]) == (0.0, 1.0, {})
