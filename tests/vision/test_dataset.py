"""Truth beside photographs: label files, splits, class names."""

import numpy as np
import pytest

from vision.dataset import PART, label_file, read_classes, read_column, read_split, read_truth

SPLITS = """\
image,weld_group,by_shot
a.jpg,A,train
b.jpg,A,gap
c.jpg,A,test
d.jpg,B,train
"""


@pytest.fixture
def data(tmp_path):
    (tmp_path / "splits.csv").write_text(SPLITS)
    (tmp_path / "classes.txt").write_text("good\nSurface_pores\n")
    (tmp_path / "labels").mkdir()
    return tmp_path


def labels(data, text):
    file = label_file(data, "a.jpg")
    file.write_text(text)
    return file


def test_a_split_leaves_the_gap_out(data):
    split = read_split(data, "by_shot")
    assert split.train == ("a.jpg", "d.jpg")
    assert split.test == ("c.jpg",)


def test_an_unknown_split_is_named(data):
    with pytest.raises(ValueError, match="no column 'by_weld'"):
        read_split(data, "by_weld")


@pytest.mark.parametrize("side", ["train", "test", "gap"])
def test_a_picture_that_stands_there_twice_is_said(data, side):
    with (data / "splits.csv").open("a") as file:
        file.write(f"d.jpg,A,{side}\n")
    with pytest.raises(ValueError, match=r"names 1 of its pictures twice: d\.jpg; leave one row"):
        read_split(data, "by_shot")


def test_a_column_says_something_of_some_pictures(data):
    assert read_column(data, PART) == read_column(data / "nowhere", PART) == {}
    (data / "splits.csv").write_text("image,part\na.jpg,7\nb.jpg,\nc.jpg\n")
    assert read_column(data, PART) == {"a.jpg": "7"}
    (data / "splits.csv").write_text("picture,part\na.jpg,7\n")
    with pytest.raises(ValueError, match="has a column part, but no column image; add"):
        read_column(data, PART)


def test_classes_keep_their_order(data):
    assert read_classes(data) == ("good", "Surface_pores")


def test_boxes_become_pixels_of_the_picture(data):
    truth = read_truth(labels(data, "1 0.5 0.5 0.5 0.25\n0 0.1 0.2 0.2 0.4\n"), 400, 200)
    assert truth.boxes == pytest.approx(np.array([(100, 75, 300, 125), (0, 0, 80, 80)]), abs=1e-4)
    assert truth.labels.tolist() == [1, 0]


def test_a_picture_may_show_nothing(data):
    truth = read_truth(labels(data, "\n"), 400, 200)
    assert len(truth) == 0
    assert truth.boxes.shape == (0, 4)


@pytest.mark.parametrize("label", ["1.9", "nan", "inf", "1e30", "-0.5"])
def test_a_class_that_is_no_whole_number_is_said(data, label):
    with pytest.raises(ValueError, match="has a class that is no whole number"):
        read_truth(labels(data, f"{label} 0.5 0.5 0.5 0.5\n"), 400, 200)


@pytest.mark.parametrize("text", ["1 0.5 0.5 0.5\n", "pore 0.5 0.5 0.5 0.5\n", "1 0 0 1 1\n1 0 0 1\n"])
def test_what_is_no_label_file_is_said(data, text):
    with pytest.raises(ValueError, match="every line must hold five numbers"):
        read_truth(labels(data, text), 400, 200)
