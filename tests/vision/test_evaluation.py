"""Average precision by hand, against the trainer's own metric, and what it means for whole parts."""

import math

import numpy as np
import pytest

from vision.dataset import Truth
from vision.evaluation import THRESHOLDS, average_precision, evaluate, iou, judge_parts, match
from vision.records import Findings

CLASSES = ("good", "pore", "crater")
BOX = (10.0, 10.0, 30.0, 30.0)
FAR = (200.0, 200.0, 220.0, 220.0)


def findings(*rows):
    """Build findings of (label, score, box)."""
    return Findings(
        CLASSES,
        np.array([row[2] for row in rows], np.float32).reshape(-1, 4),
        np.array([row[0] for row in rows], np.int32),
        np.array([row[1] for row in rows], np.float32),
    )


def truth(*rows):
    """Build truth of (label, box)."""
    boxes = np.array([row[1] for row in rows], np.float32).reshape(-1, 4)
    return Truth(boxes, np.array([row[0] for row in rows], np.int32))


def test_overlap_of_boxes():
    left = np.array([(0, 0, 10, 10), (0, 0, 0, 0)], np.float32)
    right = np.array([(0, 0, 10, 10), (5, 0, 15, 10), (10, 10, 20, 20)], np.float32)
    assert iou(left, right)[0] == pytest.approx([1, 1 / 3, 0])
    assert iou(left, right)[1] == pytest.approx([0, 0, 0])


def test_a_perfect_detector_is_perfect():
    pair = findings((1, 0.9, BOX), (0, 0.8, FAR)), truth((1, BOX), (0, FAR))
    report = evaluate([pair, pair], CLASSES)
    assert report.ap50() == {"good": pytest.approx(0.995), "pore": pytest.approx(0.995)}
    assert report.map50_95() == pytest.approx(report.map50())
    assert report.instances.tolist() == [2, 2, 0]
    assert report.pictures == 2


def test_the_wrong_class_finds_nothing():
    report = evaluate([(findings((2, 0.9, BOX)), truth((1, BOX)))], CLASSES)
    assert report.ap50() == {"pore": 0.0}


def test_a_box_is_found_once():
    hit = match(findings((1, 0.5, BOX), (1, 0.9, BOX)), truth((1, BOX)))
    assert hit[:, 0].tolist() == [False, True]


def test_a_loose_box_counts_at_low_overlaps_only():
    loose = (10.0, 10.0, 30.0, 24.0)
    hit = match(findings((1, 0.9, loose)), truth((1, BOX)))
    assert hit[0].tolist() == [bool(threshold <= 0.7) for threshold in THRESHOLDS.round(2)]


def test_a_false_alarm_below_the_last_hit_costs_nothing():
    low = evaluate([(findings((1, 0.9, BOX), (1, 0.1, FAR)), truth((1, BOX)))], CLASSES)
    high = evaluate([(findings((1, 0.1, BOX), (1, 0.9, FAR)), truth((1, BOX)))], CLASSES)
    assert low.map50() == pytest.approx(0.995)
    assert high.map50() == pytest.approx(0.4975)


def test_what_is_not_found_lowers_the_recall():
    report = evaluate([(findings((1, 0.9, BOX)), truth((1, BOX), (1, FAR)))], CLASSES)
    assert report.map50() == pytest.approx(0.5, abs=0.006)


def test_precision_of_a_class_that_does_not_occur_is_not_a_number():
    assert np.isnan(average_precision(np.ones((3, 10), bool), 0)).all()
    assert average_precision(np.zeros((0, 10), bool), 4).tolist() == [0.0] * 10


def test_without_any_truth_there_is_no_mean():
    report = evaluate([(findings((1, 0.9, BOX)), truth())], CLASSES)
    assert math.isnan(report.map50())
    assert report.ap50() == {}


def test_defects_are_averaged_apart_from_features():
    pairs = [(findings((0, 0.9, BOX)), truth((0, BOX), (1, FAR)))]
    report = evaluate(pairs, CLASSES)
    assert report.defects() == ("pore", "crater")
    assert report.map50(report.defects()) == 0.0
    assert report.map50(("good",)) == pytest.approx(0.995)


def random_pairs():
    """Noisy detections of random boxes, as they were given to the trainer's metric."""
    rng = np.random.default_rng(42)
    for _ in range(40):
        number = int(rng.integers(0, 6))
        corner = rng.uniform(0, 300, (number, 2))
        boxes = np.hstack([corner, corner + rng.uniform(20, 100, (number, 2))]).astype(np.float32)
        labels = rng.integers(0, 3, number).astype(np.int32)
        near, far = boxes + rng.normal(0, 6, boxes.shape), boxes + rng.normal(0, 12, boxes.shape)
        found = np.vstack([near, far, np.tile([5, 5, 50, 50], (3, 1))]).astype(np.float32)
        said = np.concatenate([labels, rng.permutation(labels), rng.integers(0, 3, 3)]).astype(np.int32)
        scores = rng.uniform(0.01, 1, len(said)).astype(np.float32)
        yield Findings(CLASSES, found, said, scores), Truth(boxes, labels)


def test_the_trainers_metric_says_the_same():
    report = evaluate(random_pairs(), CLASSES)
    by_trainer_50 = [0.3433140496686894, 0.31183824449884395, 0.37834322270463583]
    by_trainer = [0.16095780154030925, 0.11776942720023587, 0.14489250200206696]
    assert report.ap[:, 0] == pytest.approx(by_trainer_50, abs=1e-6)
    assert report.ap.mean(axis=1) == pytest.approx(by_trainer, abs=1e-6)
    assert report.map50_95() == pytest.approx(np.mean(by_trainer), abs=1e-6)


def test_parts_escape_below_the_score_and_are_rejected_above_it():
    pairs = [
        (findings((1, 0.4, BOX)), truth((1, BOX))),
        (findings((0, 0.9, BOX)), truth((0, BOX))),
        (findings((2, 0.3, BOX)), truth((0, BOX))),
        (findings(), truth((0, BOX), (2, FAR))),
    ]
    strict, lenient = judge_parts(pairs, CLASSES, 0.25), judge_parts(pairs, CLASSES, 0.5)
    assert (strict.defective, strict.sound, strict.escaped, strict.overkill) == (2, 2, 1, 1)
    assert (lenient.escaped, lenient.overkill) == (2, 0)


@pytest.mark.parametrize(
    ("parts", "defective", "sound", "escaped", "overkill"),
    [
        ((), 2, 2, 1, 1),
        ("aabb", 2, 0, 0, 0),
        ("abba", 1, 1, 0, 1),
        ("abcb", 2, 1, 1, 1),
    ],
)
def test_a_part_escapes_if_none_of_its_pictures_shows_the_defect(parts, defective, sound, escaped, overkill):
    pairs = [
        (findings((1, 0.4, BOX)), truth((1, BOX))),
        (findings((0, 0.9, BOX)), truth((0, BOX))),
        (findings((2, 0.3, BOX)), truth((0, BOX))),
        (findings(), truth((0, BOX), (2, FAR))),
    ]
    told = judge_parts(pairs, CLASSES, 0.25, parts)
    assert (told.defective, told.sound, told.escaped, told.overkill) == (defective, sound, escaped, overkill)
