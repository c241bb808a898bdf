"""Rendered parts as a data set: encoded as by a camera, boxes where the flaws are, training seeds only."""

import cv2
import numpy as np
import pytest

from vision import rendered
from vision.dataset import read_truth
from vision.simulate import CLASSES, RenderedPart
from vision.simulate.protocol import TRAIN_SEEDS


@pytest.fixture(scope="module")
def parts():
    return list(rendered.parts_to_train_on(8))


def test_pictures_lie_beside_their_boxes(parts, tmp_path):
    assert rendered.write(iter(parts), tmp_path, CLASSES) == 8
    for index, part in enumerate(parts):
        name = f"rendered-{index:05d}"
        picture = cv2.imread(str(tmp_path / "images" / "train" / f"{name}.jpg"))
        assert picture.shape == part.image.shape
        truth = read_truth(tmp_path / "labels" / "train" / f"{name}.txt", 416, 416)
        assert truth.boxes == pytest.approx(part.boxes, abs=1e-3)
        assert tuple(CLASSES[label] for label in truth.labels) == part.labels


def test_flaws_without_a_class_are_left_out(parts, tmp_path):
    sound = sum(part.labels == ("good",) for part in parts)
    assert 0 < rendered.write(iter(parts), tmp_path, ("good",)) == sound < len(parts)


def test_the_same_parts_are_rendered_again(parts):
    again = next(rendered.parts_to_train_on(1))
    assert np.array_equal(again.image, parts[0].image)


def test_parts_come_from_many_batches_of_steel(monkeypatch):
    seeds = []
    monkeypatch.setattr(rendered, "PartRenderer", lambda seed, **_: seeds.append(seed) or Blank())
    assert len(list(rendered.parts_to_train_on(2 * rendered.PER_SEED + 1))) == 2 * rendered.PER_SEED + 1
    assert seeds == list(TRAIN_SEEDS[:3])


class Blank:
    def render(self, index, view):
        return RenderedPart(np.zeros((8, 8, 3), np.uint8), np.zeros((0, 4), np.float32), ())


def test_boxes_are_written_as_they_are_read(tmp_path):
    boxes = np.array([(0, 0, 40, 80), (10, 20, 20, 24)], np.float32)
    picture = RenderedPart(np.zeros((80, 40, 3), np.uint8), boxes, ("good", "pore"))
    (tmp_path / "a.txt").write_text(rendered.yolo_lines(picture, ("pore", "good")))
    truth = read_truth(tmp_path / "a.txt", 40, 80)
    assert truth.boxes == pytest.approx(boxes, abs=1e-3)
    assert truth.labels.tolist() == [1, 0]
