import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels import _select, detect
from kernels.detect import Tuning

QUICK = Tuning(horizon=50, warm=5, smoothing=1, clip=5, hold=0.0)


@pytest.fixture(params=["c", "python"])
def twin(request, monkeypatch):
    monkeypatch.setattr(detect, "_twin", _select.load("detect", request.param))


def run(values, reference=None, smooth=None, tuning=QUICK, limit=3.0):
    """Score rows of one group; NaN marks a slot that is absent."""
    table = np.asarray(values, dtype=np.float64)
    present = ~np.isnan(table)
    reference = np.zeros((table.shape[1], 3)) if reference is None else reference
    smooth = np.ones(1) if smooth is None else smooth
    return detect.score(
        np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int64),
        np.zeros(len(table), np.int32),
        np.nonzero(present)[1].astype(np.int32),
        table[present],
        reference=reference,
        smooth=smooth,
        limit=np.array([limit], np.float64),
        tuning=tuning,
    )


def noise(rows, slots, seed=1):
    return np.random.default_rng(seed).normal(10, 2, (rows, slots))


@settings(max_examples=40)
@given(
    st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(0, 120), st.floats(0, 0.5), st.floats(0.5, 4)
)
def test_both_twins_score_bit_for_bit(seed, slots, rows, missing, limit):
    generator = np.random.default_rng(seed)
    table = generator.normal(0, 3, (rows, slots))
    table[generator.random(table.shape) < missing] = np.nan
    outcomes = []
    for name in ("c", "python"):
        present = ~np.isnan(table)
        first = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int64)
        reference, smooth = np.zeros((slots, 3)), np.ones(1)
        result, share = np.empty(rows), np.empty(rows)
        top = np.empty(rows, np.int64)
        _select.load("detect", name).score(
            first, np.zeros(rows, np.int32), np.nonzero(present)[1].astype(np.int32), table[present],
            reference, smooth, np.array([limit]), np.array([30.0, 5.0, 3.0, 5.0, 0.1]), result, top, share,
        )  # fmt: skip
        outcomes.append([item.tobytes() for item in (reference, smooth, result, top, share)])
    assert outcomes[0] == outcomes[1]


@pytest.mark.usefixtures("twin")
def test_nothing_is_said_before_the_slots_are_warm():
    score, top, share = run(noise(6, 3))
    assert np.isnan(score[:5]).all()
    assert np.isfinite(score[5])
    assert top[:5].tolist() == [-1] * 5
    assert share[:5].tolist() == [0] * 5


@pytest.mark.usefixtures("twin")
def test_usual_readings_score_about_one():
    score, _, _ = run(noise(400, 8))
    assert 0.8 < np.nanmean(score[100:]) < 1.2


@pytest.mark.usefixtures("twin")
def test_the_slot_that_leaves_its_usual_place_explains_the_score():
    table = noise(100, 4)
    table[-1, 2] += 60
    score, top, share = run(table)
    assert score[-1] > 2
    assert top[-1] == 99 * 4 + 2
    assert share[-1] > 0.8


@pytest.mark.usefixtures("twin")
def test_a_reference_on_hold_learns_nothing_from_an_anomaly():
    reference, smooth = np.zeros((2, 3)), np.ones(1)
    run(noise(100, 2), reference, smooth, limit=100.0)
    before = reference.copy()
    score, _, _ = run(np.full((50, 2), 100.0), reference, smooth)
    assert (score > 3).all()
    assert reference[:, :2] == pytest.approx(before[:, :2], rel=1e-12)


@pytest.mark.usefixtures("twin")
def test_a_constant_slot_scores_nothing():
    score, _, share = run(np.full((20, 2), 233.062))
    assert score[-1] == 0
    assert share[-1] == 0


@pytest.mark.usefixtures("twin")
def test_the_score_does_not_depend_on_how_rows_are_batched():
    table = noise(60, 3)
    whole = run(table)[0]
    reference, smooth = np.zeros((3, 3)), np.ones(1)
    parts = [run(table[a : a + 7], reference, smooth)[0] for a in range(0, 60, 7)]
    assert np.concatenate(parts).tobytes() == whole.tobytes()


def test_rows_that_do_not_add_up_are_refused():
    empty = np.zeros(0, np.int32)
    with pytest.raises(ValueError, match="rise from 0"):
        detect.score(
            np.array([0, 2]), np.zeros(1, np.int32), np.zeros(1, np.int32), np.zeros(1),
            reference=np.zeros((1, 3)), smooth=np.ones(1), limit=np.ones(1), tuning=QUICK,
        )  # fmt: skip
    with pytest.raises(ValueError, match="one entry more"):
        detect.score(
            np.zeros(0, np.int64), empty, empty, np.zeros(0),
            reference=np.zeros((1, 3)), smooth=np.ones(1), limit=np.ones(1), tuning=QUICK,
        )  # fmt: skip
