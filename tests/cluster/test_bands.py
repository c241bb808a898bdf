"""Bands follow from the worst score of each part by a rule, not by taste."""

from bench.bands import Worst, choose


def part(score: float, defective: bool = False) -> Worst:
    return Worst(score, defective)


def test_the_review_band_reaches_down_to_the_faintest_defect() -> None:
    seen = [part(0.9, True), part(0.42, True), *[part(0.0)] * 98, part(0.31), part(0.12)]
    found = choose(seen)
    assert (found["review_above"], found["reject_above"]) == (0.35, 0.35)
    assert (found["escape_rate"], found["overkill_rate"]) == (0.0, 0.0)


def test_a_part_is_rejected_from_where_sound_ones_are_not() -> None:
    seen = [part(0.22, True), *[part(0.0)] * 99, part(0.61)]
    found = choose(seen)
    assert (found["review_above"], found["reject_above"]) == (0.2, 0.65)
    assert found["review_rate_sound"] == 0.01


def test_what_escapes_at_every_score_leaves_the_lowest() -> None:
    found = choose([part(0.0, True), part(0.7, True), part(0.0)])
    assert found["review_above"] == 0.05
    assert found["escape_rate"] == 0.5
