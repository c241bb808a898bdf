import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
from structlog.testing import capture_logs

from vision import registry
from vision.detect import MOST, Detector, Lane, check_numbers, choose, open_lane, read_network, sort
from vision.testing import WELD_SCORE, picture, write_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_model(tmp_path_factory.mktemp("models"))


def test_findings_are_in_the_pictures_own_pixels_best_first(model):
    findings = Detector(model).detect(picture(red=102, side=64))
    assert [findings.classes[label] for label in findings.labels] == ["Weld", "Surface_pores"]
    assert findings.scores == pytest.approx([WELD_SCORE, 0.4])
    assert findings.boxes.tolist() == [[0, 0, 64, 64], [24, 12, 40, 20]]


def test_findings_below_the_floor_are_left_out(model):
    detector = Detector(model)
    assert len(detector.detect(picture(red=102), floor=0.39)) == 2
    assert len(detector.detect(picture(red=102), floor=0.41)) == 1
    assert len(detector.detect(picture(red=102), floor=0.95)) == 0


def test_many_threads_find_what_one_finds(model):
    pictures = [picture(red, seed=red) for red in range(0, 250, 5)]
    one, many = Detector(model), Detector(model, lanes=3)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(many.detect, pictures))
    for image, findings in zip(pictures, found, strict=True):
        expected = one.detect(image)
        assert findings.scores.tobytes() == expected.scores.tobytes()
        assert findings.boxes.tobytes() == expected.boxes.tobytes()


def test_pictures_looked_at_together_give_what_each_gives_alone(model):
    alone, together = Detector(model), Detector(model, together=4)
    fitted = [alone.fit(picture(red, seed=red)) for red in range(0, 250, 25)]
    assert [
        found.boxes.tobytes() + found.scores.tobytes() for found in together.detect_fitted(fitted, 0.1)
    ] == [
        found.boxes.tobytes() + found.scores.tobytes()
        for item in fitted
        for found in alone.detect_fitted([item], 0.1)
    ]


def test_pictures_are_grouped_as_far_as_groups_are_whole(model):
    lane = open_lane(read_network(model), 1, together=4)
    assert [len(group) for group in lane.groups(range(10))] == [4, 4, 1, 1]
    assert [len(group) for group in lane.groups(range(3))] == [1, 1, 1]
    assert [len(group) for group in Lane(lane.alone).groups(range(5))] == [1] * 5


def test_a_model_that_says_other_things_of_several_pictures_looks_at_each_alone(model, answering):
    def be_off_by_a_bit(answers, pictures):
        answers[0][-1, -1, -1] += np.float32(pictures > 1) * np.float32(1e-6)

    answering(be_off_by_a_bit)
    with capture_logs() as logs:
        detector = Detector(model, lanes=2, together=4)
    assert [(entry["event"], entry["reason"]) for entry in logs] == [
        ("pictures_computed_one_by_one", "together they give other bits")
    ]
    fitted = [detector.fit(picture(red, seed=red)) for red in range(0, 250, 50)]
    assert len(detector.detect_fitted(fitted, 0.25)) == len(fitted)


def test_a_model_that_takes_one_picture_only_looks_at_each_alone(tmp_path):
    lane = open_lane(read_network(write_model(tmp_path, singular=True)), 1, together=4)
    assert (lane.together, lane.why_alone) == (None, "it takes one at a time")


def test_what_a_station_does_itself_is_tried_once_however_many_lanes_there_are(monkeypatch):
    tried = []
    monkeypatch.setattr("vision.tail.agrees", lambda graph, classes: tried.append(classes) or True)
    assert Detector(registry.find("weld-sim"), lanes=3, together=2).decodes
    assert len(tried) == 1


def test_a_lane_is_given_back_after_a_failure(model):
    detector = Detector(model)
    bad = replace(detector.fit(picture(red=1)), top=9)
    with pytest.raises(ValueError, match="does not fit"):
        detector.detect_fitted([bad], 0.25)
    assert len(detector.detect(picture(red=0))) == 1


def test_a_file_that_is_no_model_is_said(model, tmp_path):
    for name in registry.FILES:
        (tmp_path / name).write_bytes(b"no model")
    with pytest.raises(registry.ModelError, match="OpenVINO cannot read"):
        Detector(replace(model, folder=tmp_path))


def test_a_model_of_other_shapes_than_its_card_says_is_refused(model):
    with pytest.raises(registry.ModelError, match="its card says otherwise"):
        Detector(replace(model, classes=("one",)))


def head(*columns):
    """Return a head's output of columns: middle, size, score of each class."""
    return np.ascontiguousarray(np.array(columns, np.float32).T)


def test_findings_of_a_head_are_boxes_around_their_middle_best_first():
    output = head((10, 20, 4, 6, 0.1, 0.7), (50, 60, 8, 2, 0.9, 0.2), (1, 1, 1, 1, 0.5, 0.5))
    boxes, labels, scores = choose(output, 0.5)
    assert boxes.tolist() == [[46, 59, 54, 61], [8, 17, 12, 23]]
    assert labels.tolist() == [0, 1]
    assert scores == pytest.approx([0.9, 0.7])


def test_of_overlapping_boxes_of_one_class_the_best_stays():
    output = head((5, 5, 10, 10, 0.6), (5, 4.5, 10, 9, 0.9), (5, 2.5, 10, 5, 0.5), (55, 55, 10, 10, 0.3))
    assert choose(output, 0.25)[2] == pytest.approx([0.9, 0.5, 0.3])


def test_boxes_of_different_classes_never_suppress_each_other():
    assert choose(head((5, 5, 10, 10, 0.6, 0), (5, 5, 10, 10, 0, 0.9)), 0.25)[1].tolist() == [1, 0]


def test_findings_of_an_end_to_end_head_are_taken_as_they_are_best_first():
    rows = [(0, 0, 9, 9, 0.3, 1), (0, 0, 9, 9, 0.9, 1), (1, 1, 2, 2, 0.1, 0), (0, 0, 9, 8, 0.3, 0)]
    boxes, labels, scores = sort(np.array(rows, np.float32), 0.1, 2)
    assert boxes.tolist() == [[0, 0, 9, 9], [0, 0, 9, 9], [0, 0, 9, 8]]
    assert labels.tolist() == [1, 1, 0]
    assert scores == pytest.approx([0.9, 0.3, 0.3])
    for label in (-1, 2):
        with pytest.raises(registry.ModelError, match="a class that it does not name"):
            sort(np.array([(0, 0, 9, 9, 0.9, label)], np.float32), 0.1, 2)


def test_no_more_than_the_most_are_kept():
    columns = [(100 * place, 0, 10, 10, 0.5) for place in range(MOST + 50)]
    assert len(choose(head(*columns), 0.25)[1]) == MOST


def test_a_card_is_all_that_names_the_classes(tmp_path):
    model = write_model(tmp_path)
    card = json.loads((model.folder / "card.json").read_text())
    (model.folder / "card.json").write_text(json.dumps(card | {"classes": ["a", "b", "c"]}))
    findings = Detector(registry.load(model.folder)).detect(picture(red=0))
    assert findings.classes == ("a", "b", "c")


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_answer_that_is_no_number_is_refused(value):
    answer = head((10, 20, 4, 6, 0.1, 0.7), (50, 60, 8, 2, 0.9, 0.2))
    check_numbers(answer)
    answer[5, 1] = value
    with pytest.raises(registry.ModelError, match="no number"):
        check_numbers(answer)
