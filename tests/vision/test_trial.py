"""Simulated parts through the station's own code: views meet, verdicts keep order, errors show."""

from types import SimpleNamespace

import pytest

from vision import trial
from vision.lazy import MeanPicture
from vision.records import Outcome
from vision.simulate.line import truth

VIEWS = ("top", "left", "right")
SEEDS = range(2000, 2010)


@pytest.fixture(scope="module")
def parts():
    return list(trial.parts_of(SEEDS, 24, VIEWS, 96))


def test_every_part_has_all_its_views(parts):
    assert [part.serial for part in parts[:2]] == ["P2000-000001-1", "P2000-000002-1"]
    for part in parts:
        assert tuple(frame.view for frame in part.frames) == VIEWS
        assert {frame.serial for frame in part.frames} == {part.serial}


def test_the_same_seed_gives_the_same_bytes(parts):
    again = next(trial.parts_of(SEEDS, 1, VIEWS, 96))
    assert [frame.encoded for frame in again.frames] == [frame.encoded for frame in parts[0].frames]


def test_each_seed_gives_its_share(monkeypatch):
    monkeypatch.setattr(trial, "PER_SEED", 2)
    serials = [part.serial for part in trial.parts_of(SEEDS, 5, ("top",), 64)]
    assert [serial[:5] for serial in serials] == ["P2000", "P2000", "P2001", "P2001", "P2002"]


def test_a_view_that_no_part_needs_is_an_error(monkeypatch):
    monkeypatch.setattr(trial, "Assembly", lambda views: SimpleNamespace(add=refuse))
    with pytest.raises(trial.TrialError, match="fits no part: view_twice"):
        next(trial.assemble(2000, ("top",), 64))


def refuse(frame, now):
    return trial.Stray(frame, "unmatched", "view_twice")


class Loud:
    """An inspector that says the serial, and cannot judge one of the parts."""

    def __init__(self, cannot=None):
        self.cannot = cannot

    def inspect_parts(self, parts):
        for part in parts:
            if part.serial == self.cannot:
                raise RuntimeError("no")
            yield SimpleNamespace(serial=part.serial, attempt=part.attempt)


def test_verdicts_are_told_in_the_order_of_the_parts(parts):
    told = []
    trial.judge(parts, Loud(), lambda part, verdict: told.append((part.serial, verdict.serial)), workers=3)
    assert told == [(part.serial, part.serial) for part in parts]


def test_a_part_that_cannot_be_judged_ends_the_trial(parts):
    for number in (0, len(parts) - 1):
        with pytest.raises(trial.TrialError, match="RuntimeError"):
            trial.judge(parts, Loud(cannot=parts[number].serial), lambda *_: None, workers=1)


def test_the_mean_picture_rejects_what_is_far_from_it(parts):
    sound = [part for part in parts if truth(part.serial).sound]
    lazy = MeanPicture(sound)
    rejected = [part for part in sound if lazy.judge(part) is Outcome.NG]
    assert len(rejected) <= max(1, 0.1 * len(sound))
